"""One launch written by MLflow's client, by inserts and through a server: the same in every column."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lblhep.tracking import About, CurvePoint, DataInput, Tracker, TrialRecord
from lblhep.tracking.new_runs import ClientWriter, NewRun, writer
from lblhep.tracking.store import connect, database

NAMES = {"g0": "window=0", "g1": "window=1"}
TABLES = ("experiments", "experiment_tags", "runs", "tags", "params", "metrics", "latest_metrics")


def record(trial: str, status: str = "finished", group: str | None = "g0", **content: Any) -> TrialRecord:
    given = {"point": {"window": 0, "cut": 0.1}, "metrics": {"score": 0.5, "loss": np.float64(2.0)}}
    given |= {"started": 1_700_000_000.123, "ended": 1_700_000_060.456, "error": ""}
    if status != "finished":
        given["metrics"] = {}
    return TrialRecord(id=trial, name=f"trial {trial}", group=group, status=status, **(given | content))


FIRST = [
    record("0"),
    record("1", group=None, point={}, metrics={"score": math.nan}),
    record("2", group="g1", metrics={"up": math.inf, "down": -math.inf, "S/sqrt(B)": 1.0, "a//b": 2.0}),
    record("3", point={"long": "x" * 7000, "list": [1, 2], "none": None, "cut > 3": True}),
    record("4", "failed", error="E" * 5000),
    record("5", "failed", error="out of memory"),
    record("6", "pruned", group="g1"),
    record("7", metrics={}),
    record("8", metrics={"m" * 300: 1.0}, point={"p" * 300: 1}),
]
CURVE = [CurvePoint(step, {"score": 0.1 * step}, 1_700_000_010.0 + step) for step in range(3)]


def write(workspace: Path) -> str:
    """Write a launch: two packs, of which the second runs long; then again, with a trial that is mended."""
    recipe = workspace / "recipe.yaml"
    recipe.write_text("study: toy\n")
    about = About(
        launch="toy-1",
        experiment="toy",
        title="Toys",
        params={"seed": 3, "task.use": "toy:Task"},
        tags={"lblhep.study": "toy"},
        files=[recipe],
        inputs=[DataInput("toys", "abc", "data_cards/toys.yaml")],
        source="recipes/toy.yaml",
    )
    tracker = Tracker.open(workspace, about)
    tracker.log_trials(FIRST, NAMES, lambda trial: [])
    tracker.log_curve(record("9", "running", ended=None), CURVE[:2], NAMES)
    tracker.log_trials([record("9")], NAMES, lambda trial: CURVE)
    tracker.log_group("g1", NAMES["g1"], {"window": 1}, {"mean": 0.5, "spread": math.nan}, "finished")
    tracker.finish("interrupted", {"trials": 10}, [])
    again = Tracker.open(workspace, about)
    mended = [r if r.id != "5" else record("5") for r in FIRST]
    again.log_trials(mended, NAMES, lambda trial: [])
    again.finish("finished", {"trials": 10}, [recipe])
    return again.run_id


def content(file: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables that runs are in: ids by what they are called in lblhep, no times of today."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        rows = {table: [dict(r) for r in connection.execute(f"SELECT * FROM {table}")] for table in TABLES}
    own = {"lblhep.kind", "lblhep.group", "lblhep.trial"}
    called = {r["run_uuid"]: f"{r['key']}={r['value']}" for r in rows["tags"] if r["key"] in own}
    roots = {row["experiment_id"]: row.pop("artifact_location") for row in rows["experiments"]}
    for row in [row for table in rows.values() for row in table]:
        for column, value in row.items():
            if column in ("creation_time", "last_update_time"):
                row[column] = value > 0
            elif isinstance(value, int) and value > 1_750_000_000_000:  # of groups and the launch
                row[column] = "now"
        if "artifact_uri" in row:
            root = roots[row["experiment_id"]]
            row["artifact_uri"] = row["artifact_uri"].replace(f"{root}/{row['run_uuid']}/", "ROOT/RUN/")
        if row.get("key") == "mlflow.parentRunId":
            row["value"] = called[row["value"]]
        if "run_uuid" in row:
            row["run_uuid"] = called[row["run_uuid"]]
    return {table: sorted(found, key=repr) for table, found in rows.items()}


@pytest.fixture
def workspaces(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = {name: tmp_path / name for name in ("client", "inserts", "server")}
    for workspace in found.values():
        (workspace / "mlruns").mkdir(parents=True)
        shutil.copy(empty_store, database(workspace))
    return found


@pytest.fixture
def server(workspaces: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """A server of MLflow's, on this machine alone, on the database of the workspace ``server``."""
    folder = workspaces["server"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", f"sqlite:///{database(folder)}"]
    command += ["--default-artifact-root", (folder / "artifacts").as_uri()]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("w") as log:
        running = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield answering(f"http://127.0.0.1:{port}", running)
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait(30)


def answering(address: str, server: subprocess.Popen[bytes]) -> str:
    """The address, once the server answers there."""
    while server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
            return address
        time.sleep(0.2)
    raise AssertionError(f"the server ended with exit code {server.returncode}")


def test_client_inserts_and_server_write_the_same(
    workspaces: dict[str, Path],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write(workspaces["inserts"])
    with monkeypatch.context() as patch:
        patch.setattr("lblhep.tracking.tracker.writer", ClientWriter)
        write(workspaces["client"])
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server)
        write(workspaces["server"])
    assert capfd.readouterr().out == "", "MLflow is kept quiet"
    by_client, by_inserts, by_server = (
        content(database(workspaces[name])) for name in ("client", "inserts", "server")
    )
    assert len(by_client["runs"]) == 1 + 2 + 10
    for table in TABLES:
        assert by_inserts[table] == by_client[table]
        assert by_server[table] == by_client[table]
    users = {row["user_id"] for row in by_client["runs"]}
    tags = {row["value"] for row in by_client["tags"] if row["key"] == "mlflow.user"}
    assert users == (tags or {"unknown"})
    assert {row["artifact_uri"] for row in by_client["runs"]} == {"ROOT/RUN/artifacts"}
    assert ("mlflow.experimentKind", "custom_model_development") in [
        (row["key"], row["value"]) for row in by_client["experiment_tags"]
    ]


def test_what_the_inserts_return_is_what_mlflow_reads(workspaces: dict[str, Path]) -> None:
    client = connect(workspaces["inserts"])
    tags = {"mlflow.runName": "one", "mlflow.user": "someone"}
    runs = [
        NewRun(tags, 1000, 2000, "FINISHED", {"cut": "1"}, {"score": math.nan, "loss": 0.5}),
        NewRun(tags, 1000),
    ]
    for made in writer(client, client.create_experiment("toy")).create(runs):
        read = client.get_run(made.info.run_id)
        assert repr(made.to_dictionary()["info"]) == repr(read.to_dictionary()["info"])
        for part in ("metrics", "params", "tags"):
            assert repr(sorted(getattr(made.data, part).items())) == repr(
                sorted(getattr(read.data, part).items())
            )


def test_all_runs_of_a_pack_or_none(workspaces: dict[str, Path]) -> None:
    client = connect(workspaces["inserts"])
    experiment = client.create_experiment("toy")
    whole = NewRun({"mlflow.runName": "whole"}, 1000)
    broken = NewRun({"mlflow.runName": "broken"}, 1000, params={"cut": None})  # type: ignore[dict-item]
    with pytest.raises(Exception, match="NOT NULL"):
        writer(client, experiment).create([whole, broken])
    assert client.search_runs([experiment]) == []
