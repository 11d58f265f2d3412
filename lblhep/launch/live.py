"""Curves on their way to MLflow while a pack still trains: its worker writes a file, the driver follows it.

One file for each pack, ``live/<pack>.jsonl``, a line for each point.  A pack writes nothing before it has
lasted ``EVERY`` seconds, nor if it has more than ``MOST`` trials: hundreds of small networks that train as
one tensor program end soon, and nobody looks at one of their curves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.tracking import CurvePoint

if TYPE_CHECKING:
    from lblhep.launch.ledger import Ledger
    from lblhep.launch.tally import Tally
    from lblhep.trials import Group, Pack

EVERY = 5.0
"""Seconds between two writes of a pack, on average: after a long epoch, none of its points has to wait."""

MOST = 8
"""Trials of a pack whose curves are live."""

LOOK = 3.0
"""Seconds between two looks of the driver."""


def live_file(launch: Path, pack: str) -> Path:
    """Where a pack's points stand."""
    return launch / "live" / f"{pack}.jsonl"


class LiveWriter:
    """Takes what a pack logs; now and then what has gathered goes into the file.

    Args:
        written: called after each write.
    """

    def __init__(self, path: Path, written: Callable[[], None]) -> None:
        self._path, self._written = path, written
        self._pending: list[str] = []
        self._begin, self._writes = time.monotonic(), 0

    def __call__(self, trial: str, metrics: Mapping[str, float], step: int) -> None:
        self._pending.append(json.dumps([trial, step, time.time(), metrics]))
        if time.monotonic() - self._begin < EVERY * (self._writes + 1):
            return
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("a") as file:
            # The first line break ends what another worker was killed in the middle of.
            file.write("\n" + "\n".join(self._pending) + "\n")
        self._pending.clear()
        self._writes += 1
        self._written()


class LiveReader:
    """Follows the file of one pack."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def new(self) -> dict[str, list[CurvePoint]]:
        """The points since the last look, by trial.  (A pack that starts again writes all of them again.)"""
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
        """The pack is over."""
        self._path.unlink(missing_ok=True)


class Spectator:
    """The driver's look at the packs that run: what is new in their files is logged and counted."""

    def __init__(self, launch: Path, ledger: Ledger, tally: Tally) -> None:
        self._launch, self._ledger, self._tally = launch, ledger, tally
        self._running: dict[str, tuple[Pack, Mapping[str, Group], LiveReader]] = {}
        self._last = time.monotonic()

    def started(self, pack: Pack, group_of: Mapping[str, Group]) -> None:
        """Follow a pack from now on; one that starts again goes on in the same file."""
        if pack.id in self._running:
            self._look(pack.id)
        elif len(pack.trials) <= MOST:
            reader = LiveReader(live_file(self._launch, pack.id))
            self._running[pack.id] = (pack, group_of, reader)

    def done(self, pack: str) -> None:
        """The pack is committed: a last look."""
        if pack in self._running:
            self._look(pack)
            self._running.pop(pack)[2].remove()

    def glance(self) -> None:
        """Look, unless one has looked a moment ago."""
        if time.monotonic() - self._last >= LOOK:
            self.look()

    def look(self) -> None:
        """Log what is new."""
        for pack in self._running:
            self._look(pack)
        self._last = time.monotonic()

    def _look(self, pack_id: str) -> None:
        pack, group_of, reader = self._running[pack_id]
        if new := reader.new():
            self._ledger.curves(pack, new, group_of)
            newest = max((points[-1] for points in new.values()), key=lambda point: point.at)
            self._tally.reached(pack, newest.step)
