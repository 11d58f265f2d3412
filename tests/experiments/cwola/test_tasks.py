"""The task on toy events: a row for every trial, scores for the fold that was set aside, and signal found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from experiments.cwola.datasets import DijetWindow
from experiments.cwola.metrics import ValidationAuc
from experiments.cwola.models import Classifier
from experiments.cwola.tasks import TrainClassifiers, _training_set
from lblhep.streams import generator

FEATURES = ["m_j2_over_mjj", "tau21_j1", "tau21_j2"]


@dataclass(frozen=True)
class ToyTrial:
    id: str
    point: dict[str, Any]


@dataclass
class ToyBench:
    """What the task asks of its bench, without a harness."""

    sample: Any
    arrays: dict[tuple[str, str], dict[str, np.ndarray]] = field(default_factory=dict)
    curves: list[tuple[str, int]] = field(default_factory=list)
    device: str = "cpu"

    def dataset(self, trial):
        return DijetWindow(self.sample, np.random.default_rng(1), features=FEATURES, window=4, **trial.point)

    def model(self, trial):
        return Classifier(generator(1, "models.classifier", {"init": 0}), hidden=[16], init=0)

    def metric(self, trial, name):
        return ValidationAuc()

    def generator(self, trial, address):
        return generator(1, address, {"init": 0})

    def log(self, trial, metrics, step):
        self.curves.append((trial.id, step))

    def save(self, trial, name, arrays):
        self.arrays[trial.id, name] = arrays


def trials(**common):
    points = [{"fold": f, "subfold": s, "n_signal": 300} for f in range(2) for s in range(2)]
    return [ToyTrial(f"{i:06d}", point | common) for i, point in enumerate(points)]


TASK = TrainClassifiers(max_epochs=8, patience=3, batch_size=500, learning_rate=1e-2, forest_iterations=20)


@pytest.mark.parametrize("method", ["cwola", "boosting", "supervised"])
def test_each_trial_gets_a_row_and_scores_for_its_whole_test_fold(make_sample, method):
    bench, pack = ToyBench(make_sample()), trials(method=method)
    rows = TASK.run(pack, bench)
    assert [row.trial for row in rows] == [trial.id for trial in pack]
    for trial, row in zip(pack, rows, strict=True):
        n = len(bench.dataset(trial).test_rows())
        score = bench.arrays[trial.id, "scores"]["score"]
        assert score.shape == (n,)
        assert ((score >= 0) & (score <= 1)).all()
        assert 0 < row.metrics["validation_auc"] < 1
    # The fold's events are saved once, by the first trial of each fold.
    assert {key for key in bench.arrays if key[1] == "events"} == {("000000", "events"), ("000002", "events")}


def test_a_network_does_not_depend_on_its_pack(make_sample):
    together, alone = ToyBench(make_sample()), ToyBench(make_sample())
    fixed = TrainClassifiers(max_epochs=4, patience=None, batch_size=500)
    fixed.run(trials(), together)
    for trial in trials():
        fixed.run([trial], alone)
        a, b = (bench.arrays[trial.id, "scores"]["score"] for bench in (together, alone))
        # Sums in another order: float32 noise, amplified by a few hundred steps.
        assert np.abs(a - b).max() < 1e-3


def test_networks_and_forests_share_a_pack(make_sample):
    bench = ToyBench(make_sample())
    pack = [trials()[0], ToyTrial("000009", trials()[1].point | {"method": "boosting"})]
    rows = TASK.run(pack, bench)
    assert [row.trial for row in rows] == ["000000", "000009"]
    assert {trial for trial, _ in bench.curves} == {"000000"}


def test_inputs_are_scaled_by_the_training_events_alone(make_sample):
    """The test fold lies 1000 away, the validation fold 100: neither may be felt."""
    bench = ToyBench(make_sample())
    window = bench.dataset(trials()[0])
    features = window.events.features.copy()
    features[window.events.fold == window.fold] += 1000
    features[window.validation.rows] += 100
    window.events = replace(window.events, features=features)
    mean, std = _training_set(window, torch.from_numpy(features)).scale
    assert mean.numpy() == pytest.approx(features[window.train.rows].mean(axis=0), rel=1e-5)
    assert std.numpy() == pytest.approx(features[window.train.rows].std(axis=0), rel=1e-5)
    assert (mean < 1).all()
