"""Stores that do not answer, cannot be opened or are named by a relative path; passwords are not printed."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lblhep import waiting
from lblhep.errors import TrackingError
from lblhep.launch import LaunchView, launch
from lblhep.launch.store.directory import launches
from lblhep.recipe import Recipe
from lblhep.tracking import find_run
from lblhep.tracking.store import broken, connect, was_locked

Toy = Callable[..., Recipe]
LIMITS = ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT")


@pytest.fixture(autouse=True)
def _fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """``connect`` sets them for the process; here each test begins without."""
    for name in LIMITS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def left_over(workspace: Path) -> list[str]:
    """Everything in the workspace but the store that a test may put there, and what was there before."""
    known = ("mlflow.db", "recipes", "data_cards", "experiments")
    return [
        str(path.relative_to(workspace))
        for path in workspace.rglob("*")
        if path.is_file() and not any(part in str(path.relative_to(workspace)) for part in known)
    ]


def test_a_server_that_does_not_answer(
    toy: Toy, black_hole: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A line and an end when it was told to end, no launch, and no password anywhere."""
    import mlflow  # noqa: F401 - it takes seconds, which are not to count

    recipe = toy("scan")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://anna:pa5sword@{black_hole}")
    begin = time.monotonic()
    with pytest.raises(TrackingError) as refused:
        launch(recipe, serial=True, wait=5)
    assert time.monotonic() - begin < 15
    assert re.search(rf"^http://\*\*\*@{black_hole}: .*no answer.*--wait", str(refused.value))
    said = capsys.readouterr().err
    assert re.fullmatch(
        rf"waiting for the MLflow store http://\*\*\*@{black_hole}: \d+ s so far, at most 5 s\n", said
    )
    assert not launches(recipe.workspace)
    assert not left_over(recipe.workspace)


def test_how_long_it_may_take():
    """One minute, unless told otherwise."""
    assert waiting.WAIT_LIMIT_SECONDS == 60
    assert connect.__defaults__ == (60,)


@pytest.mark.parametrize("wait", [1, 5, 20, 60, 600, 10_000])
def test_no_request_takes_much_longer(tmp_path: Path, wait: float, monkeypatch: pytest.MonkeyPatch):
    """Attempts and urllib3's pauses between them: none before the first retry, then 4, 8, ... s."""
    from lblhep.tracking.store import _limit_requests

    _limit_requests(wait)
    retries, timeout = (int(os.environ[name]) for name in LIMITS)
    pauses = sum(2.0**n for n in range(2, retries + 1))
    longest = (retries + 1) * timeout + pauses + retries - 1
    assert longest <= max(wait, 2)
    assert retries == 7 or longest > 0.6 * wait


def test_limits_that_the_user_has_set_stay(monkeypatch: pytest.MonkeyPatch):
    from lblhep.tracking.store import _limit_requests

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
    _limit_requests(5)
    _limit_requests(600)
    assert [os.environ[name] for name in LIMITS] == ["6", "300"], "those of the later launch, and the user's"


