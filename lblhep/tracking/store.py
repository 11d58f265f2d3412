"""MLflow keeps things in SQLite and a folder in the workspace's mlruns, unless told otherwise."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.errors import TrackingError
from lblhep.tracking.address import absolute, is_server, sqlite_file, without_credentials
from lblhep.tracking.migration import make_database
from lblhep.tracking.schema import other_revision
from lblhep.waiting import WAIT_LIMIT_SECONDS, answer_of, waiting_for

if TYPE_CHECKING:
    from mlflow import MlflowClient


LOCK_WAIT_SECONDS = 10.0
"""Seconds to wait for another process that holds the database."""

LOCKED = "database is locked"
"""What SQLite says of a database that another process holds."""

PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""What to install for a module that a database's address asks for, where the name is another."""

UNREACHABLE = {
    "timed out": "no answer",
    "Connection refused": "connection refused",
    "NameResolutionError": "its host is not known",
}
"""What stands in the error of a client that does not reach its server, and how to say it in short."""


def tracking_uri(workspace: Path) -> str:
    """Return ``MLFLOW_TRACKING_URI``, or the address of the workspace's own SQLite file.

    It may hold a password: ``shown_uri`` is the one to print.  A relative path of an SQLite file is relative
    to the working folder, as MLflow takes it.
    """
    return absolute(os.environ.get("MLFLOW_TRACKING_URI") or own_uri(workspace))


def own_uri(workspace: Path) -> str:
    """Return the address of the workspace's own SQLite file, which goes with a copy of the workspace."""
    return absolute(f"sqlite:///{database(workspace)}")


def shown_uri(workspace: Path) -> str:
    """Return the store's address for people: without user, password and query."""
    uri = tracking_uri(workspace)
    return without_credentials(uri, uri)


def database(workspace: Path) -> Path:
    """Return the path of the workspace's own database."""
    return workspace / "mlruns" / "mlflow.db"


def artifact_root(workspace: Path) -> Path:
    """Return where the workspace's own store keeps artifacts."""
    return workspace / "mlruns" / "artifacts"


def connect(workspace: Path, wait: float = WAIT_LIMIT_SECONDS) -> MlflowClient:
    """Make a client of the store, which is made first if need be.

    Args:
        workspace: the folder that holds ``mlruns``.
        wait: seconds that a server has to answer, now and later.

    Raises:
        TrackingError: the store cannot be read or written, or does not answer.
    """
    uri, what = tracking_uri(workspace), f"the MLflow store {shown_uri(workspace)}"
    path = sqlite_file(uri)
    with _translated(workspace):
        quiet()
        _relax_every_connection()
        if path is None:
            _limit_requests(wait)
            return answer_of(lambda: _opened(uri), what, wait)
        with waiting_for(what):
            _prepare(path)
            return _opened(uri)


def _opened(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    client.search_experiments(max_results=1)  # meets a broken database
    return client


def _limit_requests(wait: float) -> None:
    """Let MLflow's client give up a request after about ``wait`` seconds, not after 16 minutes.

    Its pauses before the second and later retries are 4, 8, 16, ... s, each up to 1 s longer by chance; they
    get a quarter of the time, the attempts the rest.
    """
    retries = 1
    while retries < 7 and _pauses(retries + 1) <= wait / 4:
        retries += 1
    timeout = max(1, int((wait - _pauses(retries)) / (retries + 1)))
    limits = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries), "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout)}
    for name, limit in limits.items():
        if os.environ.get(name) in (None, _limits.get(name)):  # not set by the user
            os.environ[name] = _limits[name] = limit


_limits: dict[str, str] = {}


def _pauses(retries: int) -> float:
    return sum(2.0**n + 1 for n in range(2, retries + 1))


def _prepare(path: Path) -> None:
    """Make the file, in write-ahead mode: a reader (the UI) and the driver do not wait for one another."""
    if path.parent.is_file():
        raise broken(path.parent, "it is a file, not a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    make_database(path)
    with closing(sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")  # may it be written?
        connection.rollback()


def broken(store: str | Path, reason: str, uri: str = "") -> TrackingError:
    """Return the error that says what to do about a database that does not work.

    Args:
        store: its address for people.
        reason: what a library said, in full: the remedy depends on its words.
        uri: the address whose user and password the reason may quote, and the message does not.
    """
    said = without_credentials(reason, uri)[:300]
    if LOCKED in reason:
        remedy = "another process holds it for long: stop it, or name another store in MLFLOW_TRACKING_URI"
    elif "database or disk is full" in reason or "No space" in reason:
        remedy = "free some space"
    elif revision := re.search(r"out-of-date database schema \(found version ([0-9a-f]{12})", reason):
        said, remedy = other_revision(store, revision[1])
    elif any(word in reason.lower() for word in ("unable to open", "readonly", "read-only", "permission")):
        remedy = "make it writable, or name another store in MLFLOW_TRACKING_URI"
    elif Path(store).is_file():
        remedy = "move the file away: a new one is made"
    elif is_server(str(store)) or "no answer" in reason:
        remedy = "is it up, and reachable from here? `lblhep run --wait SECONDS` waits longer"
    else:
        remedy = "mend that, or name another store in MLFLOW_TRACKING_URI"
    return TrackingError(f"{store}: the MLflow store cannot be used ({said}); {remedy}")


def was_locked(error: TrackingError) -> bool:
    """Say whether another process held the database; it may not a moment later."""
    return LOCKED in str(error.__cause__)


@contextmanager
def explained(workspace: Path) -> Iterator[None]:
    """Say so if the store takes long; turn what is raised into a TrackingError (see ``_translated``)."""
    with _translated(workspace), waiting_for(f"the MLflow store {shown_uri(workspace)}"):
        yield


@contextmanager
def _translated(workspace: Path) -> Iterator[None]:
    """Turn what MLflow, SQLAlchemy and the disk raise into a TrackingError that names store and remedy."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    uri, shown = tracking_uri(workspace), shown_uri(workspace).removeprefix("sqlite:///")
    try:
        yield
    except ImportError as error:
        package = PACKAGES.get(error.name or "", error.name)
        hint = f"the package {package} is missing: pip install {package}"
        raise TrackingError(f"{shown}: the MLflow store cannot be used; {hint}") from error
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        told = broken(shown, _reason(error), uri)
        # The traceback of an error that quotes a password would quote it too.
        raise told from (error if without_credentials(str(error), uri) == str(error) else None)


def _reason(error: Exception) -> str:
    """Return what is wrong, without the layers of exceptions around it."""
    cause: Any = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())
    return next((said for words, said in UNREACHABLE.items() if words in text), text)


def quiet() -> None:
    """Silence MLflow and alembic, which report each migration step, and urllib3, which reports each retry."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # a server's, after each run
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)


_relaxed = False


def _relax_every_connection() -> None:
    """Let SQLite not sync to the platter at every commit: a crash of the process loses nothing."""
    global _relaxed
    if _relaxed:
        return
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def relax(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(Engine, "connect", relax)
    _relaxed = True


def analyze(workspace: Path) -> None:
    """Let SQLite count its rows, so that searches among 20,000 runs use the right index (84 s -> 0.4 s)."""
    if (path := sqlite_file(tracking_uri(workspace))) is not None:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("ANALYZE")
