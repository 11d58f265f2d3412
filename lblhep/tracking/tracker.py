"""A launch in MLflow: one parent run, a run for each group below it, a run for each trial below its group.

Everything here may be called again after a crash or for a resumed launch: runs are found by their tags
(``lblhep.launch``, ``lblhep.group``, ``lblhep.trial``), finished ones are left alone, others are completed.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.tracking.provenance import git_state, package_versions
from lblhep.tracking.store import analyze, artifact_root, connect, explained, tracking_uri

if TYPE_CHECKING:
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
VERSIONS = "packages.txt"


@dataclass(frozen=True)
class DataInput:
    """A data set that a launch reads: becomes an MLflow data set of the parent run."""

    name: str
    digest: str
    source: str


@dataclass(frozen=True)
class About:
    """What is constant over a launch: it stands on the parent run, not on each trial."""

    launch: str
    experiment: str
    title: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    files: Sequence[Path]
    """Logged as artifacts at once (the recipe)."""
    inputs: Sequence[DataInput] = ()


@dataclass(frozen=True)
class TrialRecord:
    """One trial's run."""

    id: str
    name: str
    group: str | None
    point: Mapping[str, Any]
    metrics: Mapping[str, float]
    status: str
    """``finished``, ``failed`` or ``pruned``."""
    ended: float
    """Seconds since the epoch, the same at every attempt: that makes logging it twice the same as once."""
    error: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


STATUS = {"finished": "FINISHED", "failed": "FAILED", "pruned": "KILLED", "interrupted": "KILLED"}


