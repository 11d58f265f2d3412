"""Searches in the calling process, and what of a search needs no launch."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lblhep.errors import ComponentError
from lblhep.launch import LaunchView, Progress, launch
from lblhep.launch.store import commit, packs
from lblhep.launch.workers import search_space as searching
from lblhep.launch.workers.listeners import ObjectiveListener
from lblhep.recipe import Component, Recipe
from lblhep.tracking.store import connect

FRAIL = '''

class Frail(Nap):
    """One trial of it does not work out: for ever, or until its marker file is there."""

    def __init__(self, *, trial, how, marker="never", **arguments):
        super().__init__(**arguments)
        self.trial, self.how, self.marker = trial, how, Path(marker)

    def run(self, trials, bench):
        for outcome in super().run(trials, bench):
            ill = outcome.trial == self.trial and not self.marker.exists()
            if ill and self.how == "fails":
                yield Failure(outcome.trial, "diverged", "no traceback")
            elif ill:
                yield Row(outcome.trial, outcome.metrics | {"score": float(self.how)})
            else:
                yield outcome
'''


@pytest.fixture
def frail(toy: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """A search of six points; the worse replicate (000004) of the third point fails, or is not a number."""

    def read(how: str, *overrides: str, marker: str = "never") -> Recipe:
        task = f"trial: '000004', how: {how}, marker: {marker}, fold: 0, rate: 0.1, window: 0"
        use = "experiments.toy.tasks:Frail"
        recipe = toy("search", "trials.points=6", f"task={{use: '{use}', {task}}}", *overrides)
        tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
        if "Frail" not in tasks.read_text():
            tasks.write_text(tasks.read_text() + FRAIL)
        return recipe

    return read


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
    past = searching.read_past_points(outcome.directory, packs.committed(outcome.directory))
    states = [searching.frozen(toy("search").trials, one).state.name for one in past]
    assert states.count("FAIL") == 1
    assert states.count("COMPLETE") == 5


@pytest.mark.parametrize("how", ["fails", "nan", "inf"])
def test_a_point_does_not_win_by_losing_its_worst_replicate(frail, how: str):
    outcome = launch(frail(how), serial=True)
    past = searching.read_past_points(outcome.directory, sorted(packs.committed(outcome.directory)))
    assert [np.isnan(point.objective) for point in past] == [False, False, True, False, False, False]
    assert "000002" not in set(LaunchView(outcome.directory).groups["group"])
    assert outcome.progress.failed == 1
    (failure,) = packs.read_failures(outcome.directory, "000002")
    said = "diverged" if how == "fails" else f"the objective score is {how}, not a finite number"
    assert (failure.trial, failure.error) == ("000004", said)
    assert outcome.progress.best is not None
    assert outcome.progress.best[1] == max(
        point.objective for point in past if point.objective == point.objective
    )


DIVERGES = '''

class DivergingCurve(Nap):
    """Logs NaN at once where the rate is above 0.03."""

    def run(self, trials, bench):
        if trials[0].recipe.task.arguments["rate"] > 0.03:
            for epoch in range(self.epochs):
                for trial in trials:
                    bench.log(trial, {"score": float("nan")}, epoch)
        return super().run(trials, bench)


def diverging_combine(rows, arrays, *, limit, value):
    found = combine(rows, arrays)
    return found if rows["rate"].iloc[0] <= limit else found | {"score": float(value)}
'''


@pytest.fixture
def diverging(toy: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """A search whose points have no finite objective above a rate."""

    def read(limit: float, value: str, *overrides: str) -> Recipe:
        use = "experiments.toy.tasks:diverging_combine"
        groups = f"groups={{use: '{use}', limit: {limit}, value: {value}}}"
        recipe = toy("search", "trials.points=6", "report=null", groups, *overrides)
        tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
        tasks.write_text(tasks.read_text() + DIVERGES)
        return recipe

    return read


@pytest.mark.parametrize(
    ("serial", "value"),
    [(True, "nan"), (True, "inf"), pytest.param(False, "-inf", marks=pytest.mark.ray)],
)
def test_a_point_without_a_finite_objective_has_failed(diverging, value: str, serial: bool, request):
    if not serial:
        request.getfixturevalue("ray_session")
    outcome = launch(diverging(0.03, value, "trials.scheduler=null"), serial=serial)
    view = LaunchView(outcome.directory)
    bad = {pack for pack in packs.committed(view.directory) if packs.read_failures(view.directory, pack)}
    assert 0 < len(bad) < 6, "a mixture"
    assert outcome.exit_code == 1
    assert outcome.reasons == {f"the objective score is {value}, not a finite number": 2 * len(bad)}
    assert set(view.rows[view.rows["rate"] > 0.03]["status"]) == {"failed"}
    assert set(view.rows[view.rows["rate"] <= 0.03]["status"]) == {"finished"}
    past = searching.read_past_points(view.directory, packs.committed(view.directory))
    states = [searching.frozen(view.recipe.trials, one).state.name for one in past]
    assert states.count("FAIL") == len(bad)
    best = view.groups["score"].max()
    assert outcome.progress.best is not None
    assert outcome.progress.best[1] == best
    assert outcome.headline["best score"] == best


@pytest.mark.parametrize(
    ("serial", "value"), [(True, "inf"), pytest.param(False, "nan", marks=pytest.mark.ray)]
)
def test_where_all_points_diverge_all_are_tried_and_none_is_best(diverging, value, serial, request):
    if not serial:
        request.getfixturevalue("ray_session")
    outcome = launch(diverging(0, value, "trials.scheduler=null"), serial=serial)
    assert (outcome.progress.failed, outcome.progress.done, outcome.exit_code) == (12, 12, 1)
    assert outcome.progress.best is None
    assert outcome.headline == {}
    assert "no trial has finished, so there is nothing to report" in outcome.problems[0]
    assert not len(LaunchView(outcome.directory).groups)


@pytest.mark.ray
def test_a_scheduler_judges_points_whose_curves_diverge(diverging, ray_session: None):
    tasks = "task={use: 'experiments.toy.tasks:DivergingCurve', fold: 0, rate: 0.1, epochs: 6, window: 0}"
    recipe = diverging(0.03, "nan", tasks)
    outcome = launch(recipe, serial=False)
    view = LaunchView(outcome.directory)
    assert outcome.progress.done == 12
    assert set(view.rows[view.rows["rate"] > 0.03]["status"]) == {"failed"}
    assert outcome.progress.best is None or np.isfinite(outcome.progress.best[1])


def runs_of_trials(recipe: Recipe, launch_id: str) -> dict[str, Any]:
    client = connect(recipe.workspace)
    experiment = client.get_experiment_by_name("toy")
    found = client.search_runs([experiment.experiment_id], f"tags.`lblhep.launch` = '{launch_id}'")
    trials = [run for run in found if "lblhep.trial" in run.data.tags]
    assert len(trials) == len({run.data.tags["lblhep.trial"] for run in trials})
    return {run.data.tags["lblhep.trial"]: run for run in trials}


@pytest.mark.parametrize("serial", [True, pytest.param(False, marks=pytest.mark.ray)])
def test_a_failed_point_is_tried_again_at_its_own_values(frail, tmp_path: Path, serial: bool, request):
    if not serial:
        request.getfixturevalue("ray_session")
    recipe = frail("fails", "trials.scheduler=null", marker=str(tmp_path / "mended"))
    failed = launch(recipe, serial=serial)
    before = LaunchView(failed.directory).rows.set_index("trial")
    assert failed.state == "failed"
    (tmp_path / "mended").touch()

    def interrupt(progress: Progress) -> None:
        if progress.message.startswith("starting"):
            raise KeyboardInterrupt

    # Another driver ends before the point has run again.
    assert launch(recipe, serial=serial, resume=True, observe=interrupt).state == "interrupted"
    resumed = launch(recipe, serial=serial, resume=True)
    assert (resumed.id, resumed.state) == (failed.id, "finished")
    view = LaunchView(resumed.directory)
    after = view.rows.set_index("trial")
    pd.testing.assert_frame_equal(after[["rate", "window", "fold"]], before[["rate", "window", "fold"]])
    runs = runs_of_trials(recipe, resumed.id)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    for trial, row in after.iterrows():
        assert float(runs[trial].data.params["rate"]) == row["rate"]
        assert runs[trial].data.metrics["score"] == row["score"]
    scores = after["score"].to_numpy().reshape(6, 2).mean(axis=1)
    np.testing.assert_allclose(view.groups["score"], scores)


def test_a_point_and_its_group_are_committed_in_one_step(toy, monkeypatch: pytest.MonkeyPatch):
    """A kill before a point's commit leaves nothing of it, or its successor would get its metrics."""

    def kill(directory: Path, pack: str, result: commit.PackResult) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commit, "commit_pack", kill)
        killed = launch(toy("search"), serial=True)
    assert packs.committed_groups(killed.directory) == set()


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


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    "sampler",
    [
        "{use: 'optuna.samplers:GridSampler', search_space: {rate: [0.01, 0.1], window: [0, 1]}}",
        "{use: 'optuna.samplers:BruteForceSampler'}",
    ],
)
def test_a_sampler_that_has_no_more_points_ends_the_search(toy, capfd, sampler: str):
    told: list[Progress] = []
    recipe = toy(
        "search",
        f"trials.sampler={sampler}",
        "trials.space.rate={path: task.rate, choices: [0.01, 0.1]}"
        if "Brute" in sampler
        else "trials.space.rate={path: task.rate, uniform: [0.0, 1.0]}",
    )
    outcome = launch(recipe, serial=True, observe=told.append)
    assert outcome.state == "finished"
    assert (outcome.progress.done, outcome.progress.total) == (8, 8)
    assert "the sampler has no more points: 8 fewer than trials.points=12" in [p.message for p in told]
    assert "A new study created" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["PopulationBasedTraining", "pb2:PB2"])
