"""This module reads a launch as a reader wants it: models by their names, several initialisations of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from experiments.hadron.events.observables import REDUCED
from lblhep.annotations import Floats
from lblhep.report import Launched
from lblhep.report.comparison import counts

WHOLE = "whole"  # the model of whole events, by its name in the recipe
BASELINES = {"replay": "replay_", "replay by process": "by_process_"}  # and their columns' prefixes
NAMES = {WHOLE: "flow, whole events", "flow": "flow, leading hadrons", "wgan": "WGAN-GP", "gan": "GAN"}


class Results:
    """This class has ``rows`` of the finished trials by ``model``, and the tests' ``energies`` in GeV."""

    def __init__(self, launch: Launched) -> None:
        self.launch = launch
        self.rows = launch.rows[launch.rows["status"] == "finished"]
        self.models = list(dict.fromkeys(self.rows["model"]))
        self.energies = [float(e) for e in launch.recipe.datasets["tests"].arguments["energies"]]

    def values(self, model: str, metric: str) -> Floats:
        """Return the values (n,) of a metric, one for every initialisation."""
        return self.rows.loc[self.rows["model"] == model, metric].to_numpy(dtype=float)

    def trial(self, model: str) -> str:
        """Return the trial of the first initialisation: no one has looked for the best."""
        return str(self.rows.loc[self.rows["model"] == model, "trial"].iloc[0])

    def histograms(self, model: str, energy: float) -> Mapping[str, np.ndarray]:
        """Return what ``tasks.Judge`` saved of the first initialisation."""
        return self.launch.arrays(self.trial(model), f"histograms_{energy:g}")

    def mean_w1(self, kind: str, model: str, energy: float) -> Floats:
        """Return the mean W1 / sigma of the five reduced variables, of each initialisation.

        ``kind`` is ``distances``, ``replay``, ``by_process`` or ``floor``, of which the last three are one
        number.
        """
        trials = self.rows.loc[self.rows["model"] == model, "trial"]
        arrays = [self.launch.arrays(trial, f"{kind}_{energy:g}") for trial in trials]
        found = np.array([np.mean([np.mean(one[name]) for name in REDUCED]) for one in arrays])
        return found if kind == "distances" else found[:1]


def sizes(results: Results) -> str:
    """Return in a line what the launch was made of."""
    datasets = results.launch.recipe.datasets
    cards = dict.fromkeys(datasets[name].card for name in results.rows["dataset"])
    learned, events = " and ".join(str(card) for card in cards), judged(results)
    return f"{counts(results.launch)}, trained on {learned}; {events:,} events of each judged at each energy"


def judged(results: Results) -> int:
    """Return how many events of each model were judged at each energy."""
    return int(results.launch.recipe.task.arguments["stages"]["judged"].arguments["events"])


def knows_cross_sections(results: Results) -> bool:
    """Return whether the flow of whole events was given cross-sections."""
    return bool(results.launch.recipe.task.arguments["stages"]["fitted"].arguments.get("cross_sections"))


def spread(values: Floats, digits: int = 2) -> str:
    """Return median and range as text."""
    middle, low, high = (f"{x:.{digits}f}" for x in (np.median(values), values.min(), values.max()))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def of_whole_events(results: Results) -> pd.DataFrame:
    """Return the table of whole events: the flow and the baselines at each energy."""
    lines = []
    for energy in results.energies:
        for label, prefix in ((NAMES[WHOLE], ""), *BASELINES.items()):
            line = {"T [GeV]": f"{energy:g}", "events of": label}
            for name, title in (
                ("w1", "W1 / floor"),
                ("worst", "worst variable"),
                ("sliced", "sliced W1"),
                ("multiplicity", "multiplicity"),
                ("leading_species", "leading species"),
                ("channel", "channel"),
                ("two_body", "two-body angle"),
                ("auc", "AUC"),
            ):
                metric = f"{prefix}{name}_{energy:g}"
                if metric not in results.rows:
                    continue  # too few two-body events
                values = results.values(WHOLE, metric)
                line[title] = spread(values[:1] if prefix else values, 3 if name == "auc" else 2)
            lines.append(line)
    return pd.DataFrame(lines).fillna("")


