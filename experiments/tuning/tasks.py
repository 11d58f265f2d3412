"""These are the stages of the study's pipelines in the order in which they run.

* a tune: ``FitSurrogates``, ``LeaveOut``, ``TuneTo``, ``FindUncertainty``, ``PredictFamilies``,
  ``RunMonash``, ``RunPythia``, ``Judge``;
* a search of weights: ``FitSurrogates``, ``TuneTo``, ``OuterObjectives``;
* a closure: ``FitSurrogates``, ``LeaveOut``, ``PythiaAtTruth``, ``Close``;
* a comparison of surrogates: ``CompareOrders``.

``PseudoExperiments`` is a task of its own: thousands of small fits, of which no stage is worth keeping.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from experiments.tuning.datasets import Prediction
from experiments.tuning.events.lund import MONASH
from experiments.tuning.families import families
from experiments.tuning.forms import FORMS, chi2_of
from experiments.tuning.metrics import chi2_terms, difference, grid_error, poles
from experiments.tuning.pseudo import Comparison, Nature, PseudoData, compare, last_of_table
from experiments.tuning.uncertainty import Uncertainty
from experiments.tuning.weighting.outer import outer_objectives
from experiments.tuning.weights import Weighting, build_weighting
from lblhep import components
from lblhep.annotations import Floats, Mask
from lblhep.recipe import Component
from lblhep.surrogates import (
    Chi2,
    Grid,
    HoldOut,
    Surrogate,
    Tune,
    fit_polynomials,
    fit_rationals,
    hold_out,
    score,
    tune,
)
from lblhep.tasks import Bench, Failure, Row
from lblhep.trials import Trial

CUBIC_ORDER = 3  # order of the polynomials that others are compared with
VARIANCE_ORDER = 2  # of the polynomial that the generator's variance is, as a function of the parameters


class FitSurrogates:
    """Fit a surrogate to each measured bin: polynomials of order m, or rationals of ``order`` [m, n]."""

    def __init__(self, *, order: int | Sequence[int] = 3) -> None:
        if not isinstance(order, int) and len(order) != 2:
            raise ValueError(f"order: {order} is neither that of a polynomial nor a rational's [m, n]")
        self.order = order

    def __call__(self, bench: Bench, trial: Trial) -> Surrogate:
        grid = bench.dataset(trial, "grid").of(bench.dataset(trial, "measured"))
        if isinstance(self.order, int):
            return fit_polynomials(grid, self.order)
        numerator, denominator = self.order
        return fit_rationals(grid, (numerator, denominator))


class LeaveOut:
    """Predict grid points by surrogates that were fitted without them, in ``folds`` random parts."""

    def __init__(self, *, folds: int = 8) -> None:
        self.folds = folds

    def __call__(self, surrogates: Surrogate) -> HoldOut:
        return hold_out(surrogates, self.folds)


class TuneTo:
    """Find the parameters that describe one ``experiment`` best.

    ``form`` says what else than the data's errors enters chi2 (``forms``).  ``weighting`` says how much each
    bin counts (``weights``; the default is that all bins count the same).

    No generator describes these data within their errors.  ``model_error``, a share of each value, is added
    to the data's error in quadrature for the fit and its weighting: the Monash tune took 5 %
    (arXiv:1404.5630).  Whether that helps is asked of ``PredictFamilies``.

    On data that no point of the box describes, the forms with the surrogates' covariance take misfit for
    noise of the surrogates, and lean to where that is largest: the edge of the box.  ``plain`` does not.
    """

    def __init__(
        self,
        *,
        experiment: str,
        form: str = "plain",
        model_error: float = 0.0,
        starts: int = 20,
        weighting: Component | Weighting | None = None,
    ) -> None:
        self.experiment = experiment
        self.form = chi2_of(form)
        self.model_error = model_error
        self.starts = starts
        self.weighting = build_weighting(weighting)

    def __call__(self, bench: Bench, trial: Trial, surrogates: Surrogate) -> Tune:
        bins = bench.dataset(trial, "measured").bins
        fitted = (bins["experiment"] == self.experiment).to_numpy()
        if not fitted.any():
            known = ", ".join(sorted(set(bins["experiment"])))
            raise ValueError(f"no measured bin of {self.experiment!r}; there are those of {known}")
        return self.fit(bins, surrogates, fitted)

    def fit(self, bins: pd.DataFrame, surrogates: Surrogate, rows: Mask) -> Tune:
        """Tune to the bins that ``rows`` (B,) is true for."""
        bins = bins.assign(error=np.hypot(bins["error"], self.model_error * bins["value"]))
        weights = np.zeros(len(bins))
        weights[rows] = self.weighting(bins[rows], surrogates.only(rows))
        if self.form and not np.isin(weights, (0, 1)).all():
            raise ValueError("weights and the surrogates' covariance do not go together: take the form plain")
        chi2 = Chi2(surrogates, bins["value"], errors=bins["error"], weights=weights, **self.form)
        return tune(chi2, starts=self.starts)


class FindUncertainty:
    """Find intervals, contours of ``directions`` points, and eigentunes ``delta_chi2`` above the minimum."""

    def __init__(self, *, directions: int = 16, delta_chi2: float = 1.0) -> None:
        self.directions, self.delta_chi2 = directions, delta_chi2

    def __call__(self, tuned: Tune) -> Uncertainty:
        return Uncertainty.of(tuned, directions=self.directions, delta_chi2=self.delta_chi2)


class PredictFamilies:
    """Sum chi2 over the families of the fitted experiment's observables, each by a tune to all others.

    It is chi2 with the data's errors alone; the surrogates' variance, which is larger at the edge of the box,
    is taken off (``metrics.chi2_terms``).  Forms of chi2, model errors and weightings can be compared by it:
    choose among them by this number, and let the held-out experiment judge the one that was chosen.  A
    weighting is asked anew for each tune; weights that a search has found (``Stated``) have seen all families
    already, and their number is too good.

    It is NaN if there are not two families, or too few bins without one of them.
    """

    def __call__(self, bench: Bench, trial: Trial, surrogates: Surrogate, tuned: Tune) -> float:
        tuner: TuneTo = components.build(trial.recipe.task.arguments["stages"]["tuned"])
        bins = bench.dataset(trial, "measured").bins
        fitted = (bins["experiment"] == tuner.experiment).to_numpy()
        family = families(bins)
        chi2 = 0.0
        for left_out in np.unique(family[fitted]):
            others, rows = fitted & (family != left_out), fitted & (family == left_out)
            if others.sum() < len(surrogates.box):
                return float("nan")
            point = tuner.fit(bins, surrogates, others).values
            part = surrogates.only(rows)
            chi2 += float(chi2_terms(bins[rows], part.values(point), part.variance(point)).sum())
        return chi2


class RunMonash:
    """Run Pythia at the expert's tune, Monash (arXiv:1404.5630), which used these data and others."""

    def __init__(self, *, events: int) -> None:
        self.events = events

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator) -> Prediction:
        return _run(bench, trial, MONASH, self.events, rng)


