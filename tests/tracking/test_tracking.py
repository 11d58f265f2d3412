"""What a launch leaves in MLflow, and what happens when MLflow does not work."""

from __future__ import annotations

import getpass
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.utils.validation import _validate_metric
from sqlalchemy.exc import OperationalError

from lblhep.errors import TrackingError
from lblhep.launch import Launch, LaunchView, Progress, launch
from lblhep.tracking import find_run, pages, tracking_uri
from lblhep.tracking.inserts import TableWriter
from lblhep.tracking.new_runs import ClientWriter
from lblhep.tracking.runs import storable
from lblhep.tracking.store import connect, database


def runs_of(outcome: Launch, workspace: Path) -> list[Any]:
    client = connect(workspace)
    experiment = client.get_experiment_by_name("toy")
    query = f"tags.`lblhep.launch` = '{outcome.id}'"
    return list(client.search_runs([experiment.experiment_id], query, max_results=1000))


def by_tag(runs: list[Any], tag: str) -> dict[str, Any]:
    return {run.data.tags[tag]: run for run in runs if tag in run.data.tags}


def test_launch_groups_and_trials_are_parent_and_children(toy):
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


def test_what_the_pages_of_mlflow_show_of_a_run(toy):
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


def test_params_with_names_that_mlflow_does_not_take(toy):
    recipe = toy("scan", "task.use=experiments.toy.tasks:Cuts", "task.cuts={pt>20: true}")
    source = recipe.workspace / "experiments" / "toy" / "tasks.py"
    cuts = "\n\nclass Cuts(Nap):\n    def __init__(self, *, cuts, **arguments):\n"
    source.write_text(f"{source.read_text()}{cuts}        super().__init__(**arguments)\n")
    outcome = launch(recipe, serial=True)
    parent = next(run for run in runs_of(outcome, recipe.workspace) if run.info.run_id == outcome.run_id)
    assert parent.data.params["task.cuts.pt_20"] == "True"


def test_a_resumed_launch_stays_in_its_experiment(toy):
    first = launch(toy("scan", "task.fail=['000004']"), serial=True)
    again = launch(
        toy("scan", "task.fail=['000004']", "tracking.experiment=another"), serial=True, resume=first.id
    )
    assert (again.id, again.run_id) == (first.id, first.run_id)
    assert len(runs_of(again, toy("scan").workspace)) == 17


def test_artifacts(toy):
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    client = connect(recipe.workspace)
    names = {artifact.path for artifact in client.list_artifacts(outcome.run_id)}
    assert names >= {"recipe.yaml", "packages.txt", "rows.parquet", "groups.parquet", "report"}
    assert (recipe.workspace / "mlruns" / "artifacts").is_dir()


def test_a_search_logs_pruned_points_as_killed(toy, ray_session: None):
    recipe = toy("search")
    outcome = launch(recipe)
    trials = by_tag(runs_of(outcome, recipe.workspace), "lblhep.trial").values()
    assert sum(run.info.status == "KILLED" for run in trials) == outcome.progress.pruned > 0
    assert {run.data.tags["lblhep.status"] for run in trials} == {"finished", "pruned"}


test_a_search_logs_pruned_points_as_killed.pytestmark = [pytest.mark.ray]


def test_a_run_left_unfinished_is_completed_not_doubled(toy):
    """As if the driver had been killed between creating a run and ending it."""
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
    toy, monkeypatch: pytest.MonkeyPatch
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


def test_a_group_is_logged_once_whatever_its_metrics_are_called(toy):
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


def test_resume_logs_into_a_new_database_what_an_old_one_lost(toy, empty_store: Path):
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    for path in recipe.workspace.glob("mlruns/mlflow.db*"):
        path.unlink()
    shutil.copy(empty_store, database(recipe.workspace))
    resumed = launch(recipe, serial=True, resume=outcome.id)
    assert len(by_tag(runs_of(resumed, recipe.workspace), "lblhep.trial")) == 12


def test_a_failed_trial_that_is_mended_has_one_finished_run(toy, tmp_path: Path):
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


def test_mlflow_gives_out_half_way(toy, monkeypatch: pytest.MonkeyPatch):
    """The launch runs to its end, its results are on disk, and a resume logs what is missing."""
    recipe = toy("scan")

    def corrupt(progress: Progress) -> None:
        if progress.done == 6:
            for path in recipe.workspace.glob("mlruns/mlflow.db*"):
                path.write_bytes(b"garbage" * 1000)

    with pytest.raises(TrackingError, match=r"mlflow.db: the MLflow store cannot be used .*--resume"):
        launch(recipe, serial=True, observe=corrupt)
    directory = next((recipe.workspace / "mlruns" / "launches").iterdir())
    assert len(LaunchView(directory).rows) == 12
    assert (directory / "report" / "index.html").is_file()


