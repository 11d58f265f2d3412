"""The stages of the study: how the generator differs from itself, the replay, a model, its judgement."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.hadron.datasets import HeldOut
from experiments.hadron.events import Floats
from experiments.hadron.interactions import Interactions
from experiments.hadron.judgement import auc, event_distances, leading_distances, summary, violations
from experiments.hadron.models import CollisionModel, WholeEventFlow, leading_hadrons
from experiments.hadron.replay import replay
from experiments.hadron.species import PI_MINUS, PI_PLUS
from lblhep.tasks import Bench, FitLightning
from lblhep.trials import Trial

Distances = Mapping[float, Mapping[str, Floats]]  # test energy, GeV -> distance -> of each pair of samples


class Floor:
    """The stage: how far independent samples of the generator, of ``size`` events, are from each other."""

    def __init__(self, *, size: int = 10_000) -> None:
        self.size = size

    def __call__(self, bench: Bench, trial: Trial) -> Distances:
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


class Replay:
    """The stage: how far the replay of the ``events`` nearest in energy is from the generator."""

    def __init__(self, *, events: int = 20_000, size: int = 10_000) -> None:
        self.events, self.size = events, size

    def __call__(self, bench: Bench, trial: Trial) -> Distances:
        tests: HeldOut = bench.dataset(trial, "tests")
        training: Interactions = bench.dataset(trial, "whole").training
        found = {}
        for energy in tests.energies:
            replayed, sample = replay(training, energy, self.events), tests.at(energy)
            found[energy] = event_distances(replayed, sample, self.size) | {
                "auc": np.array([auc(replayed, sample)])
            }
        return found


class Fit:
    """The stage: a model of the recipe, trained.  ``init`` numbers its initialisations."""

    random_arguments = ("init",)

    def __init__(
        self, *, model: str, dataset: str, max_epochs: int, patience: int | None = None, init: int = 0
    ) -> None:
        self.task = FitLightning(
            model=model,
            dataset=dataset,
            max_epochs=max_epochs,
            patience=patience,
            monitor="validation_w1",
        )

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
        """The weights of the best epoch, and what is known of the training."""
        begin = time.process_time()
        model, metrics = self.task.fit(trial, bench, rng)
        metrics["cpu_seconds"] = time.process_time() - begin
        metrics["parameters"] = float(sum(p.numel() for p in model.parameters()))
        model.trainer = None
        return {"model": model.cpu(), "metrics": metrics}


class Judge:
    """The last stage: the model's distances from the generator at each test energy, in units of the floor.

    Of whole events all distances, of the reduced form those of its five variables.  ``events`` are generated
    at each energy, half of each pion.
    """

    def __init__(self, *, events: int = 250_000, size: int = 10_000) -> None:
        self.events, self.size = events, size

    def __call__(
        self, bench: Bench, trial: Trial, floor: Distances, replayed: Distances, fitted: Mapping[str, Any]
    ) -> Mapping[str, float]:
        tests: HeldOut = bench.dataset(trial, "tests")
        model: CollisionModel = fitted["model"].eval()
        row: dict[str, float] = dict(fitted["metrics"])
        for energy in tests.energies:
            found, seconds = self._compare(model, energy, tests.at(energy))
            row |= summary(energy, found, floor[energy], replayed[energy])
            row |= {f"{name}_{energy:g}": float(n[0]) for name, n in found.items() if "violations" in name}
            row[f"events_per_cpu_second_{energy:g}"] = self.events / seconds
            bench.save(trial, f"distances_{energy:g}", found)
        return row

    def _compare(
        self, model: CollisionModel, energy: float, truth: Interactions
    ) -> tuple[dict[str, Floats], float]:
        """The distances, and the CPU seconds that it took to generate the events."""
        kinetic_energy, beam = np.full(self.events, energy), np.resize([PI_PLUS, PI_MINUS], self.events)
        begin = time.process_time()
        whole = isinstance(model, WholeEventFlow)
        made = (model.generate if whole else model.leading)(kinetic_energy, beam, seed=1)
        seconds = time.process_time() - begin
        if not whole:
            return leading_distances(made, leading_hadrons(truth), self.size), seconds
        found = event_distances(made, truth, self.size) | {"auc": np.array([auc(made, truth)])}
        broken = {f"{law}_violations": np.array([float(n)]) for law, n in violations(made).items()}
        return found | broken, seconds
