"""Remove launches, with all that they left on disk and in MLflow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from lblhep.atomic import remove_directory
from lblhep.errors import LaunchError
from lblhep.launch.store.checksums import DamageError, read_record
from lblhep.launch.store.directory import held, launches_folder, sweep_removed
from lblhep.launch.store.info import REMEDY
from lblhep.tracking import forget_launch, own_uri, shown_uri
from lblhep.tracking.address import sqlite_file


def removable(workspace: Path, path: Path) -> Path:
    """Return the folder of a launch as it may be removed: one that lies in the workspace's own ``mlruns``.

    Raises:
        LaunchError: it is a link, or the path leads elsewhere, or has ``..`` in it.
    """
    parent = launches_folder(workspace).resolve()
    if ".." in path.parts:
        raise LaunchError(f"{path}: a path with `..` is not removed: give the launch's id")
    if path.is_symlink():
        raise LaunchError(
            f"{path}: is a link, which is not removed: remove the link, or what it leads to, by hand"
        )
    if path.resolve().parent != parent:
        raise LaunchError(f"{path}: is no launch of this workspace ({parent}); nothing else is removed")
    return path.resolve()


def remove(workspace: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Remove launches, and yield the id of each once it is gone.

    All of them are looked at before the first is touched.  Of each the runs in MLflow go first: if that
    fails, the launch is there and can be removed again.

    Raises:
        LaunchError: a driver holds one of them, it must not be removed, or its runs are in another store.
        TrackingError: the MLflow store cannot be used.
    """
    with ExitStack() as locks:
        found = [removable(workspace, path) for path in paths]
        for path in found:
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise LaunchError(f"{path.parent}: cannot be written, so nothing there can be removed")
            locks.enter_context(held(path))
            _see_its_store(workspace, path)
        sweep_removed(launches_folder(workspace))
        for path in found:
            forget_launch(workspace, path.name)
            remove_directory(path)
            yield path.name


def _see_its_store(workspace: Path, path: Path) -> None:
    """Raise LaunchError if the launch's runs are in another store than the one that is used now."""
    try:
        store = read_record(path / "launch.json", REMEDY).get("store") or own_uri(workspace)
    except DamageError:  # a broken launch can be removed too
        return
    used = shown_uri(workspace)
    if store == used:
        return
    file, used_file = sqlite_file(str(store)), sqlite_file(used)
    if file is not None and not file.exists():  # the workspace has been moved, and the store with it
        return
    if file is not None and used_file is not None and file.resolve() == used_file.resolve():
        return
    raise LaunchError(f"{path}: its runs are in {store}: name that in MLFLOW_TRACKING_URI, then remove")
