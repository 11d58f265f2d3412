"""Runs of trials, children of their group's run, or of the launch's where they have no group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lblhep.tracking.group_runs import GroupRuns
from lblhep.tracking.records import TrialRecord
from lblhep.tracking.runs import PARENT, Runs, holds

if TYPE_CHECKING:
    from mlflow.entities import Run

ERROR = 4000
"""The most characters of an error that become a tag."""


class TrialRuns:
    """Each made, filled and closed at once, when its pack is committed.

    Args:
        parent: id of the launch's run.
        known: the launch's runs that are there already, of whatever kind.
    """

    def __init__(self, runs: Runs, parent: str, groups: GroupRuns, known: Iterable[Run]) -> None:
        self._runs, self._parent, self._groups = runs, parent, groups
        self._by_trial = {r.data.tags["lblhep.trial"]: r for r in known if "lblhep.trial" in r.data.tags}

    def log(self, record: TrialRecord, group_names: Mapping[str, str]) -> None:
        """Log a trial that finished, failed or was pruned; one that was logged before costs nothing."""
        known = self._by_trial.get(record.id)
        if known is not None and holds(known, record.status, record.metrics):
            return
        ended = int(record.ended * 1000)
        if known is None:
            known = self._by_trial[record.id] = self._create(record, group_names, ended)
        else:
            self._correct(known, record)
        self._runs.log(known.info.run_id, record.metrics, record.point, ended)
        self._runs.close(known.info.run_id, record.status, ended)

    def _create(self, record: TrialRecord, group_names: Mapping[str, str], ended: int) -> Run:
        parent = self._parent
        if record.group is not None:
            parent = self._groups.run_id(record.group, group_names[record.group])
        tags = {PARENT: parent, "lblhep.trial": record.id, "lblhep.status": record.status}
        if record.error:
            tags["lblhep.error"] = record.error[:ERROR]
        return self._runs.create(record.name, tags, ended)

    def _correct(self, known: Run, record: TrialRecord) -> None:
        """A trial that was logged as failed and has been tried again."""
        client, run_id = self._runs.client, known.info.run_id
        if known.data.tags.get("lblhep.status") != record.status:
            client.set_tag(run_id, "lblhep.status", record.status)
        if "lblhep.error" in known.data.tags:
            client.delete_tag(run_id, "lblhep.error")
        if record.error:
            client.set_tag(run_id, "lblhep.error", record.error[:ERROR])
