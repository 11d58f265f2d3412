"""The study's page: what was tuned, how well it describes what it saw and what it did not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.tuning import figures, tables
from experiments.tuning.commands import write_commands
from experiments.tuning.results import Results
from experiments.tuning.sheets import observable_sheets
from lblhep.report import Launched, Page

Headline = Mapping[str, str | float]
NO_INTERVAL = (
    "The data's bin-to-bin covariance was not published and no model describes them within their errors, so "
    "errors, intervals, contours and eigentunes are those of a fit with diagonal errors of the data (and a "
    "model error where the table says so): they say how sharply the minimum stands, not where the true value "
    "lies with 68 %."
)


class TuneReport:
    """Parameters, chi2 of Pythia run again on the fitted and on the held-out experiment, every observable."""

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
        page.text(NO_INTERVAL)
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
            f"less than {figures.LEAST_CHI2} is drawn there.",
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
    """(surrogate - run) / error of both, of each bin."""
    return (bins["surrogate"] - bins["run"]) / np.hypot(bins["surrogate_error"], bins["run_error"])
