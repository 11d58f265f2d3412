"""These pages show the tunes, judged on data that they saw and did not see, and a search of weights."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.tuning import figures, tables
from experiments.tuning.commands import write_commands
from experiments.tuning.results import Results
from experiments.tuning.sheets import observable_sheets
from experiments.tuning.weighting.search import best_weights, ranked_points
from lblhep.report import COLOURS, Launched, Page, new_figure

Headline = Mapping[str, str | float]
NO_INTERVAL_NOTE = (
    "The data's bin-to-bin covariance was not published and no model describes them within their errors, so "
    "errors, intervals, contours and eigentunes are those of a fit with diagonal errors of the data (and a "
    "model error where the table says so): they say how sharply the minimum stands, not where the true value "
    "lies with 68 %."
)


class TuneReport:
    """The page of the tunes shows parameters, chi2 of Pythia run again, and every observable."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline is each tune's gain over Monash on the experiment it did not see."""
        results = Results(launch)
        stages = launch.recipe.task.arguments["stages"]
        page = Page(
            launch.recipe.title or "Tune",
            f"{len(results.bins)} bins, {len(results.rows)} tunes, surrogates of order "
            f"{stages['surrogates'].arguments['order']}, {stages['run'].arguments['events']} events at each "
            f"tuned point and {stages['monash'].arguments['events']} at Monash's",
        )
        page.heading("The tunes")
        page.text(NO_INTERVAL_NOTE)
        page.table(
            tables.parameters(results),
            "Tuned parameters. avgZ is the mean z of a rho; it stands for bLund. Noise: the Monte Carlo "
            "error of a grid point over the data's error, root mean square over the fitted bins.",
        )
        for warning in tables.warnings(results):
            page.text(warning)
        page.figure(
            "parameters",
            figures.parameters(
                {
                    key: (row[list(results.box)].to_numpy(float), results.contours(row["trial"]))
                    for key, row in results.rows.items()
                },
                results.box,
                tables.monash_point(),
            ),
            "Contours of 68 % in two parameters, the others refitted; the box is the grid's.",
        )
        page.table(
            tables.intervals(results),
            "Profile intervals: where chi2 has risen by 1 and by 3.84, all other parameters refitted.",
        )
        write_commands(results, out)
        page.text(
            "Each tune and its eigentunes (chi2 one higher along each principal direction) lie beside this "
            "page as Pythia command files, `*.cmnd`."
        )
        page.heading("Pythia run again at the tuned points")
        page.text(
            "chi2 = sum of ((MC - data)^2 - MC variance) / data error^2 over bins, from new events: no "
            "surrogate is in it, and its mean does not depend on the number of events. *Gain* is Monash's "
            "chi2 less the tune's on the same data; its error is the Monte Carlo's of both runs, with the "
            "correlation of bins that the same events fill. "
            "A second error is what the grid's noise adds to a held-out gain, by way of the tuned point. "
            "All gains share one Monash run. *Families predicted*: every family of observables of the fitted "
            "experiment by a tune to its others (surrogates, their variance taken off). Choose among tunes "
            "by it; the held-out experiment then judges."
        )
        page.table(
            tables.judgement(results), "On the experiment that was fitted, and on the one that was not."
        )
        self._observables(page, results)
        page.provenance(launch)
        page.write(out)
        return {
            f"tuned to {key.label}, judged on {tables.judged_on(results, key, 'held_out')}'s data: "
            f"chi2 below Monash's {row['held_out_chi2_monash']:.0f} by": tables.gain(row, "held_out")
            for key, row in results.rows.items()
            if tables.has(row, "held_out")
        }

    def _observables(self, page: Page, results: Results) -> None:
        page.heading("Every observable")
        observables = {key: results.observables(row["trial"]) for key, row in results.rows.items()}
        page.figure(
            "cumulative",
            figures.cumulative(observables),
            "The share of observables that are described to chi2 per bin or better, by Pythia run again; "
            f"less than {figures.MIN_CHI2_PER_BIN} is drawn there.",
        )
        some = results.predictions(next(iter(results.rows.values()))["trial"])
        page.figure(
            "hold-out",
            figures.hold_out(some["hold_out"].to_numpy()),
            "Surrogates against grid points that they were not fitted to.",
        )
        page.figure(
            "at-the-tune",
            figures.pulls(
                {key: _surrogate_pull(results.predictions(row["trial"])) for key, row in results.rows.items()}
            ),
            "Surrogates against Pythia run again at the tuned points, bin by bin.",
        )
        for experiment in dict.fromkeys(key.experiment for key in observables):
            variants = {key: table for key, table in observables.items() if key.experiment == experiment}
            shown = next(iter(variants.values()))
            shown = shown[["experiment", "observable", "bins", "hold_out", "monash"]].copy()
            for key, table in variants.items():
                shown[key.variant or "tuned"] = table["tuned"]
            page.table(
                shown.rename(columns={"hold_out": "worst hold-out", "monash": "Monash"}),
                f"chi2 of each observable by Pythia run again, tuned to {experiment}. Worst hold-out: rms of "
                "the surrogates at points left out, over the Monte Carlo error, in the worst bin.",
            )
        predictions = {
            key.label: results.predictions(results.rows[key]["trial"])
            for key in results.first_of_each_experiment()
        }
        for number, sheet in enumerate(observable_sheets(predictions)):
            page.figure(
                f"observables-{number + 1}",
                sheet,
                "Band: error of the data. Pull: (MC - data) / error of the data. Cut off: ratios beyond 0.8 "
                "to 1.2, pulls beyond 5.",
            )


