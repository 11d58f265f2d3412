"""The stages of a tune: surrogates, the fit to one experiment, and Pythia run again where the fit ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import chi2_of
from experiments.tuning.lund import MONASH
from experiments.tuning.metrics import chi2_terms, difference, grid_error
from experiments.tuning.uncertainty import Uncertainty
from experiments.tuning.weights import Weighting, build_weighting
from lblhep.recipe import Component
from lblhep.surrogates import Chi2, HoldOut, Surrogate, Tune, fit_polynomials, fit_rationals, hold_out, tune
from lblhep.tasks import Bench
from lblhep.trials import Trial


class FitSurrogates:
    """A surrogate for each measured bin: polynomials of order m, or rationals of ``order`` [m, n]."""

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
    """How well the surrogates predict points left out, in ``folds`` random parts: rationals are refitted."""

    def __init__(self, *, folds: int = 8) -> None:
        self.folds = folds

    def __call__(self, surrogates: Surrogate) -> HoldOut:
        return hold_out(surrogates, self.folds)


class TuneTo:
    """The parameters that describe one ``experiment`` best.

    ``form`` says what else than the data's errors enters chi2 (``forms``).  ``weighting`` says what each bin
    counts (``weights``; default: all the same).

    No generator describes these data within their errors.  ``model_error``, a share of each value, is added
    to the data's error in quadrature for the fit and its weighting: the Monash tune took 5 %
    (arXiv:1404.5630).  Whether that helps is asked of ``cross_validation``.

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

    def fit(self, bins: pd.DataFrame, surrogates: Surrogate, rows: NDArray[np.bool_]) -> Tune:
        """The tune to some of the bins: a mask (B,)."""
        bins = bins.assign(error=np.hypot(bins["error"], self.model_error * bins["value"]))
        weights = np.zeros(len(bins))
        weights[rows] = self.weighting(bins[rows], surrogates.only(rows))
        if self.form and not np.isin(weights, (0, 1)).all():
            raise ValueError("weights and the surrogates' covariance do not go together: take the form plain")
        chi2 = Chi2(surrogates, bins["value"], errors=bins["error"], weights=weights, **self.form)
        return tune(chi2, starts=self.starts)


class RunPythia:
    """Pythia's own bins from ``events`` new events: at the tuned point."""

    def __init__(self, *, events: int) -> None:
        self.events = events

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator, tuned: Tune) -> Prediction:
        point = dict(zip(tuned.names, map(float, tuned.values), strict=True))
        return _run(bench, trial, point, self.events, rng)


class RunMonash:
    """The same at the expert's tune (arXiv:1404.5630), which used these data and others."""

    def __init__(self, *, events: int) -> None:
        self.events = events

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator) -> Prediction:
        return _run(bench, trial, MONASH, self.events, rng)


def _run(
    bench: Bench, trial: Trial, point: Mapping[str, float], events: int, rng: np.random.Generator
) -> Prediction:
    measured, grid = bench.dataset(trial, "measured"), bench.dataset(trial, "grid")
    return grid.run(measured, point, events, int(rng.integers(2**63)))


class Judge:
    """What the tune is worth: parameters, and chi2 of Pythia run again against the data, beside Monash's.

    Every chi2 is free of Monte Carlo noise (``metrics.chi2_terms``), so that the runs may differ in events.
    ``predicted_chi2`` is that of ``PredictFamilies``.  ``tuned_chi2`` and ``held_out_chi2`` are of the
    experiment that was fitted and of the other; ``gain`` is Monash's chi2 less the tune's on the same data,
    with the Monte Carlo error of both runs, and ``held_out_gain_grid_error`` what the grid's noise adds by
    way of the tuned point.
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
        # Of the fitted experiment, also what its weighting has left out.
        fitted = bins["experiment"].isin(bins["experiment"].iloc[tuned.objective.used]).to_numpy()
        chi2_run, chi2_monash = (chi2_terms(bins, made.values, made.errors**2) for made in (run, monash))
        row: dict[str, float] = {}
        for name, value, error, bound in zip(
            tuned.names, tuned.values, tuned.errors, tuned.at_bound, strict=True
        ):
            row |= {name: float(value), f"{name}_error": float(error), f"{name}_at_bound": float(bound)}
        row |= {"minimum_chi2": tuned.chi2, "ndf": float(tuned.ndf), "reached": tuned.reached / tuned.starts}
        row |= {"slope_noise": float(uncertainty.slope_noise.max()), "noise": uncertainty.noise}
        row["predicted_chi2"] = predicted
        row["valid"] = float(tuned.valid)
        if not fitted.all():
            row["held_out_gain_grid_error"] = grid_error(
                bins[~fitted], run.of(~fitted), surrogates.only(~fitted), tuned
            )
        for name, rows in (("tuned", fitted), ("held_out", ~fitted)):
            if not rows.any():  # one experiment alone: nothing is held out
                continue
            part = bins[rows]
            gain, error = difference(part, monash.of(rows), run.of(rows))
            row |= {
                f"{name}_bins": float(rows.sum()),
                f"{name}_chi2": float(chi2_run[rows].sum()),
                f"{name}_chi2_monash": float(chi2_monash[rows].sum()),
                f"{name}_gain": gain,
                f"{name}_gain_error": error,
            }
        bench.save(
            trial,
            "bins",
            {
                "run": run.values,
                "run_error": run.errors,
                "monash": monash.values,
                "monash_error": monash.errors,
                "surrogate": surrogates.values(tuned.values),
                "surrogate_error": np.sqrt(surrogates.variance(tuned.values)),
                "hold_out": left_out.relative_rms,
                "chi2_run": chi2_run,
                "chi2_monash": chi2_monash,
                "fitted": fitted,
            },
        )
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
        return row