class RunPythia:
    """Run Pythia for ``events`` new events at the tuned point."""

    def __init__(self, *, events: int) -> None:
        self.events = events

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator, tuned: Tune) -> Prediction:
        point = dict(zip(tuned.names, map(float, tuned.values), strict=True))
        return _run(bench, trial, point, self.events, rng)


def _run(
    bench: Bench, trial: Trial, point: Mapping[str, float], events: int, rng: np.random.Generator
) -> Prediction:
    measured, grid = bench.dataset(trial, "measured"), bench.dataset(trial, "grid")
    return grid.run(measured, point, events, int(rng.integers(2**63)))


class Judge:
    """Say what the tune is worth: parameters, and chi2 of Pythia run again against the data, beside Monash's.

    Every chi2 is free of Monte Carlo noise (``metrics.chi2_terms``), so that the runs may differ in events.
    ``predicted_chi2`` is that of ``PredictFamilies``.  ``tuned_chi2`` and ``held_out_chi2`` are those of the
    experiment that was fitted and of the other.  ``gain`` is Monash's chi2 less the tune's on the same data,
    with the Monte Carlo error of both runs; ``held_out_gain_grid_error`` is what the grid's noise adds by way
    of the tuned point.
    """

    def __call__(
        self,
        bench: Bench,
        trial: Trial,
        surrogates: Surrogate,
        left_out: HoldOut,
        tuned: Tune,
        uncertainty: Uncertainty,
        predicted: float,
        run: Prediction,
        monash: Prediction,
    ) -> Mapping[str, float]:
        bins = bench.dataset(trial, "measured").bins
        # All bins of the fitted experiment count, also those that the weighting has left out.
        fitted = bins["experiment"].isin(bins["experiment"].iloc[tuned.objective.used]).to_numpy()
        predictions = {
            "run": run.values,
            "run_error": run.errors,
            "monash": monash.values,
            "monash_error": monash.errors,
            "surrogate": surrogates.values(tuned.values),
            "surrogate_error": np.sqrt(surrogates.variance(tuned.values)),
            "hold_out": left_out.relative_rms,
            "chi2_run": chi2_terms(bins, run.values, run.errors**2),
            "chi2_monash": chi2_terms(bins, monash.values, monash.errors**2),
            "fitted": fitted,
        }
        bench.save(trial, "bins", predictions)
        bench.save(
            trial,
            "tune",
            {
                "values": tuned.values,
                "errors": tuned.errors,
                "profile": uncertainty.profile,
                "slope_noise": uncertainty.slope_noise,
                "eigentunes": uncertainty.eigentunes,
                "eigentune_at_bound": uncertainty.at_bound,
            },
        )
        bench.save(trial, "contours", uncertainty.contours)
        row = _parameters(tuned)
        row |= {"slope_noise": float(uncertainty.slope_noise.max()), "noise": uncertainty.noise}
        row |= {"predicted_chi2": predicted, "valid": float(tuned.valid)}
        if not fitted.all():
            row["held_out_gain_grid_error"] = grid_error(
                bins[~fitted], run.of(~fitted), surrogates.only(~fitted), tuned
            )
        for name, rows in (("tuned", fitted), ("held_out", ~fitted)):
            if not rows.any():  # one experiment alone: nothing is held out
                continue
            gain, error = difference(bins[rows], monash.of(rows), run.of(rows))
            row |= {
                f"{name}_bins": float(rows.sum()),
                f"{name}_chi2": float(predictions["chi2_run"][rows].sum()),
                f"{name}_chi2_monash": float(predictions["chi2_monash"][rows].sum()),
                f"{name}_gain": gain,
                f"{name}_gain_error": error,
            }
        return row


