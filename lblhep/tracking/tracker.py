"""Write a launch to MLflow: one parent run, below it a run for each group, below that one for each trial.

Everything here may be called again after a crash or for a resumed launch: runs are found by their tags
(``lblhep.launch``, ``lblhep.group``, ``lblhep.trial``), finished ones are left alone, others are completed.
So is the curve of a trial that was logged while it grew: no step of it is logged twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.tracking.launch_run import close_launch_run, open_launch_run
from lblhep.tracking.new_runs import NewRun, Writer, writer
from lblhep.tracking.provenance import git_state, source_tags
from lblhep.tracking.records import About, CurvePoint, TrialRecord
from lblhep.tracking.runs import (
    CURVE_PREFIX,
    MAX_METRICS_PER_CALL,
    PARENT_TAG,
    close_run,
    holds,
    is_of,
    known_runs,
    log_values,
    new_run,
    numbers,
)
from lblhep.tracking.schema import check_schema
from lblhep.tracking.store import artifact_root, connect, explained, tracking_uri
from lblhep.waiting import WAIT_LIMIT_SECONDS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"
"""The tag that marks an experiment as one of model training where MLflow's pages ask for it."""

STATUS_TAG, ERROR_TAG = "lblhep.status", "lblhep.error"
MAX_ERROR_CHARACTERS = 4000
"""The most characters of an error that become a tag."""


