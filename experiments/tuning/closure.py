"""Closure: is the truth found within the errors when the data are Pythia's own?

Pseudo-data that surrogates make cannot show what surrogates get wrong.  Here they are new events of Pythia at
a true point drawn at random, and the tune has to find it.  The data's covariance is that of the number of
events: the generator's variance, smooth in the parameters and taken where a first fit ended (a bin's own
content would favour downward fluctuations), with the bins' correlation.

Beside the forms of chi2 of every tune there is ``misfit``: the form ``covariance``, with the variance that
surrogates show beyond noise when they predict points left out added to the data's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import FORMS
from lblhep.annotations import Floats
from lblhep.report import COLOURS, Launched, Page, new_figure
from lblhep.surrogates import Chi2, Grid, HoldOut, Surrogate, fit_polynomials, tune
from lblhep.tasks import Bench
from lblhep.trials import Trial

CLOSED = (*FORMS, "misfit")
VARIANCE_ORDER = 2  # of the polynomial that the generator's variance is, as a function of the parameters


@dataclass(frozen=True)
class PseudoData:
    """What Pythia made of ``events`` events at ``truth`` (d,)."""

    truth: Floats
    events: int
    made: Prediction


class PythiaAtTruth:
    """Pseudo-data number ``number``, at a point drawn evenly from the middle of the box.

    ``spread``: the share of each parameter's range that the truth is drawn from, so that errors do not meet
    the box's edges.
    """

    random_arguments = ("number",)

    def __init__(self, *, number: int, events: int, spread: float = 0.6) -> None:
        self.events, self.spread = events, spread

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator) -> PseudoData:
        measured, grid = bench.dataset(trial, "measured"), bench.dataset(trial, "grid")
        box = grid.box
        truth = box.unscale(self.spread * rng.uniform(-1, 1, len(box)))
        point = dict(zip(box.names, map(float, truth), strict=True))
        return PseudoData(
            truth, self.events, grid.run(measured, point, self.events, int(rng.integers(2**63)))
        )


class Close:
    """Tune to pseudo-data in each form of chi2; the metrics are chi2 / ndf, the arrays pulls (forms, d)."""

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
        grid = surrogates.fitted_grid
        bins = bench.dataset(trial, "measured").bins
        weights = np.where(last_of_table(bins), 0.0, 1.0)
        data, events = pseudo_data.made.values, bench.dataset(trial, "grid").events[:, None]
        assert grid.errors is not None
        an_event = fit_polynomials(Grid(grid.box, grid.points, grid.errors**2 * events), VARIANCE_ORDER)
        floor = (grid.errors**2 * events).min(axis=0)

        def covariance(point: Floats) -> Floats:
            error = np.sqrt(np.maximum(an_event.values(point), floor) / pseudo_data.events)
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


def last_of_table(bins: pd.DataFrame) -> NDArray[np.bool_]:
    """The last bin of each table of several (B,): their sum is fixed, so that bin says nothing new."""
    table = bins["experiment"] + bins["table"]
    several = table.map(table.value_counts()) > 1
    return np.asarray(several & ~table.duplicated(keep="last"))


def _pulls(shift: Floats, errors: Floats) -> Floats:
    """(d,), NaN for a parameter at a bound."""
    return np.asarray(shift / np.where(errors > 0, errors, np.nan))


class PullsOfSets:
    """Over all sets of pseudo-data, for each form: mean and width of the pulls of all parameters together.

    ``at_bound``: the share of parameters without an error, which have no pull.
    """

    def __call__(self, rows: pd.DataFrame, arrays: Any) -> Mapping[str, float | Floats]:
        pulls = np.stack([arrays[trial, "closure"]["pulls"] for trial in rows["trial"]])  # (n, forms, d)
        result: dict[str, float | Floats] = {"sets": float(len(pulls)), "pulls": pulls}
        for i, form in enumerate(CLOSED):
            result |= {
                f"mean_{form}": float(np.nanmean(pulls[:, i])),
                f"width_{form}": float(np.nanstd(pulls[:, i])),
                f"at_bound_{form}": float(np.isnan(pulls[:, i]).mean()),
                f"chi2_ndf_{form}": float(rows[f"chi2_ndf_{form}"].mean()),
                f"chi2_ndf_error_{form}": float(rows[f"chi2_ndf_{form}"].std() / np.sqrt(len(rows))),
            }
        return result


class ClosureReport:
    """Pulls of every parameter in every form, beside the unit Gaussian."""

    def render(self, launch: Launched, out: Path) -> Mapping[str, str | float]:
        """Write the page; the headline is, for each form, the mean pull of the parameter furthest off, the
        range of the parameters' widths, and chi2 / ndf."""
        (group,) = launch.groups.to_dict("records")
        pulls = launch.group_arrays(group["group"])["pulls"]
        names = list(launch.sample("grid").card.sources.produce[0].arguments["box"])
        page = Page(launch.recipe.title or "Closure", f"{len(pulls)} sets of Pythia's own events")
        page.table(
            _table(pulls, names),
            "Pulls (tuned - true) / error of each parameter: mean and width with standard errors.",
        )
        page.table(
            pd.DataFrame(
                {
                    "form": form,
                    "chi2 / ndf": f"{group[f'chi2_ndf_{form}']:.3f} +- {group[f'chi2_ndf_error_{form}']:.3f}",
                    "at a bound": f"{group[f'at_bound_{form}']:.1%}",
                }
                for form in CLOSED
            )
        )
        page.figure("pulls", _histograms(pulls, names), "The curve is the unit Gaussian.")
        page.provenance(launch)
        page.write(out)
        return {
            f"pulls, {form}": f"{_worst(pulls[:, i], names)}, chi2/ndf {group[f'chi2_ndf_{form}']:.2f}"
            for i, form in enumerate(CLOSED)
        }


