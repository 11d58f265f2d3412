"""Tell whether the layout of MLflow's tables is known: inserts into others could be wrong without a word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.errors import TrackingError
from lblhep.tracking.address import without_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

KNOWN_LAYOUTS = {"dc11669786a5": "3.17"}
"""The revisions of the tables for which the inserts are tested, and the MLflow that brings each."""


def database_of(client: MlflowClient) -> SqlAlchemyStore | None:
    """Return the client's store if it is a database, or None for a server."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = client._tracking_client.store  # the client has no public name for it
    return store if isinstance(store, SqlAlchemyStore) else None


def check_schema(client: MlflowClient) -> None:
    """Check that the client's store, if it is a database, is laid out in a known way.

    Raises:
        TrackingError: it is not.  MLflow itself has refused a database that is not of its own revision.
    """
    from alembic.migration import MigrationContext
    from mlflow.version import VERSION

    store = database_of(client)
    if store is None:
        return
    with store.engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision in KNOWN_LAYOUTS:
        return
    uri = store.engine.url.render_as_string(hide_password=False)
    raise TrackingError(
        f"{without_credentials(uri, uri)}: "
        f"MLflow {VERSION} lays out its tables in a way that lblhep does not know (revision {revision}; "
        f"it knows that of MLflow {', '.join(KNOWN_LAYOUTS.values())}); "
        "install such an MLflow and name a new store in MLFLOW_TRACKING_URI, or log through a server: "
        "`mlflow server --backend-store-uri` with that address, the server's in MLFLOW_TRACKING_URI"
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
