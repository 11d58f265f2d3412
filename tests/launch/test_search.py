"""Searches in the calling process, and what of a search needs no launch."""

from __future__ import annotations

import numpy as np
import pytest

from lblhep.errors import ComponentError
from lblhep.launch import LaunchView, Progress, launch, packs
from lblhep.launch import search as searching
from lblhep.launch.intermediate import Intermediate


def test_serial_search_finds_the_optimum_and_says_that_it_prunes_nothing(toy):
    told: list[Progress] = []
    outcome = launch(toy("search", "trials.points=20"), serial=True, observe=told.append)
    assert outcome.state == "finished"
    assert any("scheduler is not used" in progress.message for progress in told)
    view = LaunchView(outcome.directory)
    assert len(view.groups) == 20
    best = view.groups.loc[view.groups["score"].idxmax()]
    assert abs(np.log10(best["rate"]) + 1.5) < 0.3
    assert set(view.groups["window"]) <= {0, 5}


def test_the_recipe_seeds_the_sampler(toy):
    first, second = (launch(toy("search", "trials.points=5"), serial=True) for _ in range(2))
    other = launch(toy("search", "trials.points=5", "seed=4"), serial=True)
    rates = [LaunchView(o.directory).groups["rate"].tolist() for o in (first, second, other)]
    assert rates[0] == rates[1]
    assert rates[0] != rates[2]


def test_a_failed_point_is_told_to_optuna_and_the_search_goes_on(toy):
    outcome = launch(toy("search", "trials.points=6", "task.crash=['000004']"), serial=True)
    assert outcome.progress.failed == 2
    told = searching.read_told(outcome.directory, packs.committed(outcome.directory))
    states = [searching.frozen(toy("search").trials, one).state.name for one in told]
    assert states.count("FAIL") == 1
    assert states.count("COMPLETE") == 5


def test_an_objective_that_nobody_computes(toy):
    outcome = launch(toy("search", "trials.points=1", "trials.objective.metric=auc"), serial=True)
    failure = packs.read_failures(outcome.directory, "000000")[0]
    assert failure.error == "the objective 'auc' is not among the point's metrics: score, spectrum"


def test_params_and_values_are_inverse(toy):
    search = toy("search", "trials.space.window.choices=[[64, 32], 1, true, wide]").trials
    for number in range(4):
        point = searching.values(search, {"rate": 0.1, "window": number})
        assert searching.params(search, point)["window"] == number


def test_integer_ranges_are_half_open(toy):
    search = toy("search", "trials.space.rate={path: task.rate, int_uniform: [1, 3]}").trials
    assert searching.space(search)["rate"].high == 2


def test_a_sampler_that_is_none(toy):
    recipe = toy("search", "trials.sampler={use: 'fractions:Fraction'}")
    with pytest.raises(ComponentError, match="not an Optuna sampler"):
        searching.sampler(recipe, recipe.trials)


class TestIntermediate:
    """`reported` holds (step, mean) as a scheduler would see them."""

    def follow(self, logged: list[tuple[str, float, int]]) -> list[tuple[int, float]]:
        reported: list[tuple[int, float]] = []
        watch = Intermediate("score", ("a", "b"), lambda step, value: reported.append((step, value)))
        for trial, value, step in logged:
            watch(trial, {"score": value}, step)
        return reported

    def test_trained_together(self):
        logged = [("a", 1, 0), ("b", 3, 0), ("a", 2, 1), ("b", 4, 1)]
        assert self.follow(logged) == [(0, 2), (1, 3)]

    def test_trained_in_turn(self):
        logged = [("a", 1, 0), ("a", 2, 1), ("b", 3, 0), ("b", 4, 1)]
        assert self.follow(logged) == [(0, 2), (1, 3)]

    def test_one_stops_early(self):
        logged = [("a", 1, 0), ("b", 3, 0), ("b", 5, 1), ("b", 7, 2)]
        assert self.follow(logged) == [(0, 2), (1, 3)]

    def test_other_metrics_are_not_the_objective(self):
        reported: list[int] = []
        Intermediate("score", ("a",), lambda step, value: reported.append(step))("a", {"loss": 1.0}, 0)
        assert reported == []
