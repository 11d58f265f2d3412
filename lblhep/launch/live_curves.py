"""Curves go to MLflow while a pack still trains: the driver follows the file that its worker writes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.launch.workers.listeners import MAX_LIVE_TRIALS, live_file
from lblhep.tracking import CurvePoint

if TYPE_CHECKING:
    from lblhep.launch.mlflow_log import MlflowLog
    from lblhep.launch.progress import ProgressCounter
    from lblhep.trials import Group, Pack

POLL_INTERVAL_SECONDS = 3.0
"""Seconds between two readings of the files of the packs that run."""


class LiveCurves:
    """Logs and counts what the packs that run have written.

    Args:
        launch: the launch's directory.
        log: takes the points.
        counter: takes the last step of each pack.
    """

    def __init__(self, launch: Path, log: MlflowLog, counter: ProgressCounter) -> None:
        self._launch, self._log, self._counter = launch, log, counter
        self._running: dict[str, tuple[Pack, Mapping[str, Group], LiveReader]] = {}
        self._last_read = time.monotonic()

    def start(self, pack: Pack, group_of: Mapping[str, Group]) -> None:
        """Follow a pack from now on; one that starts again goes on in the same file."""
        if pack.id in self._running:
            self._read(pack.id)
        elif len(pack.trials) <= MAX_LIVE_TRIALS:
            reader = LiveReader(live_file(self._launch, pack.id))
            self._running[pack.id] = (pack, group_of, reader)

    def stop(self, pack: str) -> None:
        """Read the file of a pack that is committed for the last time."""
        if pack in self._running:
            self._read(pack)
            self._running.pop(pack)[2].remove()

    def poll(self) -> None:
        """Read the files, unless they were read a moment ago."""
        if time.monotonic() - self._last_read >= POLL_INTERVAL_SECONDS:
            self.read()

    def read(self) -> None:
        """Log what is new in the files of all packs that run."""
        for pack in self._running:
            self._read(pack)
        self._last_read = time.monotonic()

    def _read(self, pack_id: str) -> None:
        pack, group_of, reader = self._running[pack_id]
        if new := reader.new():
            self._log.log_curves(pack, new, group_of)
            newest = max((points[-1] for points in new.values()), key=lambda point: point.at)
            self._counter.reached(pack, newest.step)


class LiveReader:
    """Follows the file that a worker writes of one pack (``lblhep.launch.workers.listeners``)."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def new(self) -> dict[str, list[CurvePoint]]:
        """Return the points since the last call, by trial; a pack that starts again writes all anew."""
        if not self._path.is_file():
            return {}
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole + end)
        points: dict[str, list[CurvePoint]] = {}
        for line in whole.splitlines():
            try:
                trial, step, at, metrics = json.loads(line)
            except ValueError:  # empty, or half a line
                continue
            points.setdefault(trial, []).append(CurvePoint(step, metrics, at))
        return points

    def remove(self) -> None:
        """Remove the file, since the pack is over."""
        self._path.unlink(missing_ok=True)