def _parameters(tuned: Tune) -> dict[str, float]:
    """Return each parameter's value, error and bound, and how the fit went, as metrics."""
    row: dict[str, float] = {}
    for name, value, error, bound in zip(
        tuned.names, tuned.values, tuned.errors, tuned.at_bound, strict=True
    ):
        row |= {name: float(value), f"{name}_error": float(error), f"{name}_at_bound": float(bound)}
    return row | {
        "minimum_chi2": tuned.chi2,
        "ndf": float(tuned.ndf),
        "reached": tuned.reached / tuned.starts,
    }


class OuterObjectives:
    """Judge a point of a search of weights, on the bins of the experiment that was fitted.

    The other experiment is not looked at: it is there to test the tune that the weights lead to.
    """

    def __call__(self, bench: Bench, trial: Trial, surrogates: Surrogate, tuned: Tune) -> Mapping[str, float]:
        bins = bench.dataset(trial, "measured").bins
        fitted = bins["experiment"].isin(bins["experiment"].iloc[tuned.objective.used]).to_numpy()
        row = outer_objectives(bins[fitted], surrogates.only(fitted), tuned.values)
        return row | dict(zip(tuned.names, map(float, tuned.values), strict=True))


class PythiaAtTruth:
    """Make pseudo-data number ``number`` by Pythia, at a point drawn evenly from the middle of the box.

    ``spread`` is the share of each parameter's range that the truth is drawn from, so that errors do not meet
    the box's edges.
    """

    random_arguments = ("number",)

    def __init__(self, *, number: int, events: int, spread: float = 0.6) -> None:
        self.events, self.spread = events, spread

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator) -> PseudoData:
        box = bench.dataset(trial, "grid").box
        truth = box.unscale(self.spread * rng.uniform(-1, 1, len(box)))
        point = dict(zip(box.names, map(float, truth), strict=True))
        return PseudoData(truth, self.events, _run(bench, trial, point, self.events, rng))


