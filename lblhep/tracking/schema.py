"""Which layouts of MLflow's tables are known: inserts into others could be wrong without a word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

KNOWN = {"dc11669786a5": "3.17"}
"""Revisions of the tables for which the inserts are tested -> the MLflow that brings them."""


def check_schema(client: MlflowClient) -> None:
    """See that the client's store, if it is a database, is laid out in a known way.

    Raises:
        TrackingError: it is not.  MLflow itself has refused a database that is not of its own revision.
    """
    from alembic.migration import MigrationContext
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.version import VERSION

    store = client._tracking_client.store
    if not isinstance(store, SqlAlchemyStore):
        return
    with store.engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision in KNOWN:
        return
    raise TrackingError(
        f"{store.engine.url}: MLflow {VERSION} lays out its tables in a way that lblhep does not know "
        f"(revision {revision}; it knows that of MLflow {', '.join(KNOWN.values())}); "
        f"install such an MLflow and name a new store in MLFLOW_TRACKING_URI, or log through a server: "
        f"`mlflow server --backend-store-uri {store.engine.url}`, its address in MLFLOW_TRACKING_URI"
    )


def other_revision(store: str | Path, revision: str) -> tuple[str, str]:
    """Say what is wrong with a database of another revision: MLflow calls newer ones out of date too.

    Returns:
        Reason and remedy.
    """
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations")).get_revision(revision)
    except CommandError:
        return f"its schema, revision {revision}, is newer than MLflow {mlflow.__version__}", (
            "a newer MLflow made it: install that one, or name another store in MLFLOW_TRACKING_URI"
        )
    uri = store if "://" in str(store) else f"sqlite:///{store}"
    return "its schema is out of date", f"an older MLflow made it: `mlflow db upgrade {uri}`, after a backup"
