"""Make a new database of MLflow's under another name, so that no interruption leaves half of one."""

from __future__ import annotations

from pathlib import Path

from lblhep import atomic


def make_database(path: Path) -> None:
    """Make the SQLite file ``path`` with all of MLflow's tables, unless it is there.

    Launches that want it at once make one: a second file, renamed over the first, would lose what the first
    launch has logged by then.
    """
    if path.exists():
        return
    with atomic.lock(path.with_name(f".{path.name}.lock"), wait=True):
        if path.exists():  # made while this process waited
            return
        for suffix in ("", "-journal", "-wal", "-shm"):  # SQLite's own files beside a database
            atomic.sweep(path.parent, path.name + suffix)
        atomic.write_file(path, lambda draft: _make(draft, path.parent / "artifacts"))


def _make(draft: Path, artifacts: Path) -> None:
    """Write MLflow's tables into a new file, whose name is its own: MLflow remembers files by their names."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"sqlite:///{draft}", artifacts.as_uri())  # type: ignore[no-untyped-call]
    store.engine.dispose()  # nobody may go on to write under the old name
