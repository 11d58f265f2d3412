"""The curve of a trial that trains long: in its run while it grows, each step once, whatever dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from mlflow.entities import Run

from lblhep.launch import Launch, LaunchView, launch
from lblhep.launch.store.directory import launches
from lblhep.launch.workers import listeners
from lblhep.launch.workers import search_space as searching
from lblhep.recipe import Recipe
from lblhep.tracking.store import connect

SLOW = '''

class Slow(Nap):
    """Logs `epochs` steps for each trial of its pack, the last of them later than MLflow is written.

    Trial 000004 is stopped after its second step, as long as `stops` says so and the first time only.
    """

    def __init__(self, *, stops="", **arguments):
        super().__init__(**arguments)
        self.stops = stops

    def run(self, trials, bench):
        from lblhep.launch.workers import listeners

        for trial in trials:
            for epoch in range(self.epochs):
                listeners.WRITE_INTERVAL_SECONDS = 1e9 if epoch == self.epochs - 1 else 0
                bench.log(trial, {"score": 0.1 * epoch, "rate of steps": 1.0}, epoch)
                marker = bench.checkpoint.parent / "stopped"
                if self.stops and trial.id == "000004" and epoch == 1 and not marker.exists():
                    marker.touch()
                    if self.stops == "fails":
                        raise RuntimeError("not yet")
                    raise KeyboardInterrupt
        return [Row(trial.id, {"score": 7.0}) for trial in trials]


def mean(rows, arrays):
    return {"score": rows["score"].mean()}
'''
Toy = Callable[..., Recipe]


@pytest.fixture
def slow(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Toy:
    # The task changes it.
    monkeypatch.setattr(listeners, "WRITE_INTERVAL_SECONDS", listeners.WRITE_INTERVAL_SECONDS)

    def read(name: str, *overrides: str) -> Recipe:
        use = ["task.use=experiments.toy.tasks:Slow", "groups.use=experiments.toy.tasks:mean"]
        recipe = toy(name, *use, "task.epochs=4", *overrides)
        tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
        if "Slow" not in tasks.read_text():
            tasks.write_text(tasks.read_text() + SLOW)
        return recipe

    return read


def trial_runs(recipe: Recipe) -> dict[str, Run]:
    """The runs of the newest launch's trials, of which there is one each."""
    client, launch_id = connect(recipe.workspace), launches(recipe.workspace)[-1].name
    experiment = client.get_experiment_by_name("toy")
    found = client.search_runs([experiment.experiment_id], f"tags.`lblhep.launch` = '{launch_id}'")
    trials = [run for run in found if "lblhep.trial" in run.data.tags]
    by_trial = {run.data.tags["lblhep.trial"]: run for run in trials}
    assert len(by_trial) == len(trials)
    return by_trial


def curve(recipe: Recipe, run: Run, name: str = "curve/score") -> list[tuple[int, float]]:
    history = connect(recipe.workspace).get_metric_history(run.info.run_id, name)
    return sorted((point.step, point.value) for point in history)


def assert_complete(recipe: Recipe, outcome: Launch) -> None:
    """All runs are closed, with the row's metrics, and each curve is that of the table."""
    table: pd.DataFrame = LaunchView(outcome.directory).curves
    for trial, run in trial_runs(recipe).items():
        assert (run.info.status, run.data.tags["lblhep.status"]) == ("FINISHED", "finished")
        assert "lblhep.error" not in run.data.tags
        assert run.data.metrics["score"] == 7.0
        rows = table[table["trial"] == trial]
        assert curve(recipe, run) == list(zip(rows["step"], rows["score"], strict=True))
        assert len(curve(recipe, run, "curve/rate of steps")) == 4
    assert not list((outcome.directory / "live").iterdir())


def test_a_finished_trial_has_its_whole_curve_once(slow: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed launch leaves it alone."""
    recipe = slow("scan")
    outcome = launch(recipe, serial=True)
    assert_complete(recipe, outcome)
    trial = trial_runs(recipe)["000004"]
    assert trial.data.params == {"window": "1", "fold": "1"}
    parent = connect(recipe.workspace).get_run(trial.data.tags["mlflow.parentRunId"])
    assert parent.data.tags["lblhep.group"] == "000001"
    logged: list[str] = []
    monkeypatch.setattr(
        "mlflow.MlflowClient.log_batch", lambda self, run_id, *content, **named: logged.append(run_id)
    )
    launch(recipe, serial=True, resume=outcome.id)
    assert set(logged) == {outcome.run_id}


@pytest.mark.parametrize("stops", ["interrupted", "killed", "fails"])
def test_a_trial_that_is_tried_again_keeps_its_run(slow: Toy, stops: str) -> None:
    recipe = slow("scan", f"task.stops={stops}")
    stopped = launch(recipe, serial=True)
    first = trial_runs(recipe)["000004"]
    client = connect(recipe.workspace)
    expected = {"fails": "FAILED"}.get(stops, "KILLED")
    assert (stopped.state, first.info.status) == ("failed" if stops == "fails" else "interrupted", expected)
    assert curve(recipe, first) == [(0, 0.0), (1, 0.1)]
    if stops == "killed":  # nobody closed it then
        client.update_run(first.info.run_id, status="RUNNING")
    outcome = launch(recipe, serial=True, resume=True)
    assert trial_runs(recipe)["000004"].info.run_id == first.info.run_id
    assert_complete(recipe, outcome)


def test_a_run_that_a_kill_left_running_is_closed_by_who_is_stopped_before_it(slow: Toy) -> None:
    recipe = slow("scan", "task.stops=killed")
    launch(recipe, serial=True)
    run = trial_runs(recipe)["000004"]
    connect(recipe.workspace).update_run(run.info.run_id, status="RUNNING")

    def interrupt(progress: Any) -> None:
        if progress.message.startswith("starting"):
            raise KeyboardInterrupt

    launch(recipe, serial=True, resume=True, observe=interrupt)
    assert trial_runs(recipe)["000004"].info.status == "KILLED"


def test_a_point_whose_number_goes_to_another_gets_a_new_run(
    slow: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that was killed gives the number away; a run's params are for ever."""
    recipe = slow("search", "trials.points=3", "task.stops=killed")
    launch(recipe, serial=True)
    first = trial_runs(recipe)["000004"]
    real = searching.sampler
    monkeypatch.setattr(searching, "sampler", lambda recipe, search, past=0: real(recipe, search, 99))
    outcome = launch(recipe, serial=True, resume=True)
    again = trial_runs(recipe)["000004"]
    assert first.data.params["rate"] != again.data.params["rate"]
    assert first.info.run_id != again.info.run_id
    rates = LaunchView(outcome.directory).rows.set_index("trial")["rate"]
    assert float(again.data.params["rate"]) == rates["000004"]
    assert_complete(recipe, outcome)


def test_a_pack_of_many_trials_and_a_quick_one_write_nothing(toy: Toy, slow: Toy) -> None:
    many = slow("scan", "trials.axes.fold.range=[0, 9]", "trials.expect=36", "trials.pack=9")
    quick = toy("scan", "task.epochs=3")
    launch(quick, serial=True)
    assert {name for run in trial_runs(quick).values() for name in run.data.metrics} == {"score", "noise"}
    outcome = launch(many, serial=True)
    assert len(LaunchView(outcome.directory).curves) == 36 * 4
    assert all(set(run.data.metrics) == {"score"} for run in trial_runs(many).values())