def test_a_scheduler_that_changes_points_is_refused(toy, name: str):
    use = f"ray.tune.schedulers.{name}" if ":" in name else f"ray.tune.schedulers:{name}"
    component = Component(use=use, hyperparam_mutations={"rate": [0.1, 0.2]})
    if ":" in name:
        component = Component(use=use, hyperparam_bounds={"rate": [0.1, 0.2]})
    with pytest.raises(ComponentError, match="changes a point's values while it trains"):
        searching.scheduler(component)


class TestObjectiveListener:
    """``reported`` holds (step, mean) as a scheduler would see them."""

    def follow(self, logged: list[tuple[str, float, int]]) -> list[tuple[int, float]]:
        reported: list[tuple[int, float]] = []
        watch = ObjectiveListener("score", ("a", "b"), lambda step, value: reported.append((step, value)))
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

    def test_steps_that_are_not_finite_are_passed_over(self):
        logged = [("a", 1, 0), ("b", 3, 0), ("a", math.nan, 1), ("b", 4, 1), ("a", 3, 2), ("b", math.inf, 2)]
        assert self.follow([*logged, ("a", 3, 3), ("b", 5, 3)]) == [(0, 2), (3, 4)]

    def test_other_metrics_are_not_the_objective(self):
        reported: list[int] = []
        ObjectiveListener("score", ("a",), lambda step, value: reported.append(step))("a", {"loss": 1.0}, 0)
        assert reported == []
