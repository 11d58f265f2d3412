"""Count a launch's trials for people: snapshots while it runs, a summary when it is over."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.trials import Pack, goal, point_group

if TYPE_CHECKING:
    import pandas as pd

    from lblhep.recipe import Recipe


@dataclass(frozen=True)
class Progress:
    """A snapshot of a launch counts its trials; ``done`` holds finished, failed and pruned ones alike."""

    total: int
    done: int = 0
    running: int = 0
    steps: tuple[int, ...] = ()
    """The last step logged, mostly an epoch from 0, of the running packs that last and have few trials."""
    failed: int = 0
    pruned: int = 0
    best: tuple[str, float, str] | None = None
    """Metric, value and name of the best trial (of the best point, in a search)."""
    seconds: float = 0.0
    remaining_seconds: float | None = None
    message: str = ""
    """What just happened, in words; empty when nothing did."""


@dataclass(frozen=True)
class Launch:
    """``launch`` returns this summary of how the launch ended."""

    id: str
    directory: Path
    state: str
    """``finished``, ``failed`` (all was tried, something failed; or nothing worked) or ``interrupted``."""
    progress: Progress
    headline: Mapping[str, str | float] = field(default_factory=dict)
    """The headline of the report, by name."""
    report: Path | None = None
    """The index.html of the report; None if there is no report."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How many trials failed for each reason."""
    problems: tuple[str, ...] = ()
    """Things that went wrong without stopping the launch: groups, report, notification."""
    message: str = ""
    """What the user can do next (how to resume, where to look)."""
    run_id: str = ""
    """The id of the MLflow parent run."""
    stopped_by: int = signal.SIGINT
    """The signal that interrupted it."""

    @property
    def exit_code(self) -> int:
        """The exit code is 0 if all worked, 130 after Ctrl-C, 143 after SIGTERM, and else 1."""
        return {"finished": 0, "interrupted": 128 + self.stopped_by}.get(self.state, 1)


class ProgressCounter:
    """Counts the trials of one launch, from committed rows to the snapshots that people see.

    The counts hold the trials of an earlier, resumed run too.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._total = recipe.trials.total
        self._metric, self._goal = goal(recipe) or ("", "maximize")
        self._begin = time.monotonic()
        self._first_start: float | None = None
        self._done_here, self._packs_here = 0, 0
        # For each pack, how many trials it has, and the last step that it has logged, if any.
        self._running: dict[str, tuple[int, int | None]] = {}
        self._counts = {"finished": 0, "failed": 0, "pruned": 0}
        self._diverged = 0
        self._best: tuple[str, float, str] | None = None

    def started(self, pack: Pack) -> None:
        """Count a pack that began to run (again, perhaps, after its worker died)."""
        self._first_start = self._first_start or time.monotonic()
        self._running[pack.id] = len(pack.trials), None

    def reached(self, pack: Pack, step: int) -> None:
        """Take up the step (an epoch, mostly) that a pack which runs has logged."""
        self._running[pack.id] = len(pack.trials), step

    def committed(self, pack: Pack, rows: pd.DataFrame, about: Mapping[str, Any], here: bool) -> None:
        """Count a pack whose rows are there.

        Args:
            pack: the pack.
            rows: its rows.
            about: its pack.json.
            here: whether this driver ran it; else it was found on resuming.
        """
        self._running.pop(pack.id, None)
        for status, count in rows["status"].value_counts().items():
            self._counts[str(status)] += int(count)
        if about.get("diverged", False):
            self._diverged += int((rows["status"] == "failed").sum())
        self._done_here += len(rows) if here else 0
        self._packs_here += here
        if "objective" in about and not about.get("pruned", False):
            self._consider(about["objective"], point_group(pack).name)
        elif "objective" not in about and self._metric in rows:
            for value, name in zip(rows[self._metric], rows["name"], strict=True):
                self._consider(value, name)

    def _consider(self, value: float, name: str) -> None:
        if not math.isfinite(value):
            return
        sign = 1 if self._goal == "maximize" else -1
        if self._best is None or sign * value > sign * self._best[1]:
            self._best = (self._metric, float(value), name)

    def reduce_total(self, trials: int) -> None:
        """Take trials that will never be run out of the total."""
        self._total -= trials

    @property
    def _trials_running(self) -> int:
        return sum(trials for trials, _ in self._running.values())

    @property
    def failed(self) -> int:
        """Return the number of trials that failed."""
        return self._counts["failed"]

    @property
    def all_failed(self) -> bool:
        """Say whether all failed so far, in two packs or more, and more trials than are still running.

        (Of many workers, those that fail are the first to be done: the others may be well.  And a search's
        points that diverge are no sign that the others will.)
        """
        failed, running = self.failed - self._diverged, self._trials_running
        return self._packs_here > 1 and failed == sum(self._counts.values()) and failed > running

    def snapshot(self, message: str = "") -> Progress:
        """Return how the launch stands, with the ``message`` of what just happened."""
        done = sum(self._counts.values())
        remaining = None
        if self._done_here and self._first_start is not None:
            remaining = (time.monotonic() - self._first_start) / self._done_here * (self._total - done)
        return Progress(
            total=self._total,
            done=done,
            running=self._trials_running,
            steps=tuple(sorted(step for _, step in self._running.values() if step is not None)),
            failed=self._counts["failed"],
            pruned=self._counts["pruned"],
            best=self._best,
            seconds=time.monotonic() - self._begin,
            remaining_seconds=remaining,
            message=message,
        )