def _surrogate_pull(bins: pd.DataFrame) -> pd.Series:
    """Return (surrogate - run) / error of both, of each bin."""
    return (bins["surrogate"] - bins["run"]) / np.hypot(bins["surrogate_error"], bins["run_error"])


class WeightsReport:
    """The page of a search of weights shows the best ones, ready for a recipe, and what it gained."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline is the best value of the objective, and its median.

        Raises ValueError as ``ranked_points``.
        """
        ranked, weights = ranked_points(launch), best_weights(launch)
        metric = launch.recipe.trials.objective.metric  # type: ignore[union-attr]
        values = launch.groups[metric].to_numpy(float)
        page = Page(launch.recipe.title or "Weights", f"{len(values)} tunes, objective {metric}")
        page.heading("The best weights")
        page.text(
            "The largest is set to 1. Put them into a recipe's `weighting`, component "
            "`experiments.tuning.weights:Stated`:"
        )
        page.code(as_yaml(weights))
        page.heading("The search")
        page.figure("objective", _search_history(metric, values), "Every point, and the best so far.")
        page.table(
            _weight_quartiles(launch, ranked),
            "Each weight in the best tenth of the points: a wide range means no matter.",
        )
        page.provenance(launch)
        page.write(out)
        return {
            f"best {metric}": float(ranked[metric].iloc[0]),
            f"median {metric}": float(ranked[metric].median()),
        }


def as_yaml(weights: Mapping[str, float]) -> str:
    """Return the weights as they stand in a recipe, on lines that fit there."""
    entries = ", ".join(f"{table}: {weight:.2g}" for table, weight in weights.items())
    return textwrap.fill(f"weights: {{{entries}}}", 110, subsequent_indent="  ", break_on_hyphens=False)


def _weight_quartiles(launch: Launched, ranked: pd.DataFrame) -> pd.DataFrame:
    """Return quartiles of each weight over the best tenth, relative to the point's largest weight."""
    names = list(launch.recipe.trials.space)  # type: ignore[union-attr]
    best = ranked[names].head(max(len(ranked) // 10, 1)).astype(float)
    quartiles = best.div(best.max(axis=1), axis=0).quantile([0.25, 0.5, 0.75]).T
    quartiles.columns = ["lower quartile", "median", "upper quartile"]
    return quartiles.rename_axis("observable").reset_index()


def _search_history(metric: str, values: np.ndarray) -> Figure:
    figure, axes = new_figure()
    number = np.arange(1, len(values) + 1)
    axes.plot(number, values, "o", ms=3, color=COLOURS[0], label="point")
    axes.step(number, np.fmin.accumulate(values), where="post", color=COLOURS[1], label="best so far")
    scale = "log" if np.nanmin(values) > 0 else "linear"
    axes.set(xlabel="Point", ylabel=metric.replace("_", " "), yscale=scale)
    axes.legend()
    return figure
