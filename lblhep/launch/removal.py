"""Removing a launch: all that it left on disk and in MLflow."""

from __future__ import annotations

from pathlib import Path

from lblhep.atomic import remove_directory
from lblhep.launch.directory import LaunchDirectory
from lblhep.tracking import forget_launch


def remove(path: Path) -> None:
    """Remove the launch at `path`, its runs in MLflow first: if that fails, it can be removed again.

    Raises:
        LaunchError: a driver holds it.
        TrackingError: the MLflow store cannot be used.
    """
    with LaunchDirectory(path).held():
        forget_launch(path.parents[2], path.name)
        remove_directory(path)
