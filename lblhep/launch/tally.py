"""Counting: from committed rows to the snapshots that people see."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lblhep.launch.progress import Progress
from lblhep.recipe import Recipe, Search
from lblhep.trials import Pack, point_group

if TYPE_CHECKING:
    import pandas as pd


class Tally:
    """Counts of one launch, in trials; ``done`` holds those of an earlier, resumed run too."""

    def __init__(self, recipe: Recipe) -> None:
        self._total = recipe.trials.total
        self._metric, self._goal = _aim(recipe)
        self._begin = time.monotonic()
        self._first_start: float | None = None
        self._done_here, self._packs_here = 0, 0
        # Pack -> how many trials, and the last step that it has logged, if it has.
        self._running: dict[str, tuple[int, int | None]] = {}
        self._counts = {"finished": 0, "failed": 0, "pruned": 0}
        self._diverged = 0
        self._best: tuple[str, float, str] | None = None

    def started(self, pack: Pack) -> None:
        """A pack began to run (again, perhaps, after its worker died)."""
        self._first_start = self._first_start or time.monotonic()
        self._running[pack.id] = len(pack.trials), None

    def reached(self, pack: Pack, step: int) -> None:
        """A pack that runs has logged this step (an epoch, mostly)."""
        self._running[pack.id] = len(pack.trials), step

    def committed(self, pack: Pack, rows: pd.DataFrame, about: Mapping[str, Any], here: bool) -> None:
        """A pack's rows are there; ``here``: run by this driver, not found on resuming."""
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

    def fewer(self, trials: int) -> None:
        """That many trials will never be."""
        self._total -= trials

    @property
    def _trials_running(self) -> int:
        return sum(trials for trials, _ in self._running.values())

    @property
    def failed(self) -> int:
        """Trials that failed."""
        return self._counts["failed"]

    @property
    def hopeless(self) -> bool:
        """Whether all has failed so far: two packs or more, and more trials than there are still running.

        (Of many workers, those that fail are the first to be done: the others may be well.  And a search's
        points that diverge are no sign that the others will.)
        """
        failed, running = self.failed - self._diverged, self._trials_running
        return self._packs_here > 1 and failed == sum(self._counts.values()) and failed > running

    def snapshot(self, message: str = "") -> Progress:
        """How things stand."""
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


def _aim(recipe: Recipe) -> tuple[str, str]:
    """The metric to show and its goal: a search's objective, else the first metric that has a goal."""
    if isinstance(recipe.trials, Search):
        return recipe.trials.objective.metric, recipe.trials.objective.goal
    for name, metric in recipe.metrics.items():
        if metric.goal is not None:
            return name, metric.goal
    return "", "maximize"