class Close:
    """Tune to pseudo-data in each form of chi2 (``forms``): is the truth found within the errors?

    The data's covariance is that of the number of events: the generator's variance, smooth in the parameters
    and taken where a first fit ended (a bin's own content would favour downward fluctuations), with the bins'
    correlation.  The metrics are chi2 / ndf of each form, the saved arrays the pulls (forms, d) and the
    truth.
    """

    def __init__(self, *, starts: int = 20) -> None:
        self.starts = starts

    def __call__(
        self,
        bench: Bench,
        trial: Trial,
        surrogates: Surrogate,
        left_out: HoldOut,
        pseudo_data: PseudoData,
    ) -> Mapping[str, float]:
        grid, data = surrogates.fitted_grid, pseudo_data.made.values
        weights = np.where(last_of_table(bench.dataset(trial, "measured").bins), 0.0, 1.0)
        assert grid.errors is not None
        variance = grid.errors**2 * bench.dataset(trial, "grid").events[:, None]  # of one event
        variance_of_event = fit_polynomials(Grid(grid.box, grid.points, variance), VARIANCE_ORDER)
        floor = variance.min(axis=0)

        def covariance(point: Floats) -> Floats:
            error = np.sqrt(np.maximum(variance_of_event.values(point), floor) / pseudo_data.events)
            return np.asarray(surrogates.correlation * np.outer(error, error))

        middle = (grid.box.low + grid.box.high) / 2
        first = tune(
            Chi2(surrogates, data, covariance=covariance(middle), weights=weights), starts=self.starts
        )
        noise = covariance(first.values)
        forms = {form: (noise, more) for form, more in FORMS.items()}
        forms["misfit"] = noise + np.diag(left_out.misfit), FORMS["covariance"]
        tunes = {
            form: tune(
                Chi2(surrogates, data, covariance=matrix, weights=weights, **more),
                starts=first.values[None],
            )
            for form, (matrix, more) in forms.items()
        }
        pulls = np.array([_pulls(found.values - pseudo_data.truth, found.errors) for found in tunes.values()])
        bench.save(trial, "closure", {"pulls": pulls, "truth": pseudo_data.truth})
        return {f"chi2_ndf_{form}": found.chi2 / found.ndf for form, found in tunes.items()}


def _pulls(shift: Floats, errors: Floats) -> Floats:
    """Return shift / error (d,), NaN for a parameter at a bound, which has no error."""
    return np.asarray(shift / np.where(errors > 0, errors, np.nan))


