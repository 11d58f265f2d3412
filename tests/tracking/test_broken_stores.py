"""What happens when MLflow's database is broken, locked or not there."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from sqlalchemy.exc import OperationalError

from lblhep.errors import TrackingError
from lblhep.launch import Launch, LaunchView, Progress, launch
from lblhep.tracking.inserts import TableWriter
from lblhep.tracking.new_runs import ClientWriter
from lblhep.tracking.store import connect, database

RunsOf = Callable[[Launch, Path], list[Run]]
ByTag = Callable[[list[Run], str], dict[str, Run]]


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


def test_a_new_database_whose_making_is_broken_off_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ctrl-C ends it, or a kill, which leaves the draft as it is at that moment."""
    from mlflow.store.db import utils

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for stopped in (KeyboardInterrupt, SystemExit):

        def stop(engine: Any, stopped: type[BaseException] = stopped) -> None:
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
    """MLflow left such a half when it migrated a database in its place."""
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
def test_only_a_lock_that_stays_ends_the_logging(
    toy, monkeypatch: pytest.MonkeyPatch, times: int, runs_of: RunsOf
):
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


def test_a_pack_that_met_a_lock_is_logged_by_the_next_attempt(
    toy, monkeypatch: pytest.MonkeyPatch, runs_of: RunsOf
):
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