def test_broken_from_the_start(toy):
    recipe = toy("scan")
    database(recipe.workspace).write_bytes(b"this is no database" * 100)
    seen: list[Progress] = []
    with pytest.raises(TrackingError, match=r"mlflow.db: .*not a database.*move the file away"):
        launch(recipe, serial=True, observe=seen.append)
    assert not seen, "nothing is said to be launched"


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, SystemExit])
def test_a_new_database_whose_making_is_broken_off_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: type[BaseException]
):
    """As by Ctrl-C, or by a kill, which leaves the draft as it is at that moment."""
    from mlflow.store.db import utils

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def stop(engine: Any) -> None:
        raise stopped

    with monkeypatch.context() as patch:
        patch.setattr(utils, "_upgrade_db", stop)
        with pytest.raises(stopped):
            connect(tmp_path)
    assert not database(tmp_path).exists()
    assert len(connect(tmp_path).search_experiments()) == 1
    assert {path.name for path in (tmp_path / "mlruns").glob(".*")} == {".mlflow.db.lock"}


def test_two_launches_make_one_database(tmp_path: Path):
    """Both in processes of their own, as two commands are."""
    code = "from pathlib import Path; from lblhep.tracking.store import connect; import sys\n"
    code += "connect(Path(sys.argv[1])).create_experiment(sys.argv[2])"
    makers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, name], stderr=subprocess.PIPE)
        for name in ("one", "two")
    ]
    assert not any(b"Creating" in maker.communicate()[1] for maker in makers), "MLflow is kept quiet"
    assert [maker.returncode for maker in makers] == [0, 0]
    assert {each.name for each in connect(tmp_path).search_experiments()} == {"Default", "one", "two"}


def test_half_a_database_is_to_be_moved_away(toy):
    """As MLflow left it when it migrated a database in its place."""
    recipe = toy("scan")
    with closing(sqlite3.connect(database(recipe.workspace))) as connection:
        connection.execute("DROP TABLE spans")
        connection.execute("DELETE FROM alembic_version")
        connection.commit()
    with pytest.raises(TrackingError, match=r"mlflow.db: .*move the file away: a new one is made$"):
        launch(recipe, serial=True)


def test_a_full_disk_before_the_launch_has_nothing_to_resume(toy, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lblhep.tracking.store.make_database", full)
    with pytest.raises(TrackingError, match=r"free some space$"):
        launch(toy("scan"), serial=True)


def test_a_file_where_mlruns_should_be(tmp_path: Path):
    (tmp_path / "mlruns").touch()
    with pytest.raises(TrackingError, match=r"mlruns: .*it is a file, not a folder"):
        connect(tmp_path)


def test_locked_from_the_start(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lblhep.tracking.store.LOCK_WAIT_SECONDS", 0.2)
    recipe = toy("scan")
    with closing(sqlite3.connect(database(recipe.workspace), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match=r"locked.*another process holds it"):
            launch(recipe, serial=True)


@pytest.mark.parametrize("times", [1, 100])
def test_only_a_lock_that_stays_ends_the_logging(toy, monkeypatch: pytest.MonkeyPatch, times: int):
    """Met after a trial's run was created: the second attempt must complete it, not make another."""
    from mlflow import MlflowClient

    monkeypatch.setattr("lblhep.launch.mlflow_log.RETRY_PAUSES_SECONDS", (0.01, 0.01, None))
    monkeypatch.setattr("lblhep.tracking.tracker.writer", ClientWriter)
    recipe, log_batch, calls = toy("scan"), MlflowClient.log_batch, []

    def sometimes_locked(self: Any, run_id: str, **content: Any) -> None:
        calls.append(run_id)
        if 6 <= len(calls) < 6 + times:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
        log_batch(self, run_id, **content)

    monkeypatch.setattr("mlflow.MlflowClient.log_batch", sometimes_locked)
    if times > 3:
        with pytest.raises(TrackingError, match="locked"):
            launch(recipe, serial=True)
        assert len(calls) == 8, "three attempts, then none"
        return
    outcome = launch(recipe, serial=True)
    runs = runs_of(outcome, recipe.workspace)
    assert len(runs) == 17
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_pack_that_met_a_lock_is_logged_by_the_next_attempt(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lblhep.launch.mlflow_log.RETRY_PAUSES_SECONDS", (0.01, 0.01, None))
    create, calls = TableWriter.create, []

    def locked(self: TableWriter, runs: Any) -> Any:
        calls.append(len(runs))
        if 3 <= len(calls) < 5:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
        return create(self, runs)

    monkeypatch.setattr(TableWriter, "create", locked)
    recipe = toy("scan")
    runs = runs_of(launch(recipe, serial=True), recipe.workspace)
    assert calls[:3] == [1, 1, 3], "the launch, the first group, its trials"
    assert len(runs) == 17
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_folder_where_the_database_should_be(toy):
    recipe = toy("scan")
    database(recipe.workspace).unlink()
    database(recipe.workspace).mkdir()
    with pytest.raises(TrackingError, match=r"unable to open database file.*make it writable"):
        launch(recipe, serial=True)


def test_the_environment_names_another_store(toy, tmp_path: Path, empty_store: Path, monkeypatch):
    elsewhere = tmp_path / "elsewhere.db"
    shutil.copy(empty_store, elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    recipe = toy("scan")
    outcome = launch(recipe, serial=True)
    assert tracking_uri(recipe.workspace) == f"sqlite:///{elsewhere}"
    assert len(runs_of(outcome, recipe.workspace)) == 17


def test_find_run(toy):
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
