"""Runs of groups, children of the launch's run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lblhep.tracking.runs import PARENT, Runs, holds

if TYPE_CHECKING:
    from mlflow.entities import Run


class GroupRuns:
    """Made when the first of a group's trials is logged, closed when the group is combined.

    Args:
        parent: id of the launch's run.
        known: the launch's runs that are there already, of whatever kind.
    """

    def __init__(self, runs: Runs, parent: str, known: Iterable[Run]) -> None:
        self._runs, self._parent = runs, parent
        self._by_group = {run.data.tags["lblhep.group"]: run for run in known if _is_group(run)}

    def make(self, names: Mapping[str, str], started: float | None = None) -> None:
        """Make the runs of groups (id -> name) that have none yet.

        Args:
            started: seconds since the epoch at which their first trials began, else now.
        """
        new = [group for group in names if group not in self._by_group]
        tags = {PARENT: self._parent}
        made = self._runs.create(
            [self._runs.new(names[g], tags | {"lblhep.group": g}, started=started) for g in new]
        )
        for group, run in zip(new, made, strict=True):
            self._by_group[group] = run

    def run_id(self, group: str) -> str:
        """Return the id of the run of a group that has one."""
        return str(self._by_group[group].info.run_id)

    def log(
        self, group: str, name: str, key: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Log a complete group (its metrics) or one that could not be combined."""
        self.make({group: name})
        run = self._by_group[group]
        if not holds(run, status, metrics):
            self._runs.log(run.info.run_id, metrics, key)
            self._runs.close(run.info.run_id, status)


def _is_group(run: Run) -> bool:
    return "lblhep.group" in run.data.tags and "lblhep.trial" not in run.data.tags
