"""What MLflow holds after a launch has gone on: each trial and group has one run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run

from lblhep.launch import Launch, launch
from lblhep.tracking.store import connect, database

RunsOf = Callable[[Launch, Path], list[Run]]
ByTag = Callable[[list[Run], str], dict[str, Run]]


def test_a_resumed_launch_stays_in_its_experiment(toy, runs_of: RunsOf):
    first = launch(toy("scan", "task.fail=['000004']"), serial=True)
    again = launch(
        toy("scan", "task.fail=['000004']", "tracking.experiment=another"), serial=True, resume=first.id
    )
    assert (again.id, again.run_id) == (first.id, first.run_id)
    assert len(runs_of(again, toy("scan").workspace)) == 17


def test_a_run_left_unfinished_is_completed_not_doubled(toy, runs_of: RunsOf, by_tag: ByTag):
    """A driver that is killed between creating a run and ending it leaves one so."""
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    client = connect(recipe.workspace)
    trial = by_tag(runs_of(outcome, recipe.workspace), "lblhep.trial")["000005"]
    client.update_run(trial.info.run_id, status="RUNNING")
    launch(recipe, serial=True, resume=outcome.id)
    runs = runs_of(outcome, recipe.workspace)
    assert len(runs) == 17
    again = by_tag(runs, "lblhep.trial")["000005"]
    assert (again.info.run_id, again.info.status) == (trial.info.run_id, "FINISHED")
    assert again.data.metrics == trial.data.metrics


def test_a_launch_killed_while_it_was_described_is_described_on_resuming(
    toy, monkeypatch: pytest.MonkeyPatch, runs_of: RunsOf
):
    recipe = toy("scan")

    def kill(self: Any, *arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.log_batch", kill)
        patch.setattr("lblhep.launch.driver.remove_directory", lambda path: None)  # nor would who is killed
        with pytest.raises(KeyboardInterrupt):
            launch(recipe, serial=True)
    outcome = launch(recipe, serial=True, resume=True)
    runs = runs_of(outcome, recipe.workspace)
    assert len(runs) == 17
    parent = next(run for run in runs if run.info.run_id == outcome.run_id)
    assert parent.data.params["task.use"] == "experiments.toy.tasks:Nap"
    names = {artifact.path for artifact in connect(recipe.workspace).list_artifacts(outcome.run_id)}
    assert names >= {"recipe.yaml", "packages.txt"}


def test_what_was_said_of_the_first_driver_stays(toy, monkeypatch: pytest.MonkeyPatch):
    """Versions of packages are those of the launch's beginning, and a launch of mixed code says so."""
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
    tasks.write_text(tasks.read_text() + "\n# a change\n")
    monkeypatch.setattr("lblhep.tracking.launch_run.package_versions", lambda: "newer")
    launch(recipe, serial=True, resume=outcome.id, force=True)
    client = connect(recipe.workspace)
    assert client.get_run(outcome.run_id).data.tags["lblhep.mixed"] == "code"
    versions = client.download_artifacts(outcome.run_id, "packages.txt")
    assert Path(versions).read_text() != "newer"


def test_a_group_is_logged_once_whatever_its_metrics_are_called(toy, runs_of: RunsOf, by_tag: ByTag):
    recipe = toy("scan", "groups.use=experiments.toy.tasks:oddly_named")
    tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
    tasks.write_text(
        tasks.read_text() + "\n\ndef oddly_named(rows, arrays):\n    return {'S/sqrt(B)': 1.0}\n"
    )
    outcome = launch(recipe, serial=True)
    launch(recipe, serial=True, resume=outcome.id)
    client = connect(recipe.workspace)
    for group in by_tag(runs_of(outcome, recipe.workspace), "lblhep.group").values():
        assert len(client.get_metric_history(group.info.run_id, "S/sqrt_B_")) == 1


def test_resume_logs_into_a_new_database_what_an_old_one_lost(
    toy, empty_store: Path, runs_of: RunsOf, by_tag: ByTag
):
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    for path in recipe.workspace.glob("mlruns/mlflow.db*"):
        path.unlink()
    shutil.copy(empty_store, database(recipe.workspace))
    resumed = launch(recipe, serial=True, resume=outcome.id)
    assert len(by_tag(runs_of(resumed, recipe.workspace), "lblhep.trial")) == 12


def test_a_failed_trial_that_is_mended_has_one_finished_run(
    toy, tmp_path: Path, runs_of: RunsOf, by_tag: ByTag
):
    marker = tmp_path / "mended"
    task = f"task={{use: 'experiments.toy.tasks:Mended', marker: {marker}, window: 0, fold: 0, rate: 0.1}}"
    recipe = toy("scan", task)
    outcome = launch(recipe, serial=True)
    marker.touch()
    launch(recipe, serial=True, resume=outcome.id)
    runs = runs_of(outcome, recipe.workspace)
    trials = by_tag(runs, "lblhep.trial")
    assert len(runs) == 17
    assert {run.info.status for run in trials.values()} == {"FINISHED"}
    assert {run.data.tags["lblhep.status"] for run in trials.values()} == {"finished"}
    assert not any("lblhep.error" in run.data.tags for run in trials.values())
    assert {run.info.status for run in by_tag(runs, "lblhep.group").values()} == {"FINISHED"}