class CompareOrders:
    """Compare a rational of ``order`` [m, n], or with n = 0 a polynomial, with the cubic of the same grid.

    Points are left out in ``folds`` random parts, the same for both.  Metrics: ``poles``, the number of bins
    whose denominator is not positive in the whole box (``metrics.poles``); the medians of the bins' hold-out
    rms in units of the Monte Carlo error; and the ratio of the rms to the cubic's: its median, its largest,
    and the shares of bins in which it predicts better by more than 5 %, and worse.
    """

    def __init__(self, *, order: Sequence[int], folds: int = 8) -> None:
        self.order, self.folds = (int(order[0]), int(order[1])), folds

    def __call__(self, bench: Bench, trial: Trial) -> Mapping[str, float]:
        grid = bench.dataset(trial, "grid").of(bench.dataset(trial, "measured"))
        cubic = fit_polynomials(grid, CUBIC_ORDER)
        started = time.process_time()
        fit = fit_rationals(grid, self.order) if self.order[1] else fit_polynomials(grid, self.order[0])
        seconds = time.process_time() - started
        left_out = [hold_out(each, self.folds) for each in (cubic, fit)]
        ratio = left_out[1].rms / left_out[0].rms
        bench.save(trial, "orders", {"ratio": ratio, "cubic": left_out[0].relative_rms})
        return {
            "parameters": float(len(grid.box)),
            "points": float(len(grid)),
            "bins": float(grid.bins),
            "coefficients": float(fit.response.shape[1]),
            "poles": float(poles(fit)),
            "cubic_rms": float(np.median(left_out[0].relative_rms)),
            "rms": float(np.median(left_out[1].relative_rms)),
            "median_ratio": float(np.median(ratio)),
            "largest_ratio": float(ratio.max()),
            "better": float((ratio < 0.95).mean()),
            "worse": float((ratio > 1.05).mean()),
            "fit_cpu_seconds": seconds,
        }


class PseudoExperiments:
    """Make ``repetitions`` pseudo-experiments at one ``noise`` and ``truth``, by polynomials of ``order``.

    Every repetition draws data and grid anew (``pseudo.Nature``) and tunes once with each form of chi2.  Fits
    start where a tune to real data starts, from as many ``starts`` all over the box as ``TuneTo``'s default,
    without a look at the truth.  ``batch`` numbers trials of the same kind: it only draws other events.
    """

    batches_over: tuple[str, ...] = ()
    random_arguments = ("noise", "batch")

    def __init__(
        self,
        *,
        noise: float,
        repetitions: int,
        truth: Mapping[str, float],
        order: int = 3,
        starts: int = 20,
        batch: int = 0,
    ) -> None:
        if not noise > 0:
            raise ValueError(f"noise={noise} must be positive: it is the Monte Carlo error over the data's")
        self.noise = noise
        self.repetitions = repetitions
        self.truth = dict(truth)
        self.order = order
        self.starts = starts

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """Return a row for each trial; save as ``pseudo`` the numbers of ``Comparison``, (n, forms, ...).

        The array ``score`` (n,) holds the score statistics at the truth, ``ndf`` the degrees of freedom.
        """
        return [self._repeat(trial, bench) for trial in trials]

    def _repeat(self, trial: Trial, bench: Bench) -> Row:
        measured = bench.dataset(trial, "measured")
        real = bench.dataset(trial, "grid").of(measured)
        nature = Nature.of(fit_polynomials(real, self.order), measured.bins["error"], self.noise)
        truth, rng = real.box.point(self.truth), bench.generator(trial, "task")
        compared: list[list[Comparison]] = []
        statistics = []
        for _ in range(self.repetitions):
            objectives = nature.objectives(truth, rng)
            compared.append([compare(objective, truth, self.starts) for objective in objectives.values()])
            statistics.append(score(objectives["covariance"], truth).statistic)
        arrays = {
            name: np.array([[getattr(form, name) for form in one] for one in compared])
            for name in ("chi2", "pulls", "hessian_pulls", "rises")
        }
        ndf = len(measured.bins) - len(truth)
        bench.save(trial, "pseudo", arrays | {"score": np.array(statistics), "ndf": np.array(ndf)})
        mean = arrays["chi2"].mean(axis=0) / ndf
        return Row(trial.id, {f"chi2_ndf_{form}": float(m) for form, m in zip(FORMS, mean, strict=True)})