class Tracker:
    """Writes one launch into the MLflow store of a workspace.

    Raises:
        TrackingError: from every method, if the store cannot be used.
    """

    def __init__(self, workspace: Path, about: About) -> None:
        self._workspace = workspace
        self._about = about
        self._client = connect(workspace)
        self.uri = tracking_uri(workspace)
        with explained(workspace):
            self.experiment_id = self._experiment(about.experiment)
            known = self._known_runs()
            self._trials = {r.data.tags["lblhep.trial"]: r for r in known if "lblhep.trial" in r.data.tags}
            self._groups = {r.data.tags["lblhep.group"]: r for r in known if _is_group(r)}
            parents = [r for r in known if r.data.tags.get("lblhep.kind") == "launch"]
            self.run_id = self._parent(parents[0] if parents else None)
        self._started = time.time()

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        own = self.uri.startswith("sqlite:///")
        root = (artifact_root(self._workspace) / name).as_uri() if own else None
        return self._client.create_experiment(name, artifact_location=root)

    def _known_runs(self) -> list[Run]:
        """All runs of this launch, by pages."""
        runs: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self.experiment_id],
                f"tags.`lblhep.launch` = '{self._about.launch}'",
                max_results=5000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def _parent(self, known: Run | None) -> str:
        """The launch's run: made, or found and completed if a driver was killed before it had said it all."""
        about = self._about
        git_tags, diff = git_state(self._workspace)
        if known is None:
            tags = {NAME: about.launch, "lblhep.launch": about.launch, "lblhep.kind": "launch"}
            tags |= {"mlflow.note.content": about.title} | dict(about.tags) | git_tags
            known = self._client.create_run(self.experiment_id, tags=tags)
        run_id = str(known.info.run_id)
        self._client.update_run(run_id, status="RUNNING")
        for name, value in about.tags.items():
            if known.data.tags.get(name) != value:  # a resumed launch may be marked as mixed
                self._client.set_tag(run_id, name, value)
        if not any(artifact.path == VERSIONS for artifact in self._client.list_artifacts(run_id)):
            self._describe(known, diff)
        return run_id

    def _describe(self, run: Run, diff: str) -> None:
        """Params, data sets and files of the launch's run; the versions last: they say that all is there."""
        from mlflow.entities import Dataset, DatasetInput, Param

        about, run_id = self._about, run.info.run_id
        there = run.data.params
        params = [Param(name, _text(value)) for name, value in about.params.items() if name not in there]
        for first in range(0, len(params), 100):  # the most that one batch may hold
            self._client.log_batch(run_id, params=params[first : first + 100])
        if about.inputs:
            inputs = [
                DatasetInput(Dataset(i.name, i.digest[:36], "data card", i.source)) for i in about.inputs
            ]
            self._client.log_inputs(run_id, inputs)
        for path in about.files:
            self._client.log_artifact(run_id, str(path))
        if diff:
            self._client.log_text(run_id, diff, "uncommitted.diff")
        self._client.log_text(run_id, package_versions(), VERSIONS)

    def trials(self, records: Iterable[TrialRecord], group_names: Mapping[str, str]) -> None:
        """Log finished, failed or pruned trials; those logged before cost nothing.

        Args:
            group_names: group id -> the name that its run gets.
        """
        with explained(self._workspace):
            for record in records:
                known = self._trials.get(record.id)
                if known is None or not _holds(known, record.status, storable(record.metrics)):
                    self._trial(record, known, group_names)

    def _trial(self, record: TrialRecord, known: Run | None, group_names: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, Param

        ended = int(record.ended * 1000)
        if known is None:
            parent = self.run_id
            if record.group is not None:
                parent = self._group_run(record.group, group_names[record.group]).info.run_id
            tags = {
                NAME: record.name,
                PARENT: parent,
                "lblhep.launch": self._about.launch,
                "lblhep.trial": record.id,
                "lblhep.status": record.status,
            }
            tags |= ({"lblhep.error": record.error[:4000]} if record.error else {}) | dict(record.tags)
            known = self._client.create_run(self.experiment_id, start_time=ended, tags=tags)
            self._trials[record.id] = known
        else:
            self._correct(known, record)
        metrics = [Metric(name, value, ended, 0) for name, value in storable(record.metrics).items()]
        params = [Param(name, _text(value)) for name, value in record.point.items()]
        self._client.log_batch(known.info.run_id, metrics=metrics, params=params)
        self._client.set_terminated(known.info.run_id, STATUS[record.status], ended)

    def _correct(self, known: Run, record: TrialRecord) -> None:
        """A trial that was logged as failed and has been tried again."""
        run_id = known.info.run_id
        if known.data.tags.get("lblhep.status") != record.status:
            self._client.set_tag(run_id, "lblhep.status", record.status)
        if "lblhep.error" in known.data.tags:
            self._client.delete_tag(run_id, "lblhep.error")
        if record.error:
            self._client.set_tag(run_id, "lblhep.error", record.error[:4000])

    def _group_run(self, group: str, name: str) -> Run:
        if group not in self._groups:
            tags = {
                NAME: name or "all trials",
                PARENT: self.run_id,
                "lblhep.launch": self._about.launch,
                "lblhep.group": group,
            }
            self._groups[group] = self._client.create_run(self.experiment_id, tags=tags)
        return self._groups[group]

    def group(
        self, group: str, name: str, key: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Log a complete group (its metrics) or one that could not be combined."""
        from mlflow.entities import Metric, Param

        with explained(self._workspace):
            run = self._group_run(group, name)
            if _holds(run, status, storable(metrics)):
                return
            now = int(time.time() * 1000)
            values = [Metric(metric, value, now, 0) for metric, value in storable(metrics).items()]
            params = [Param(axis, _text(value)) for axis, value in key.items()]
            self._client.log_batch(run.info.run_id, metrics=values, params=params)
            self._client.set_terminated(run.info.run_id, STATUS[status])

    def finish(self, status: str, metrics: Mapping[str, float], artifacts: Iterable[Path]) -> None:
        """Close the parent run: summary metrics, tables and report; make later searches quick."""
        from mlflow.entities import Metric

        with explained(self._workspace):
            now = int(time.time() * 1000)
            finite = {name: float(value) for name, value in metrics.items() if not math.isinf(value)}
            values = [Metric(name, value, now, 0) for name, value in storable(finite).items()]
            self._client.log_batch(self.run_id, metrics=values)
            for path in artifacts:
                if path.is_dir():
                    self._client.log_artifacts(self.run_id, str(path), path.name)
                else:
                    self._client.log_artifact(self.run_id, str(path))
            self._client.set_terminated(self.run_id, STATUS[status])
            analyze(self._workspace)


def storable(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics under names that MLflow takes: other characters than words', spaces and ``-.:/`` become _."""
    return {re.sub(r"[^\w\-. :/]", "_", name): value for name, value in metrics.items()}


def _is_group(run: Run) -> bool:
    return "lblhep.group" in run.data.tags and "lblhep.trial" not in run.data.tags


def _holds(run: Run, status: str, metrics: Mapping[str, float]) -> bool:
    """Whether the run, as read from the store, ended like this with these metrics."""
    logged = run.data.metrics
    same = logged.keys() == metrics.keys() and all(
        logged[name] == value or (math.isnan(logged[name]) and math.isnan(value))
        for name, value in metrics.items()
    )
    return run.info.status == STATUS[status] and same


def _text(value: Any) -> str:
    """A parameter's text, within what MLflow stores."""
    return str(value)[:6000]
