"""What a launch leaves in MLflow."""

from __future__ import annotations

import getpass
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.utils.validation import _validate_metric

from lblhep.errors import TrackingError
from lblhep.launch import Launch, launch
from lblhep.tracking import find_run, pages, tracking_uri
from lblhep.tracking.runs import storable
from lblhep.tracking.store import connect, database

RunsOf = Callable[[Launch, Path], list[Run]]
ByTag = Callable[[list[Run], str], dict[str, Run]]


def test_launch_groups_and_trials_are_parent_and_children(toy, runs_of: RunsOf, by_tag: ByTag):
    recipe = toy("scan", "task.fail=['000004']", "title=Naps")
    outcome = launch(recipe, serial=True)
    runs = runs_of(outcome, recipe.workspace)
    trials, groups = by_tag(runs, "lblhep.trial"), by_tag(runs, "lblhep.group")
    assert (len(runs), len(trials), len(groups)) == (17, 12, 4)
    parent = next(run for run in runs if run.info.run_id == outcome.run_id)
    assert parent.data.params["task.use"] == "experiments.toy.tasks:Nap"
    assert parent.data.tags["lblhep.recipe_digest"] == recipe.digest()
    assert parent.data.tags["mlflow.note.content"] == "Naps"
    assert parent.data.metrics == {"trials": 12, "failed": 1, "pruned": 0, "rows": 12}
    assert groups["000001"].data.tags["mlflow.parentRunId"] == outcome.run_id
    trial = trials["000003"]
    assert trial.data.tags["mlflow.parentRunId"] == groups["000001"].info.run_id
    assert trial.data.params == {"window": "1", "fold": "0"}
    assert trial.info.run_name == "window=1 fold=0"
    assert trial.data.metrics["score"] == pytest.approx(-0.25)
    assert trials["000004"].info.status == "FAILED"
    assert trials["000004"].data.tags["lblhep.error"] == "asked to fail"
    assert {run.info.status for name, run in trials.items() if name != "000004"} == {"FINISHED"}


def test_what_the_pages_of_mlflow_show_of_a_run(toy, runs_of: RunsOf):
    """Experiments are of model training; each run names recipe and user, and takes as long as its pack."""
    recipe = toy("scan", "task.seconds=0.3")
    outcome = launch(recipe, serial=True)
    experiment = connect(recipe.workspace).get_experiment_by_name("toy")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert pages(recipe.workspace) == {
        "toy": f"#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
    }
    runs = runs_of(outcome, recipe.workspace)
    for run in runs:
        assert run.data.tags["mlflow.source.name"] == "recipes/scan.yaml"
        assert run.data.tags["mlflow.source.type"] == "LOCAL"
        assert run.info.user_id == run.data.tags["mlflow.user"] == getpass.getuser()
        assert run.info.end_time - run.info.start_time >= 300
    shown = [run.info.run_name for run in runs if "lblhep.trial" in run.data.tags]
    assert shown[-3:] == ["window=0 fold=0", "window=0 fold=1", "window=0 fold=2"]  # the newest pack is first


def test_an_older_experiment_is_marked_too(toy):
    recipe = toy("scan")
    connect(recipe.workspace).create_experiment("toy")
    launch(recipe, serial=True)
    experiment = connect(recipe.workspace).get_experiment_by_name("toy")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_params_with_names_that_mlflow_does_not_take(toy, runs_of: RunsOf):
    recipe = toy("scan", "task.use=experiments.toy.tasks:Cuts", "task.cuts={pt>20: true}")
    source = recipe.workspace / "experiments" / "toy" / "tasks.py"
    cuts = "\n\nclass Cuts(Nap):\n    def __init__(self, *, cuts, **arguments):\n"
    source.write_text(f"{source.read_text()}{cuts}        super().__init__(**arguments)\n")
    outcome = launch(recipe, serial=True)
    parent = next(run for run in runs_of(outcome, recipe.workspace) if run.info.run_id == outcome.run_id)
    assert parent.data.params["task.cuts.pt_20"] == "True"


def test_artifacts(toy):
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    client = connect(recipe.workspace)
    names = {artifact.path for artifact in client.list_artifacts(outcome.run_id)}
    assert names >= {"recipe.yaml", "packages.txt", "rows.parquet", "groups.parquet", "report"}
    assert (recipe.workspace / "mlruns" / "artifacts").is_dir()


def test_the_environment_names_another_store(
    toy, tmp_path: Path, empty_store: Path, monkeypatch, runs_of: RunsOf
):
    elsewhere = tmp_path / "elsewhere.db"
    shutil.copy(empty_store, elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    assert tracking_uri(recipe.workspace) == f"sqlite:///{elsewhere}"
    assert len(runs_of(outcome, recipe.workspace)) == 17


def test_find_run(toy, runs_of: RunsOf, by_tag: ByTag):
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    trial = by_tag(runs_of(outcome, recipe.workspace), "lblhep.trial")["000005"]
    assert find_run(recipe.workspace, trial.info.run_id) == (outcome.id, "000005")
    assert find_run(recipe.workspace, outcome.run_id) == (outcome.id, None)
    with pytest.raises(TrackingError, match="there is no run"):
        find_run(recipe.workspace, "0" * 32)


def test_write_ahead_log(toy):
    recipe = toy("scan")
    launch(recipe, serial=True)
    with closing(sqlite3.connect(database(recipe.workspace))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("auc", "auc"),
        ("S/sqrt(B) before cuts", "S/sqrt_B_ before cuts"),
        ("val/auc", "val/auc"),
        ("/auc", "_auc"),
        ("a//b", "a__b"),
        ("a/../b", "a____b"),
        ("..", "__"),
        ("", "_"),
        ("m" * 300, "m" * 244),
    ],
)
def test_any_name_can_be_stored(name: str, stored: str):
    assert storable({name: 1.0}) == {stored: 1.0}
    _validate_metric(f"curve/{stored}", 1.0, 0, 0)
