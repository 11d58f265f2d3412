"""The study's page: what was tuned, how well it describes what it saw and what it did not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from experiments.tuning import figures
from experiments.tuning.exchange.command_files import write_eigentunes, write_tune
from experiments.tuning.lund import MONASH, b_of_mean_z, mean_z
from experiments.tuning.results import Results
from experiments.tuning.uncertainty import TOO_NOISY
from lblhep.report import Launched, Page

Headline = Mapping[str, str | float]
NO_INTERVAL = (
    "The data's bin-to-bin covariance was not published and no model describes them within their errors, so "
    "the errors are those of a fit with diagonal errors: they say how sharply the minimum stands, "
    "not where the true value lies with 68 %."
)


class TuneReport:
    """Parameters, chi2 of Pythia run again on the fitted and on the held-out experiment, every observable."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline is each tune's gain over Monash on the experiment it did not see."""
        results = Results(launch)
        page = Page(launch.recipe.title or "Tune", f"{len(results.bins)} bins, {len(results.rows)} tunes")
        page.heading("The tunes")
        page.text(NO_INTERVAL)
        page.table(
            _parameters(results), "Tuned parameters. avgZ is the mean z of a rho; it stands for bLund."
        )
        tunes = {
            results.label(row): (
                row[list(results.box)].to_numpy(float),
                results.contours(row["trial"]),
            )
            for _, row in results.rows.iterrows()
        }
        for warning in _warnings(results):
            page.text(warning)
        page.figure(
            "parameters",
            figures.parameters(tunes, results.box, _monash()),
            "Contours of 68 % in two parameters, the others refitted; the box is the grid's.",
        )
        _write_commands(results, out)
        page.text(
            "Each tune and its eigentunes (chi2 one higher along each principal direction) lie beside this "
            "page as Pythia command files, `*.cmnd`."
        )
        page.heading("Pythia run again at the tuned points")
        page.text(
            "chi2 = sum of (MC - data)^2 / (data error^2 + MC error^2) over bins, from new events: "
            "no surrogate is in it. *Gain* is Monash's chi2 less the tune's, with its Monte Carlo error."
        )
        page.table(_judgement(results), "On the experiment that was fitted, and on the one that was not.")
        self._observables(page, results)
        page.provenance(launch)
        page.write(out)
        return {
            f"{results.label(row)}: held-out gain over Monash": f"{row['held_out_gain']:.0f} +- "
            f"{row['held_out_gain_error']:.0f} of {row['held_out_chi2_monash']:.0f}"
            for _, row in results.rows.iterrows()
        }

    def _observables(self, page: Page, results: Results) -> None:
        page.heading("Every observable")
        trials = {results.label(row): row["trial"] for _, row in results.rows.iterrows()}
        tables = {label: results.observables(trial) for label, trial in trials.items()}
        first = next(iter(tables.values()))
        per_bin = {"Monash": (first["monash"] / first["bins"]).to_numpy()}
        per_bin |= {label: (table["tuned"] / table["bins"]).to_numpy() for label, table in tables.items()}
        page.figure("cumulative", figures.cumulative(per_bin), "Observables by chi2 per bin.")
        page.figure(
            "hold-out",
            figures.hold_out(results.predictions(next(iter(trials.values())))["hold_out"].to_numpy()),
            "Surrogates against grid points that they were not fitted to.",
        )
        shown = first[["experiment", "observable", "bins", "hold_out", "monash"]].copy()
        for label, table in tables.items():
            shown[label] = table["tuned"]
        page.table(shown, "chi2 of each observable; hold-out is that of the worst bin.")
        predictions = {
            results.label(row): results.predictions(row["trial"])
            for _, row in results.one_for_each_experiment().iterrows()
        }
        for number, sheet in enumerate(figures.sheets(predictions)):
            page.figure(
                f"observables-{number + 1}", sheet, "Band: error of the data. Pulls beyond 5 are cut off."
            )


