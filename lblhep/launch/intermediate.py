"""What a search's scheduler sees of a point while its replicates still train."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


class Intermediate:
    """The objective's curve of a search point: its trials' logged values, averaged step by step.

    A step is ready once every trial has logged something, and either all have reached the step or the one
    that is logging has gone beyond it (a trial that stopped early then counts with its last value).  So a
    task that trains its trials together reports at every step, one that trains them in turn while it trains
    the last.  A step whose mean is not a finite number is passed over: a scheduler cannot rank it, and the
    point may recover.

    Args:
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
