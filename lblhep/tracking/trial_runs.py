"""Runs of trials, children of their group's run, or of the launch's where they have no group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lblhep.tracking.curves import Curves
from lblhep.tracking.group_runs import GroupRuns
from lblhep.tracking.new_runs import NewRun
from lblhep.tracking.records import CurvePoint, TrialRecord
from lblhep.tracking.runs import PARENT, Runs, holds, is_of

if TYPE_CHECKING:
    from mlflow.entities import Run

STATUS_TAG, ERROR_TAG = "lblhep.status", "lblhep.error"
ERROR = 4000
"""The most characters of an error that become a tag."""


class TrialRuns:
    """Made together when their pack is committed; one by one, earlier, if their curves are live.

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
        records: Sequence[TrialRecord],
        group_names: Mapping[str, str],
        curve: Callable[[str], Iterable[CurvePoint]],
    ) -> None:
        """Log trials that finished, failed or were pruned; those that were logged before cost nothing.

        Args:
            group_names: group id -> the name that its run gets.
            curve: trial id -> its whole curve; asked for if some of it was logged while it grew.
        """
        self._make(records, group_names)
        for record in records:
            if not holds(self._by_trial[record.id], record.status, record.metrics):
                self._complete(record, curve)
            self._open.discard(record.id)

    def curve(
        self, record: TrialRecord, points: Iterable[CurvePoint], group_names: Mapping[str, str]
    ) -> None:
        """Log points of the curve of a trial that is running; those that are there cost nothing."""
        if record.id not in self._live:
            self._make([record], group_names)
            run_id = self._retagged(record).info.run_id
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

    def _make(self, records: Sequence[TrialRecord], group_names: Mapping[str, str]) -> None:
        """Make the runs of trials that have none yet, and those of their groups."""
        for record in records:
            known = self._by_trial.get(record.id)
            if known is not None and not is_of(known, record.point):
                # A search that was killed: the number went to another point, and MLflow changes no params.
                self._runs.client.delete_run(known.info.run_id)
                del self._by_trial[record.id]
        new = [record for record in records if record.id not in self._by_trial]
        first = min((record.started for record in new), default=None)
        self._groups.make({r.group: group_names[r.group] for r in new if r.group is not None}, first)
        made = self._runs.create([self._new(record) for record in new])
        for record, run in zip(new, made, strict=True):
            self._by_trial[record.id] = run

    def _new(self, record: TrialRecord) -> NewRun:
        parent = self._parent if record.group is None else self._groups.run_id(record.group)
        return self._runs.new(
            record.name,
            {PARENT: parent, "lblhep.trial": record.id} | _outcome(record),
            record.status,
            params=record.point,
            metrics=record.metrics,
            started=record.started,
            ended=record.ended,
        )

    def _complete(self, record: TrialRecord, curve: Callable[[str], Iterable[CurvePoint]]) -> None:
        """Fill and close a run that is not whole: another driver left it so, its trial has been tried again,
        its curve was live, or the store is one where runs are made without content."""
        run = self._retagged(record)
        if self._curves.has(run):
            self._curves.log(run, curve(record.id))
        self._runs.log(run.info.run_id, record.metrics, record.point, record.ended)
        self._runs.close(run.info.run_id, record.status, record.ended)

    def _retagged(self, record: TrialRecord) -> Run:
        """The trial's run, with the outcome that the record has."""
        client, run, wanted = self._runs.client, self._by_trial[record.id], _outcome(record)
        there = {name: run.data.tags[name] for name in (STATUS_TAG, ERROR_TAG) if name in run.data.tags}
        if there != wanted:
            run_id = run.info.run_id
            for name in there.keys() - wanted.keys():
                client.delete_tag(run_id, name)
            for name, value in wanted.items():
                client.set_tag(run_id, name, value)
            self._by_trial[record.id] = client.get_run(run_id)
        return self._by_trial[record.id]


def _outcome(record: TrialRecord) -> dict[str, str]:
    """Tags that say how a trial ended."""
    error = {ERROR_TAG: record.error[:ERROR]} if record.error else {}
    return {STATUS_TAG: record.status} | error