def test_a_server_that_is_gone_in_the_middle_of_a_request(
    black_hole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The request itself ends too, not only the waiting for it; what is raised then has no password."""
    import mlflow  # noqa: F401 - it takes seconds, which are not to count

    from lblhep.tracking.store import _limit_requests, _opened, explained

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://anna:pa5sword@{black_hole}")
    _limit_requests(2)
    begin = time.monotonic()
    with pytest.raises(TrackingError) as refused, explained(tmp_path):
        _opened(os.environ["MLFLOW_TRACKING_URI"])
    assert time.monotonic() - begin < 18
    assert "pa5sword" not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__, "a traceback would quote the address"
    assert "(no answer); is it up" in str(refused.value)


@pytest.mark.parametrize(
    ("scheme", "package"),
    [("postgresql+psycopg2", "psycopg2-binary"), ("mssql+pyodbc", "pyodbc"), ("mysql", "mysqlclient")],
)
def test_a_database_without_its_driver(toy: Toy, scheme: str, package: str, monkeypatch: pytest.MonkeyPatch):
    recipe = toy("scan")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://anna:pa5sword@localhost/db")
    with pytest.raises(TrackingError, match=rf"{package} is missing: pip install {package}$") as refused:
        launch(recipe, serial=True)
    assert "pa5sword" not in str(refused.value)
    assert not launches(recipe.workspace)
    assert not left_over(recipe.workspace)


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("database is locked", "another process holds it for long"),
        ("the address is blocked by a firewall", "mend that"),
        ("database or disk is full", "free some space"),
        ("the host was not fully qualified", "mend that"),
        ("[Errno 28] No space left on device", "free some space"),
    ],
)
def test_what_to_do_about_it(reason: str, remedy: str):
    told = broken("postgresql://host/db", reason)
    assert str(told).startswith(f"postgresql://host/db: the MLflow store cannot be used ({reason}); {remedy}")


def test_only_a_database_that_is_locked_is_tried_again():
    told = TrackingError()
    for reason, locked in (("database is locked", True), ("blocked by a firewall", False)):
        told.__cause__ = OSError(reason)
        assert was_locked(told) is locked


def test_a_relative_path(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is relative to the working folder; a launch started there is logged there to its end."""
    recipe = toy("scan")
    (recipe.workspace / "mlruns" / "mlflow.db").rename(tmp_path / "rel.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///rel.db")
    monkeypatch.chdir(tmp_path)
    outcome = launch(recipe, serial=True)
    assert find_run(recipe.workspace, outcome.run_id) == (outcome.id, None)
    assert not (recipe.workspace / "mlruns" / "mlflow.db").exists()
    assert outcome.run_id == launch(recipe, serial=True, resume=outcome.id).run_id
    assert LaunchView(outcome.directory).info["store"] == f"sqlite:///{tmp_path}/rel.db"


def test_a_launch_that_goes_on_into_another_store_says_so(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """From another working folder, a relative path names another file."""
    recipe = toy("scan")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(recipe.workspace / "mlruns" / "mlflow.db", tmp_path / "rel.db")
    shutil.copy(recipe.workspace / "mlruns" / "mlflow.db", elsewhere / "rel.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///rel.db")
    monkeypatch.chdir(tmp_path)
    begun = launch(recipe, serial=True)
    monkeypatch.chdir(elsewhere)
    told: list[str] = []
    outcome = launch(recipe, serial=True, resume=begun.id, observe=lambda now: told.append(now.message))
    assert (
        f"logged into sqlite:///{elsewhere}/rel.db from now on, before into sqlite:///{tmp_path}/rel.db"
        in told
    )
    assert find_run(recipe.workspace, outcome.run_id) == (begun.id, None)


def test_a_relative_path_of_a_new_file(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "lblhep.tracking.migration._make", lambda draft, artifacts: shutil.copy(empty_store, draft)
    )  # MLflow's own migrations take seconds, and are tested elsewhere
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///rel.db")
    monkeypatch.chdir(tmp_path)
    letter = tmp_path / ".draft-letter.txt"
    letter.touch()
    other, killed, journal = (
        tmp_path / f".draft-node-1-0123abcd-{name}" for name in ("other-rel.db", "rel.db", "rel.db-journal")
    )
    for path in (other, killed, journal):
        path.touch()
    connect(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if "rel.db-" not in path.name} >= {"rel.db"}
    assert (letter.exists(), other.exists()) == (True, True), "what is not a draft of this file stays"
    assert (killed.exists(), journal.exists()) == (False, False)


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_a_start_that_fails_for_whatever_reason_leaves_nothing(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, reason: type[BaseException]
):
    """Ctrl-C too, as by who does not want to wait for a server."""

    def stop(*arguments: object) -> None:
        raise reason

    recipe = toy("scan")
    monkeypatch.setattr("lblhep.tracking.tracker.connect", stop)
    with pytest.raises(reason):
        launch(recipe, serial=True)
    assert not launches(recipe.workspace)
    assert not list((recipe.workspace / "mlruns" / "launches").iterdir())
