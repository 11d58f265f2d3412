"""A new database of MLflow's: made under another name, so that no interruption leaves half of one."""

from __future__ import annotations

import fcntl
import uuid
from pathlib import Path


def make_database(path: Path) -> None:
    """Make the SQLite file `path` with all of MLflow's tables, unless it is there.

    Launches that want it at once make one: a second file, renamed over the first, would lose what the first
    launch has logged by then.
    """
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.new-{uuid.uuid4().hex}")  # MLflow remembers files by their names
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():  # made while this process waited
            return
        for remnant in path.parent.glob(f".{path.name}.new-*"):  # of a killed driver
            remnant.unlink()
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        artifacts = (path.parent / "artifacts").as_uri()
        store = SqlAlchemyStore(f"sqlite:///{draft}", artifacts)  # type: ignore[no-untyped-call]
        store.engine.dispose()  # nobody may go on to write under the old name
        draft.rename(path)