def _monash() -> dict[str, float]:
    """The expert's tune in the grid's parameters."""
    a, b, sigma = MONASH["aLund"], MONASH["bLund"], MONASH["sigma"]
    return {**MONASH, "avgZ": mean_z(a, b, sigma)}


def _warnings(results: Results) -> Iterator[str]:
    """What a reader must not overlook: parameters at a bound, and errors that noise makes too short."""
    for _, row in results.rows.iterrows():
        bounded = [name for name in results.box if row[f"{name}_at_bound"]]
        if bounded:
            yield (
                f"**{results.label(row)}: {', '.join(bounded)} at a bound of the box.** The minimum lies "
                "outside: the generator has to be run in a larger box."
            )
        noise = results.tune(row["trial"])["slope_noise"]
        noisy = [
            f"{name} {share:.0%}" for name, share in zip(results.box, noise, strict=True) if share > TOO_NOISY
        ]
        if noisy:
            yield (
                f"**{results.label(row)}: noise of the grid makes up part of what seems to be known: "
                f"{', '.join(noisy)}.** A fit that takes the surrogates for exact has errors that are too "
                "short there, and is drawn to the middle of the box: generate more events, or use the form "
                "`covariance` of chi2."
            )


def _write_commands(results: Results, out: Path) -> None:
    """Pythia command files of every tune and of its eigentunes."""
    names = list(results.box)
    digest = str(results.launch.info.get("recipe_digest", ""))
    for _, row in results.rows.iterrows():
        saved, label = results.tune(row["trial"]), results.label(row)
        file = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-").lower()
        provenance = {"recipe": digest, "grid": results.launch.sample("grid").card.name}
        write_tune(
            out / f"{file}.cmnd",
            dict(zip(names, map(float, saved["values"]), strict=True)),
            title=f"Tune of Z -> hadrons: {label}",
            errors=dict(zip(names, map(float, saved["errors"]), strict=True)),
            chi2=float(row["minimum_chi2"]),
            ndf=int(row["ndf"]),
            provenance=provenance,
        )
        write_eigentunes(
            out,
            f"{file}-eigentune",
            names,
            saved["eigentunes"],
            title=f"Tune of Z -> hadrons: {label}",
            at_bound=saved["eigentune_at_bound"],
            provenance=provenance,
        )


def _parameters(results: Results) -> pd.DataFrame:
    lines = []
    for _, row in results.rows.iterrows():
        line = {"tune": results.label(row)}
        for name in results.box:
            bound = {-1: " (at the lower bound)", 1: " (at the upper bound)"}.get(
                int(row[f"{name}_at_bound"]), ""
            )
            line[name] = f"{row[name]:.4f} +- {row[f'{name}_error']:.4f}{bound}"
        line["bLund"] = f"{b_of_mean_z(row['aLund'], row['avgZ'], row['sigma']):.3f}"
        line["slope noise"] = f"{row['slope_noise']:.0%}"
        line["chi2 / ndf of the fit"] = f"{row['minimum_chi2']:.0f} / {row['ndf']:.0f}"
        line["starts that found it"] = f"{row['reached']:.0%}"
        lines.append(line)
    monash = _monash()
    lines.append({"tune": "Monash", **{n: f"{monash[n]:.4f}" for n in [*results.box, "bLund"]}})
    return pd.DataFrame(lines)


def _judgement(results: Results) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tune": results.label(row),
            "bins": "fitted" if part == "tuned" else "held out",
            "number": int(row[f"{part}_bins"]),
            "chi2": row[f"{part}_chi2"],
            "chi2, Monash": row[f"{part}_chi2_monash"],
            "gain": f"{row[f'{part}_gain']:.0f} +- {row[f'{part}_gain_error']:.0f}",
        }
        for _, row in results.rows.iterrows()
        for part in ("tuned", "held_out")
    )
