"""Models that are the generator itself are judged: they are at the floor in everything."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from experiments.hadron.datasets import PionProton
from experiments.hadron.events.arrays import read_events
from experiments.hadron.events.final_states import FinalStates
from experiments.hadron.events.interactions import Interactions, interactions
from experiments.hadron.events.observables import leading_hadrons
from experiments.hadron.metrics import many, violations
from experiments.hadron.models import CollisionModel, WholeEventFlow
from experiments.hadron.producers import pion_proton
from experiments.hadron.tasks import Baseline, Judge, NearestEvents, SecondOpinion, SelfDistance
from experiments.hadron.training import Fit
from lblhep.cards.ranges import EventRange
from lblhep.tasks import FitLightning

ENERGY, SIZE = 0.7, 500


@functools.cache
def generated(events: int, seed: int, energy: float | tuple[float, float] = ENERGY) -> Interactions:
    """Return events of the generator, made once for all tests that ask for the same."""
    sample = read_events(pion_proton(EventRange(0, events, seed), energy=energy))
    return interactions(sample, np.random.default_rng(seed))


class Training(PionProton):
    """This data set has the events that it is given."""

    def __init__(self, training: Interactions) -> None:
        self.training, self.half_width = training, 0.35


class Bench:
    def __init__(self, tests: Interactions, training: Interactions) -> None:
        self.sets = {
            "tests": SimpleNamespace(energies=[ENERGY], at=lambda energy: tests),
            "whole": Training(training),
        }
        self.saved: dict[str, dict] = {}

    def dataset(self, trial, name):
        return self.sets[name]

    def save(self, trial, name, arrays):
        self.saved[name] = arrays


@pytest.fixture(scope="module")
def tests() -> Interactions:
    return generated(8 * SIZE, 1)


@pytest.fixture(scope="module")
def bench(tests) -> Bench:
    every = generated(8 * SIZE, 5, energy=(0.45, 3.0))
    return Bench(tests, every.of(abs(np.log(every.kinetic_energy / ENERGY)) > 0.35))


@pytest.fixture(scope="module")
def floor(bench):
    return SelfDistance(size=SIZE)(bench, None)


class Whole(WholeEventFlow):
    """This model makes generator events of another seed; its flow is there to be exported."""

    def generate(self, kinetic_energy, beam, *, seed):
        return generated(len(beam), 77)


class Leading(CollisionModel):
    """The leading hadrons of generator events, of the pions that are asked for."""

    def leading(self, kinetic_energy, beam, *, seed):
        pool = many(generated(8 * SIZE, 78))
        values, rows = leading_hadrons(pool), np.empty(len(beam), dtype=int)
        for pion in (211, -211):
            own = np.flatnonzero(pool.beam == pion)
            rows[beam == pion] = np.resize(own, (beam == pion).sum())
        return {name: value[rows] for name, value in values.items()}


def test_the_generator_is_at_the_floor_in_whole_events_and_in_the_reduced_form(bench, floor, inventory):
    """Six pairs of 500 events scatter.

    The total variation of three multiplicities does by half of itself, the mean of twelve distances by a
    fifth.
    """
    replayed = NearestEvents(events=4 * SIZE, size=SIZE)(bench, None)
    floored = {ENERGY: Baseline(floor[ENERGY], {}, np.array([], dtype=np.int64), 0.25)}
    known = dict(zip(("kinds", "channels", "resonance_decays"), inventory, strict=True))
    whole = Whole(**known, batch_size=64, energies=(0.6, 0.8), hidden=(8,), context=4, history=4, bins=4)
    judge = Judge(events=6 * SIZE, size=SIZE)
    row = judge(
        bench,
        None,
        floor,
        replayed,
        floored,
        {"pythia_0.7": 1.0},
        {"model": whole, "metrics": {"epochs": 1.0}},
    )
    for name in ("w1", "sliced", "multiplicity", "leading_species", "channel"):
        assert 0.4 < row[f"{name}_0.7"] < 2.5, name
    assert row["w1_0.7"] == pytest.approx(1, abs=0.4)
    assert row["worst_0.7"] < 2.5
    assert row["auc_0.7"] == pytest.approx(0.5, abs=0.05)
    assert row["replay_w1_0.7"] > 1.5 * row["w1_0.7"]
    assert (row["by_process_w1_0.7"], row["by_process_again_0.7"]) == (1, 0.25)
    assert not any(value for name, value in row.items() if "violations" in name)
    assert row["pythia_0.7_per_cpu_second"] == 1.0
    assert {"exported", "histograms_0.7"} <= bench.saved.keys()
    kinds = ("distances", "floor", "replay", "by_process")
    assert {f"{kind}_0.7" for kind in kinds} <= bench.saved.keys()
    reduced = judge(bench, None, floor, replayed, floored, {}, {"model": Leading(), "metrics": {}})
    assert reduced["w1_reduced_0.7"] == pytest.approx(1, abs=0.4)
    assert "w1_0.7" not in reduced


def test_a_second_generator_is_as_far_as_its_events_are(bench, floor):
    """One is the same generator with another seed, the other one of another energy."""
    opinion = SecondOpinion(size=SIZE)
    rows = []
    for seed, energy in ((79, ENERGY), (80, 0.8)):
        events = generated(2 * SIZE, seed, energy=energy)
        bench.sets["second"] = SimpleNamespace(energies=[ENERGY], at=lambda energy, events=events: events)
        rows.append(opinion(bench, None, floor))
    assert rows[0]["w1_0.7"] == pytest.approx(1, abs=0.5)
    assert rows[1]["w1_0.7"] > 2 * rows[0]["w1_0.7"]


def test_a_fit_offers_the_cross_sections_that_it_names(bench, monkeypatch):
    """It offers them to a model that asks for them by that name: the harness drops what nobody asks for."""
    offered = {}

    def fit(self, trial, bench, rng, **given):
        offered.update(given)
        model = torch.nn.Linear(1, 1)
        model.cpu_seconds = 3.0
        return model, {}

    monkeypatch.setattr(FitLightning, "fit", fit)
    bench.sets["sigma"] = table = object()
    for name, expected in (("sigma", {"cross_sections": table}), (None, {})):
        offered.clear()
        Fit(model="whole", dataset="whole", cross_sections=name, max_epochs=1)(bench, None, None)
        assert offered == expected
    assert "cross_sections" in inspect.signature(WholeEventFlow).parameters


def test_an_energy_that_was_trained_on_tests_nothing(tests, bench):
    """Neither the baseline nor a model of any data set is tested there."""
    bench.sets["other"] = bench.sets["whole"] = Training(generated(200, 9, energy=(0.5, 1.0)))
    with pytest.raises(ValueError, match="GeV is tested, but not held_out from the data set whole"):
        NearestEvents(events=50, size=20)(bench, None)
    with pytest.raises(ValueError, match="not held_out from the data set other"):
        Fit(model="flow", dataset="other", max_epochs=1)(bench, None, None)


@pytest.mark.parametrize("trained", [(1.0, 3.0), (0.4, 0.49)])
def test_an_energy_beyond_all_that_were_trained_on_is_refused_before_the_training(tests, bench, trained):
    bench.sets["other"] = Training(generated(50, 9, energy=trained))
    with pytest.raises(ValueError, match=r"0\.7 GeV is tested, but the data set other trains from"):
        Fit(model="flow", dataset="other", max_epochs=1)(bench, None, None)


def test_momenta_that_are_no_numbers_break_the_law(tests):
    some = tests.of(np.arange(50))
    momenta = some.states.momenta.copy()
    momenta[3, 0] = np.nan
    broken = dataclasses.replace(some, states=FinalStates(some.states.species, momenta))
    assert violations(broken)["momentum"] == 1
