"""Curves in the runs of trials: metrics named ``curve/<metric>``, each step of which is logged once.

A curve has a name of its own, beside the trial's final metric, because MLflow takes the last step for a
metric's value; the final value is mostly that of the best epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lblhep.tracking.records import CurvePoint
from lblhep.tracking.runs import CURVE, Runs, numbers

if TYPE_CHECKING:
    from mlflow.entities import Run

BATCH = 1000
"""The most metrics that MLflow takes at once."""


class Curves:
    """What of the trials' curves is in the store."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._there: dict[str, set[tuple[str, int]]] = {}

    def has(self, run: Run) -> bool:
        """Whether there is a curve, from this driver or an earlier one."""
        return bool(self._steps(run))

    def log(self, run: Run, points: Iterable[CurvePoint]) -> None:
        """Log those of the points that are not there yet."""
        from mlflow.entities import Metric

        there = self._steps(run)
        new = {
            (name, point.step): Metric(name, value, int(point.at * 1000), point.step)
            for point in points
            for name, value in ((f"{CURVE}{n}", v) for n, v in numbers(point.metrics).items())
            if (name, point.step) not in there
        }
        keys = list(new)
        for first in range(0, len(keys), BATCH):
            some = keys[first : first + BATCH]
            self._runs.client.log_batch(run.info.run_id, metrics=[new[key] for key in some])
            there.update(some)

    def _steps(self, run: Run) -> set[tuple[str, int]]:
        """Metric and step of all points that are there; an earlier driver's are asked for once."""
        run_id = run.info.run_id
        if run_id not in self._there:
            names = [name for name in run.data.metrics if name.startswith(CURVE)]
            history = self._runs.client.get_metric_history
            self._there[run_id] = {(name, point.step) for name in names for point in history(run_id, name)}
        return self._there[run_id]
