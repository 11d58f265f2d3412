"""Pass on what a pack logs while it trains: to a search's scheduler, and to the file of its live curves.

A pack's curves stand in ``live/<pack>.jsonl``.  Packs of more than ``MAX_LIVE_TRIALS`` trials have no such
file: hundreds of small networks that train as one tensor program end soon, and nobody looks at one of their
curves.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

WRITE_INTERVAL_SECONDS = 5.0
"""Seconds between two writes of a pack, on average: after a long epoch, none of its points has to wait."""

MAX_LIVE_TRIALS = 8
"""The most trials of a pack whose curves are live."""


def live_file(launch: Path, pack: str) -> Path:
    """Return where the points of a pack stand that its worker writes while it trains."""
    return launch / "live" / f"{pack}.jsonl"


class LiveWriter:
    """Writes what a pack logs into a file, which the driver follows while the pack trains.

    A line is ``[trial, step, seconds since the epoch, metrics]``.  The lines wait until the pack has lasted
    ``WRITE_INTERVAL_SECONDS``, and are then written together, about once in such an interval.

    Args:
        path: the file, as ``live_file`` names it.
        written: called after each write.
    """

    def __init__(self, path: Path, written: Callable[[], None]) -> None:
        self._path, self._written = path, written
        self._pending: list[str] = []
        self._begin, self._writes = time.monotonic(), 0

    def __call__(self, trial: str, metrics: Mapping[str, float], step: int) -> None:
        self._pending.append(json.dumps([trial, step, time.time(), metrics]))
        if time.monotonic() - self._begin < WRITE_INTERVAL_SECONDS * (self._writes + 1):
            return
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("a") as file:
            # The first line break ends what another worker was killed in the middle of.
            file.write("\n" + "\n".join(self._pending) + "\n")
        self._pending.clear()
        self._writes += 1
        self._written()


class ObjectiveListener:
    """Reports the objective of a search point while it trains: its trials' values, averaged step by step.

    This is what a search's scheduler sees of the point.  A step is ready once every trial has logged
    something, and either all have reached the step or the one that is logging has gone beyond it (a trial
    that stopped early then counts with its last value).  So a task that trains its trials together reports at
    every step, one that trains them in turn while it trains the last.  A step whose mean is not a finite
    number is passed over: a scheduler cannot rank it, and the point may recover.

    Args:
        metric: the objective's metric.
        trials: ids of the pack's trials.
        report: called with (step, mean) for each ready step, in order.
    """

    def __init__(self, metric: str, trials: tuple[str, ...], report: Callable[[int, float], None]) -> None:
        self._metric = metric
        self._values: dict[str, dict[int, float]] = {trial: {} for trial in trials}
        self._report = report
        self._reported = -math.inf

    def __call__(self, trial: str, metrics: Mapping[str, float], step: int) -> None:
        if self._metric not in metrics:
            return
        self._values[trial][step] = metrics[self._metric]
        if not all(self._values.values()):
            return
        everyone = min(max(steps) for steps in self._values.values())
        steps = sorted({s for values in self._values.values() for s in values if self._reported < s <= step})
        for ready in steps:
            if ready <= everyone or ready < step:
                self._reported = ready
                mean = self._mean(ready)
                if math.isfinite(mean):
                    self._report(ready, mean)

    def _mean(self, step: int) -> float:
        last = []
        for values in self._values.values():
            until = [s for s in values if s <= step]
            last.append(values[max(until)] if until else values[min(values)])
        return sum(last) / len(last)
