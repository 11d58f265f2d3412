"""Which surrogates describe the generator best?  Several orders against cubics, bin by bin.

Every form is judged by points of the grid that it was not fitted to (``lblhep.surrogates.hold_out``), and
every rational's denominator by a sample of the box that has nothing to do with the proof in its fit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.tuning.datasets import Measured
from lblhep.report import COLOURS, Launched, Page, new_figure
from lblhep.surrogates import Rationals, Surrogate, fit_polynomials, fit_rationals, hold_out
from lblhep.tasks import Bench
from lblhep.trials import Trial

SAMPLE = 2**14  # points at which denominators are looked at
CUBIC = 3


class CompareOrders:
    """A rational of ``order`` [m, n], or with n = 0 a polynomial, beside the cubic on the data set ``grid``.

    Points are left out in ``folds`` random parts, the same for both.  Metrics: ``poles``, bins whose
    denominator is not positive in the whole box by the sample, or not proven to be; the medians of the bins'
    hold-out rms in units of the Monte Carlo error; and the ratio of the rms to the cubic's: its median, its
    largest, and the shares of bins in which it predicts better by more than 5 %, and worse.
    """

    def __init__(self, *, order: Sequence[int], folds: int = 8) -> None:
        self.order, self.folds = (int(order[0]), int(order[1])), folds

    def __call__(self, bench: Bench, trial: Trial) -> Mapping[str, float]:
        grid = bench.dataset(trial, "grid").of(bench.dataset(trial, "measured"))
        cubic = fit_polynomials(grid, CUBIC)
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


def poles(fit: Surrogate) -> int:
    """Bins with a denominator that is not proven positive, or not positive at a sample or a corner."""
    if not isinstance(fit, Rationals):
        return 0
    box = fit.box
    corners = box.unscale(2.0 * np.array(list(np.ndindex(*(2,) * len(box)))) - 1)
    points = np.concatenate([box.sobol(SAMPLE, seed=0), corners])
    positive = (fit.denominator.values(points) > 0).all(axis=0)
    return int((~(positive & fit.pole_free())).sum())


class OrdersReport:
    """Poles and hold-out errors of every order on every grid, and which observables gain or lose."""

    def render(self, launch: Launched, out: Path) -> Mapping[str, str | float]:
        """Write the page; the headline is poles and median ratio of each."""
        rows = launch.rows[launch.rows["status"] == "finished"]
        page = Page(launch.recipe.title or "Orders of surrogates", f"{len(rows)} comparisons with cubics")
        page.text(
            "Hold-out: rms over grid points of prediction less generated value, each point predicted by a "
            "fit to others. In units of the Monte Carlo error, 1 would be a perfect surrogate without noise "
            "of its own. *Better* and *worse*: shares of bins that differ from the cubic by more than 5 %."
        )
        shown = ["parameters", "points", "order", "coefficients", "poles", "cubic_rms", "rms"]
        shown += ["median_ratio", "largest_ratio", "better", "worse", "fit_cpu_seconds"]
        page.table(rows[shown])
        page.figure("ratios", _ratios(launch, rows), "Every bin; left of 1 the cubic predicts worse.")
        page.table(_observables(launch, rows), "Median ratio of each observable's bins.")
        page.provenance(launch)
        page.write(out)
        return {
            _label(row): f"{row['poles']:.0f} poles, hold-out rms {row['median_ratio']:.3f} of the cubic's, "
            f"at most {row['largest_ratio']:.2f}"
            for _, row in rows.iterrows()
        }


def _label(row: pd.Series) -> str:
    return f"{row['parameters']:.0f} parameters, {row['order']}"


def _ratios(launch: Launched, rows: pd.DataFrame) -> Figure:
    """A panel for each grid, a line for each order."""
    grids = rows.groupby("parameters")
    figure, axes = new_figure(1, len(grids), width=13, height=4.4, squeeze=False, sharey=True)
    edges = np.geomspace(0.4, 2.5, 28)
    for panel, (parameters, part) in zip(axes[0], grids, strict=True):
        for colour, (_, row) in zip(COLOURS, part.iterrows(), strict=False):
            ratio = np.clip(launch.arrays(row["trial"], "orders")["ratio"], edges[0], edges[-1])
            panel.hist(ratio, edges, histtype="step", lw=1.5, color=colour, label=f"order {row['order']}")
        panel.axvline(1, color="grey", lw=0.8)
        panel.set(xscale="log", title=f"{parameters:.0f} parameters, {part['points'].iloc[0]:.0f} points")
        panel.minorticks_off()
        panel.set_xticks([0.5, 0.7, 1, 1.4, 2], ["0.5", "0.7", "1", "1.4", "2"])
        panel.set_xlabel("Hold-out rms / that of the cubic")
    axes[0, 0].set_ylabel("Bins")
    axes[0, -1].legend(fontsize=9)
    return figure


def _observables(launch: Launched, rows: pd.DataFrame) -> pd.DataFrame:
    bins = Measured(launch.sample("measured"), **launch.recipe.datasets["measured"].arguments).bins
    columns = {}
    for _, row in rows.iterrows():
        ratio = bins.assign(ratio=launch.arrays(row["trial"], "orders")["ratio"])
        columns[_label(row)] = ratio.groupby("observable", sort=False)["ratio"].median()
    return pd.DataFrame(columns).reset_index()