def _worst(pulls: Floats, names: list[str]) -> str:
    """Of pulls (n, d) of one form: the mean that is largest in absolute value, and the range of widths.

    Not the mean over parameters, in which those that are off up and down cancel.
    """
    mean, width = np.nanmean(pulls, axis=0), np.nanstd(pulls, axis=0, ddof=1)
    j = int(np.argmax(abs(mean)))
    error = width[j] / np.sqrt(np.isfinite(pulls[:, j]).sum())
    widths = f"widths {width.min():.2f} to {width.max():.2f}"
    return f"largest mean {mean[j]:+.2f} +- {error:.2f} ({names[j]}), {widths}"


def _table(pulls: Floats, names: list[str]) -> pd.DataFrame:
    lines = []
    for i, form in enumerate(CLOSED):
        line = {"form": form}
        for j, name in enumerate(names):
            values = pulls[:, i, j][np.isfinite(pulls[:, i, j])]
            n, width = len(values), values.std(ddof=1)
            line[name] = (
                f"{values.mean():+.2f} +- {width / np.sqrt(n):.2f}, "
                f"{width:.2f} +- {width / np.sqrt(2 * (n - 1)):.2f}"
            )
        lines.append(line)
    return pd.DataFrame(lines)


def _histograms(pulls: Floats, names: list[str]) -> Figure:
    figure, axes = new_figure(1, len(names), width=3.4 * len(names), height=3.6, squeeze=False, sharey=True)
    edges, x = np.linspace(-4, 4, 17), np.linspace(-4, 4, 200)
    for j, (panel, name) in enumerate(zip(axes[0], names, strict=True)):
        for colour, (i, form) in zip(COLOURS, enumerate(CLOSED), strict=False):
            panel.hist(
                np.clip(pulls[:, i, j], -4, 4), edges, histtype="step", color=colour, lw=1.4, label=form
            )
        panel.plot(x, len(pulls) * 0.5 * norm.pdf(x), color="black", lw=1)
        panel.set(xlabel="(tuned - true) / error", title=name, xlim=(-4, 4))
    axes[0, 0].set_ylabel("Sets of pseudo-data")
    axes[0, -1].legend(fontsize=8)
    return figure