class Tracker:
    """Writes the MLflow runs of one launch.

    The methods raise what MLflow and SQLAlchemy raise; ``lblhep.tracking.explained`` turns it into a
    TrackingError.

    Args:
        client: MLflow's client.
        writer: makes new runs.
        tags: what every run of the launch bears: its id, who made it, from which recipe and code.
        run_id: MLflow's id of the launch's own run.
        known: the launch's runs that are in the store already, of whatever kind.
    """

    def __init__(
        self,
        client: MlflowClient,
        writer: Writer,
        tags: Mapping[str, str],
        run_id: str,
        known: Iterable[Run] = (),
    ) -> None:
        self._client, self._writer, self._tags, self.run_id = client, writer, tags, run_id
        self._trials: dict[str, Run] = {}
        self._groups: dict[str, Run] = {}
        for run in known:
            if "lblhep.trial" in run.data.tags:
                self._trials[run.data.tags["lblhep.trial"]] = run
            elif "lblhep.group" in run.data.tags:
                self._groups[run.data.tags["lblhep.group"]] = run
        self._live: set[str] = set()
        """The trials of which this driver logs the curve: their runs are made or taken up."""
        self._open = {trial for trial, run in self._trials.items() if run.info.status == "RUNNING"}
        """The trials whose runs are to be closed, those too that a killed driver left."""
        self._logged_steps: dict[str, set[tuple[str, int]]] = {}
        """The metric and step of each curve point that is in the store, by the run's id."""

    @classmethod
    def open(cls, workspace: Path, about: About, wait: float = WAIT_LIMIT_SECONDS) -> Tracker:
        """Open the workspace's store and the launch's own run.

        Args:
            workspace: the folder that holds ``mlruns``.
            about: what is constant over the launch.
            wait: seconds that a store on a server has to answer.

        Raises:
            TrackingError: the store cannot be used.
        """
        client = connect(workspace, wait)
        with explained(workspace):
            check_schema(client)
            experiment = _experiment(client, workspace, about.experiment)
            commit, diff = git_state(workspace)
            tags = {"lblhep.launch": about.launch, **source_tags(about.source, commit)}
            way = writer(client, experiment)
            known = known_runs(client, experiment, about.launch)
            launch = next((run for run in known if run.data.tags.get("lblhep.kind") == "launch"), None)
            run_id = open_launch_run(client, way, about, tags, diff, launch)
            return cls(client, way, tags, run_id, known)

    def log_trials(
        self,
        records: Sequence[TrialRecord],
        group_names: Mapping[str, str],
        curve: Callable[[str], Iterable[CurvePoint]],
    ) -> None:
        """Log trials that finished, failed or were pruned; those that were logged before cost nothing.

        Args:
            records: the trials.
            group_names: the name that each group's run gets, by the group's id.
            curve: called with a trial's id for its whole curve, if some of it was logged while it grew.
        """
        self._make_trials(records, group_names)
        # Runs made by inserts are whole.  What a server made, and what a live curve or another driver left
        # open, is completed by the client.
        for record in records:
            if not holds(self._trials[record.id], record.status, record.metrics):
                self._complete(record, curve)
            self._open.discard(record.id)

    def log_curve(
        self, record: TrialRecord, points: Iterable[CurvePoint], group_names: Mapping[str, str]
    ) -> None:
        """Log points of the curve of a trial that is running; those that are there cost nothing.

        Args:
            record: the trial.
            points: some of its curve.
            group_names: the name that each group's run gets, by the group's id.
        """
        if record.id not in self._live:
            self._make_trials([record], group_names)
            run_id = self._retagged(record).info.run_id
            self._client.update_run(run_id, status="RUNNING")
            log_values(self._client, run_id, {}, record.point)
            self._live.add(record.id)
            self._open.add(record.id)
        self._log_points(self._trials[record.id], points)

    def log_group(
        self, group: str, name: str, key: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Log a complete group (its metrics) or one that could not be combined.

        Args:
            group: the group's id.
            name: the name of its run.
            key: the axis values that its trials share.
            metrics: the group's metrics, by name.
            status: ``finished``, ``failed`` or ``pruned``.
        """
        self._make_groups({group: name})
        run = self._groups[group]
        if not holds(run, status, metrics):
            log_values(self._client, run.info.run_id, metrics, key)
            close_run(self._client, run.info.run_id, status)

    def finish(self, status: str, metrics: Mapping[str, float], artifacts: Iterable[Path]) -> None:
        """Close the launch's run with summary metrics, tables and report.

        The runs of trials that were running are closed as interrupted: the launch ends without them.
        """
        for trial in self._open:
            close_run(self._client, self._trials[trial].info.run_id, "interrupted")
        self._open.clear()
        close_launch_run(self._client, self.run_id, status, metrics, artifacts)

    def _make_groups(self, names: Mapping[str, str], started: float | None = None) -> None:
        """Make the runs of groups (id -> name) that have none yet.

        ``started`` is when their first trials began, in seconds since the epoch, else now.
        """
        new = [group for group in names if group not in self._groups]
        tags = {**self._tags, PARENT_TAG: self.run_id}
        made = self._writer.create(
            [new_run(names[g], tags | {"lblhep.group": g}, started=started) for g in new]
        )
        for group, run in zip(new, made, strict=True):
            self._groups[group] = run

    def _make_trials(self, records: Sequence[TrialRecord], group_names: Mapping[str, str]) -> None:
        """Make the runs of trials that have none yet, and those of their groups."""
        for record in records:
            known = self._trials.get(record.id)
            if known is not None and not is_of(known, record.point):
                # A search that was killed: the number went to another point, and MLflow changes no params.
                self._client.delete_run(known.info.run_id)
                del self._trials[record.id]
        new = [record for record in records if record.id not in self._trials]
        first = min((record.started for record in new), default=None)
        self._make_groups({r.group: group_names[r.group] for r in new if r.group is not None}, first)
        made = self._writer.create([self._new_trial(record) for record in new])
        for record, run in zip(new, made, strict=True):
            self._trials[record.id] = run

    def _new_trial(self, record: TrialRecord) -> NewRun:
        parent = self.run_id if record.group is None else str(self._groups[record.group].info.run_id)
        return new_run(
            record.name,
            {**self._tags, PARENT_TAG: parent, "lblhep.trial": record.id} | _outcome(record),
            record.status,
            params=record.point,
            metrics=record.metrics,
            started=record.started,
            ended=record.ended,
        )

    def _complete(self, record: TrialRecord, curve: Callable[[str], Iterable[CurvePoint]]) -> None:
        """Complete a run that is not whole, and close it.

        Another driver left it so, its trial has been tried again, its curve was live, or the store is one
        where runs are made without content.
        """
        run = self._retagged(record)
        if self._steps(run):
            self._log_points(run, curve(record.id))
        log_values(self._client, run.info.run_id, record.metrics, record.point, record.ended)
        close_run(self._client, run.info.run_id, record.status, record.ended)

    def _retagged(self, record: TrialRecord) -> Run:
        """Return the trial's run, with the outcome that the record has."""
        client, run, wanted = self._client, self._trials[record.id], _outcome(record)
        there = {name: run.data.tags[name] for name in (STATUS_TAG, ERROR_TAG) if name in run.data.tags}
        if there != wanted:
            run_id = run.info.run_id
            for name in there.keys() - wanted.keys():
                client.delete_tag(run_id, name)
            for name, value in wanted.items():
                client.set_tag(run_id, name, value)
            self._trials[record.id] = client.get_run(run_id)
        return self._trials[record.id]

    def _log_points(self, run: Run, points: Iterable[CurvePoint]) -> None:
        """Log those points of a run's curve that are not in the store yet."""
        from mlflow.entities import Metric

        there = self._steps(run)
        new = {
            (name, point.step): Metric(name, value, int(point.at * 1000), point.step)
            for point in points
            for name, value in ((f"{CURVE_PREFIX}{n}", v) for n, v in numbers(point.metrics).items())
            if (name, point.step) not in there
        }
        keys = list(new)
        for first in range(0, len(keys), MAX_METRICS_PER_CALL):
            some = keys[first : first + MAX_METRICS_PER_CALL]
            self._client.log_batch(run.info.run_id, metrics=[new[key] for key in some])
            there.update(some)

    def _steps(self, run: Run) -> set[tuple[str, int]]:
        """Return metric and step of all points that are there; an earlier driver's are asked for once."""
        run_id = run.info.run_id
        if run_id not in self._logged_steps:
            names = [name for name in run.data.metrics if name.startswith(CURVE_PREFIX)]
            history = self._client.get_metric_history
            self._logged_steps[run_id] = {
                (name, point.step) for name in names for point in history(run_id, name)
            }
        return self._logged_steps[run_id]


def _outcome(record: TrialRecord) -> dict[str, str]:
    """Return the tags that say how a trial ended."""
    error = {ERROR_TAG: record.error[:MAX_ERROR_CHARACTERS]} if record.error else {}
    return {STATUS_TAG: record.status} | error


def _experiment(client: MlflowClient, workspace: Path, name: str) -> str:
    """Return the experiment's id, made if need be, with artifacts in the workspace if the store is there."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        if KIND not in found.tags:
            client.set_experiment_tag(found.experiment_id, KIND, TRAINING)
        return str(found.experiment_id)
    own = tracking_uri(workspace).startswith("sqlite:///")
    root = (artifact_root(workspace) / name).as_uri() if own else None
    return str(client.create_experiment(name, artifact_location=root, tags={KIND: TRAINING}))
