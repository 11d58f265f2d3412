"""These are the stages of the pipeline in the order in which they run, after ``training.Fit``.

The recipe ``hadron`` measures how far the generator is from itself, makes the nearest-event baseline twice,
times generators, and judges the models; ``hadron-urqmd`` ends with another generator in the model's place.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.hadron import producers
from experiments.hadron.datasets import HeldOut, WholeEvents
from experiments.hadron.events.interactions import Interactions
from experiments.hadron.events.observables import leading_hadrons, variables
from experiments.hadron.events.species import PI_MINUS, PI_PLUS
from experiments.hadron.flow.export import exported
from experiments.hadron.generators import urqmd
from experiments.hadron.generators.speed import bare_rate, read_out_rate
from experiments.hadron.judge.histograms import histograms
from experiments.hadron.judge.nearest_events import nearest_events
from experiments.hadron.metrics import (
    auc,
    event_distances,
    leading_distances,
    many,
    summary,
    violations,
)
from experiments.hadron.models import CollisionModel, WholeEventFlow
from lblhep.annotations import Floats, Integers
from lblhep.tasks import Bench
from lblhep.trials import Trial

Distances = Mapping[str, Floats]  # of each pair of samples
URQMD_MIN_ENERGY = 1.52  # GeV
TIMED_EVENTS = 20_000  # events at energies of their own


@dataclass(frozen=True)
class Baseline:
    """This class has a nearest-event baseline at one energy.

    ``distances`` are those from the generator; ``variables`` are the ``VARIABLES`` of its events of three
    particles or more, and ``beam`` their pions; ``again`` is the share of events that it has more than once.
    """

    distances: Distances
    variables: Mapping[str, Floats]
    beam: Integers
    again: float


class SelfDistance:
    """This stage measures how far samples of the generator, of ``size`` events, are from each other.

    Recipes and metrics call the result ``floor``: other distances are stated in its units.
    """

    def __init__(self, *, size: int = 10_000) -> None:
        self.size = size

    def __call__(self, bench: Bench, trial: Trial) -> Mapping[float, Distances]:
        tests: HeldOut = bench.dataset(trial, "tests")
        found = {}
        for energy in tests.energies:
            sample = tests.at(energy)
            half = len(sample) // 2
            one, other = sample.of(np.arange(half)), sample.of(np.arange(half, 2 * half))
            found[energy] = event_distances(sample, sample, self.size, shift=1) | {
                "auc": np.array([auc(one, other)])
            }
        return found


class NearestEvents:
    """This stage makes the nearest-event baseline of ``events`` events at each test energy.

    With the name of a data set of ``cross_sections``, each process gives its share.
    """

    def __init__(
        self, *, events: int = 20_000, size: int = 10_000, cross_sections: str | None = None
    ) -> None:
        self.events, self.size, self.cross_sections = events, size, cross_sections

    def __call__(self, bench: Bench, trial: Trial) -> Mapping[float, Baseline]:
        tests: HeldOut = bench.dataset(trial, "tests")
        whole: WholeEvents = bench.dataset(trial, "whole")
        whole.refuse(tests.energies, "whole")
        known = bench.dataset(trial, self.cross_sections) if self.cross_sections else None
        found = {}
        for energy in tests.energies:
            made, sample = nearest_events(whole.training, energy, self.events, known), tests.at(energy)
            again = 1 - len(np.unique(made.states.momenta[:, 0], axis=0)) / len(made)
            distances = _distances(made, sample, self.size)
            kept = many(made)
            found[energy] = Baseline(distances, variables(kept), kept.beam, again)
        return found


class TimeGenerators:
    """This stage times ``pythia`` and ``urqmd`` events at each test energy.

    Starting is not charged; reading out is, and so are the elastic collisions that are passed over.  A rate
    is NaN where events were too few to be timed.  Rates are named ``<generator>_<energy in GeV>``; UrQMD has
    one only where it is installed and has the energy.  ``pythia_next`` is Pythia without the reading out, as
    a program that is not written in Python has it.
    """

    def __init__(self, *, pythia: int = 20_000, urqmd: int = 200) -> None:
        self.pythia, self.urqmd = pythia, urqmd

    def __call__(self, bench: Bench, trial: Trial) -> Mapping[str, float]:
        found = {}
        for energy in bench.dataset(trial, "tests").energies:
            found[f"pythia_{energy:g}"] = read_out_rate(producers.pion_proton, self.pythia, energy)
            found[f"pythia_next_{energy:g}"] = bare_rate(self.pythia, energy)
            if importlib.util.find_spec("chromo") and energy > URQMD_MIN_ENERGY:
                found[f"urqmd_{energy:g}"] = read_out_rate(urqmd.pion_proton, self.urqmd, energy)
        return found


class Judge:
    """This last stage measures how far model and baselines are from the generator, and the model's speed.

    Distances are in units of ``floor``.  Whole events have all distances, the reduced form those of its five
    variables.  ``events`` are generated at each energy; whole events are timed at energies of their own,
    too, since channels' probabilities are found once for each energy.  Saved for each energy:
    ``distances_``, ``replay_``, ``by_process_`` and ``floor_``, of each pair of samples, and
    ``histograms_``; and of whole events ``exported``, a TorchScript file's bytes.
    """

    def __init__(self, *, events: int = 250_000, size: int = 10_000) -> None:
        self.events, self.size = events, size

    def __call__(
        self,
        bench: Bench,
        trial: Trial,
        floor: Mapping[float, Distances],
        replayed: Mapping[float, Baseline],
        by_process: Mapping[float, Baseline],
        generators: Mapping[str, float],
        fitted: Mapping[str, Any],
    ) -> Mapping[str, float]:
        tests: HeldOut = bench.dataset(trial, "tests")
        model: CollisionModel = fitted["model"].eval()
        row: dict[str, float] = dict(fitted["metrics"])
        for energy in tests.energies:
            truth, other = tests.at(energy), replayed[energy]
            made, rate = _make(model, np.full(self.events, energy), other.beam)
            if isinstance(made, Interactions):
                row[f"of_one_energy_per_cpu_second_{energy:g}"] = rate
                _, rate = _make(
                    model, energy * np.linspace(0.99, 1.01, min(TIMED_EVENTS, self.events)), other.beam
                )
                found = _distances(made, truth, self.size)
                row |= {f"{law}_violations_{energy:g}": float(n) for law, n in violations(made).items()}
                values = variables(many(made))
            else:
                values = made
                found = leading_distances(made, leading_hadrons(truth), self.size)
            row[f"events_per_cpu_second_{energy:g}"] = rate
            against = {"replay_": other.distances, "by_process_": by_process[energy].distances}
            row |= summary(energy, {"": found} | against, floor[energy])
            row[f"by_process_again_{energy:g}"] = by_process[energy].again
            bench.save(trial, f"distances_{energy:g}", found)
            bench.save(trial, f"replay_{energy:g}", other.distances)
            bench.save(trial, f"by_process_{energy:g}", by_process[energy].distances)
            bench.save(trial, f"floor_{energy:g}", floor[energy])
            samples = {"generator": variables(many(truth)), "replay": other.variables, "model": values}
            bench.save(trial, f"histograms_{energy:g}", histograms(samples))
        if isinstance(model, WholeEventFlow):
            file = np.frombuffer(exported(model.flow, model.energies), dtype=np.uint8)
            bench.save(trial, "exported", {"torchscript": file})
        return row | {f"{name}_per_cpu_second": rate for name, rate in generators.items()}


class SecondOpinion:
    """This last stage measures how far another generator's events are from the first's.

    The other generator's events are the data set ``second``, at each of its energies.
    """

    def __init__(self, *, size: int = 10_000) -> None:
        self.size = size

    def __call__(self, bench: Bench, trial: Trial, floor: Mapping[float, Distances]) -> Mapping[str, float]:
        tests: HeldOut = bench.dataset(trial, "tests")
        second: HeldOut = bench.dataset(trial, "second")
        row: dict[str, float] = {}
        for energy in second.energies:
            found = _distances(second.at(energy), tests.at(energy), self.size)
            row |= summary(energy, {"": found}, floor[energy])
        return row


def _make(
    model: CollisionModel, kinetic_energy: Floats, pions: Integers
) -> tuple[Interactions | dict[str, Floats], float]:
    """Return whole events, half of each pion, or the variables of the reduced form; and events for a CPU
    second.

    The reduced form is of events with three particles or more, of which either pion makes its own share:
    that of ``pions``, the baseline's.
    """
    whole = isinstance(model, WholeEventFlow)
    make = model.generate if whole else model.leading
    beam = np.resize([PI_PLUS, PI_MINUS] if whole else pions, len(kinetic_energy))
    begin = time.process_time()
    made = make(kinetic_energy, beam, seed=1)
    return made, len(kinetic_energy) / (time.process_time() - begin)


def _distances(made: Interactions, truth: Interactions, size: int) -> Distances:
    """Return all distances of whole events."""
    return event_distances(made, truth, size) | {"auc": np.array([auc(made, truth)])}
