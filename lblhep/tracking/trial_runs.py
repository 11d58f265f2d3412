"""Runs of trials, children of their group's run, or of the launch's where they have no group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from lblhep.tracking.curves import Curves
from lblhep.tracking.group_runs import GroupRuns
from lblhep.tracking.records import CurvePoint, TrialRecord
from lblhep.tracking.runs import PARENT, Runs, holds, is_of

if TYPE_CHECKING:
    from mlflow.entities import Run

ERROR = 4000
"""The most characters of an error that become a tag."""


class TrialRuns:
    """Each made, filled and closed at once, when its pack is committed; made earlier if its curve is live.

    Args:
        parent: id of the launch's run.
        known: the launch's runs that are there already, of whatever kind.
    """

    def __init__(self, runs: Runs, parent: str, groups: GroupRuns, known: Iterable[Run]) -> None:
        self._runs, self._parent, self._groups = runs, parent, groups
        self._by_trial = {r.data.tags["lblhep.trial"]: r for r in known if "lblhep.trial" in r.data.tags}
        self._curves = Curves(runs)
        self._live: set[str] = set()
        """Trials of which this driver logs the curve: their runs are made or taken up."""
        self._open = {trial for trial, run in self._by_trial.items() if run.info.status == "RUNNING"}
        """Trials whose runs are to be closed, those too that a killed driver left."""

    def log(
        self,
        record: TrialRecord,
        group_names: Mapping[str, str],
        curve: Callable[[str], Iterable[CurvePoint]],
    ) -> None:
        """Log a trial that finished, failed or was pruned; one that was logged before costs nothing.

        Args:
            curve: trial id -> its whole curve; asked for if some of it was logged while it grew.
        """
        known = self._by_trial.get(record.id)
        if known is not None and holds(known, record.status, record.metrics):
            return
        run, ended = self._run(record, group_names), int(record.ended * 1000)
        if self._curves.has(run):
            self._curves.log(run, curve(record.id))
        self._runs.log(run.info.run_id, record.metrics, record.point, ended)
        self._runs.close(run.info.run_id, record.status, ended)
        self._open.discard(record.id)

    def curve(
        self, record: TrialRecord, points: Iterable[CurvePoint], group_names: Mapping[str, str]
    ) -> None:
        """Log points of the curve of a trial that is running; those that are there cost nothing."""
        if record.id not in self._live:
            run_id = self._run(record, group_names).info.run_id
            self._runs.client.update_run(run_id, status="RUNNING")
            self._runs.log(run_id, {}, record.point)
            self._live.add(record.id)
            self._open.add(record.id)
        self._curves.log(self._by_trial[record.id], points)

    def interrupt(self) -> None:
        """Close the runs of trials that were running: the launch ends without them."""
        for trial in self._open:
            self._runs.close(self._by_trial[trial].info.run_id, "interrupted")
        self._open.clear()

    def _run(self, record: TrialRecord, group_names: Mapping[str, str]) -> Run:
        """The trial's run, made if need be, with tags as the record says."""
        known = self._by_trial.get(record.id)
        if known is not None and not is_of(known, record.point):
            # A search that was killed: the number has gone to another point, and MLflow changes no params.
            self._runs.client.delete_run(known.info.run_id)
            known = None
        run = self._create(record, group_names) if known is None else self._corrected(known, record)
        self._by_trial[record.id] = run
        return run

    def _create(self, record: TrialRecord, group_names: Mapping[str, str]) -> Run:
        parent = self._parent
        if record.group is not None:
            parent = self._groups.run_id(record.group, group_names[record.group])
        tags = {PARENT: parent, "lblhep.trial": record.id, "lblhep.status": record.status}
        if record.error:
            tags["lblhep.error"] = record.error[:ERROR]
        return self._runs.create(record.name, tags, int(record.ended * 1000))

    def _corrected(self, known: Run, record: TrialRecord) -> Run:
        """A trial that was running, or was logged as failed and has been tried again."""
        client, run_id = self._runs.client, known.info.run_id
        if known.data.tags.get("lblhep.status") != record.status:
            client.set_tag(run_id, "lblhep.status", record.status)
        if "lblhep.error" in known.data.tags:
            client.delete_tag(run_id, "lblhep.error")
        if record.error:
            client.set_tag(run_id, "lblhep.error", record.error[:ERROR])
        return client.get_run(run_id)
