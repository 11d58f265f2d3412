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

    def run_id(self, group: str, name: str) -> str:
        """The group's run, made if need be."""
        return str(self._run(group, name).info.run_id)

    def _run(self, group: str, name: str) -> Run:
        if group not in self._by_group:
            tags = {PARENT: self._parent, "lblhep.group": group}
            self._by_group[group] = self._runs.create(name, tags)
        return self._by_group[group]

    def log(
        self, group: str, name: str, key: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Log a complete group (its metrics) or one that could not be combined."""
        run = self._run(group, name)
        if not holds(run, status, metrics):
            self._runs.log(run.info.run_id, metrics, key)
            self._runs.close(run.info.run_id, status)


def _is_group(run: Run) -> bool:
    return "lblhep.group" in run.data.tags and "lblhep.trial" not in run.data.tags