def again(results: Results) -> str:
    """Return what the reader of ``of_whole_events`` has to know of the baseline by process."""
    share = {e: results.values(WHOLE, f"by_process_again_{e:g}")[0] for e in results.energies}
    of = ", ".join(f"{x:.0%} at {e:g} GeV" for e, x in share.items())
    return f"Where a process has too few events, the replay by process takes some again: {of}."


def of_leading_hadrons(results: Results) -> pd.DataFrame:
    """Return the table of the leading hadrons: every model's W1 over the floor, and how it was trained."""
    lines = []
    for model in results.models:
        line = {"model": NAMES.get(model, model), "trainings": len(results.values(model, "parameters"))}
        for energy in results.energies:
            line[f"W1 / floor, {energy:g} GeV"] = spread(results.values(model, f"w1_reduced_{energy:g}"))
        line["parameters"] = f"{results.values(model, 'parameters')[0]:,.0f}"
        line["CPU s"] = f"{np.median(results.values(model, 'cpu_seconds')):.0f}"
        lines.append(line)
    for label, prefix in BASELINES.items():
        first = {e: results.rows[f"{prefix}w1_reduced_{e:g}"].iloc[0] for e in results.energies}
        lines.append({"model": label, **{f"W1 / floor, {e:g} GeV": f"{x:.2f}" for e, x in first.items()}})
    return pd.DataFrame(lines).astype(object).fillna("")


def against(results: Results, model: str, other: str) -> pd.DataFrame:
    """Return W1 of ``other`` over that of ``model`` for all pairs of initialisations.

    Above 1, ``model`` is nearer.
    """
    lines = []
    for energy in results.energies:
        name = f"w1_reduced_{energy:g}"
        ratio = np.divide.outer(results.values(other, name), results.values(model, name)).ravel()
        lines.append(
            {
                "T [GeV]": f"{energy:g}",
                f"W1 of {NAMES.get(other, other)} / {NAMES.get(model, model)}": spread(ratio),
            }
        )
    return pd.DataFrame(lines)


def broken(results: Results) -> pd.DataFrame:
    """Return how many events of the whole-event flow break a law, summed over initialisations, by energy."""
    laws = ("charge", "baryon_number", "strangeness", "momentum", "mass_shell")
    return pd.DataFrame(
        {
            "T [GeV]": f"{energy:g}",
            "events": judged(results) * len(results.values(WHOLE, "parameters")),
            **{law: int(results.values(WHOLE, f"{law}_violations_{energy:g}").sum()) for law in laws},
        }
        for energy in results.energies
    )


GENERATORS = {  # as they are timed in ``speed``, and what the page calls them
    "pythia_next": "pythia, next() alone",
    "pythia": "pythia, read out by Python",
    "urqmd": "urqmd, read out by Python",
}


def speed(results: Results) -> pd.DataFrame:
    """Return events for a CPU second of the models, and of the generators where they were measured."""

    def of_model(model: str, name: str) -> dict[str, str]:
        found = {
            e: np.median(results.values(model, f"{name}_per_cpu_second_{e:g}")) for e in results.energies
        }
        return {f"{e:g} GeV": f"{rate:,.0f}" for e, rate in found.items()}

    lines = []
    for model in results.models:
        lines.append({"events of": NAMES.get(model, model), **of_model(model, "events")})
        if model == WHOLE:
            lines.append({"events of": "... all of one energy", **of_model(model, "of_one_energy")})
    for generator, called in GENERATORS.items():
        names = {f"{e:g} GeV": f"{generator}_{e:g}_per_cpu_second" for e in results.energies}
        rates = {e: results.rows[n].median() for e, n in names.items() if n in results.rows}
        timed = {e: f"{rate:,.0f}" for e, rate in rates.items() if np.isfinite(rate)}
        if timed:
            lines.append({"events of": called, **timed})
    return pd.DataFrame(lines).astype(object).fillna("")
