"""A launch in MLflow: one parent run, a run for each group below it, a run for each trial below its group.

Everything here may be called again after a crash or for a resumed launch: runs are found by their tags
(``lblhep.launch``, ``lblhep.group``, ``lblhep.trial``), finished ones are left alone, others are completed.
So is the curve of a trial that was logged while it grew: no step of it is logged twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.tracking.group_runs import GroupRuns
from lblhep.tracking.launch_run import close_launch_run, open_launch_run
from lblhep.tracking.new_runs import writer
from lblhep.tracking.provenance import git_state, source_tags
from lblhep.tracking.records import About, CurvePoint, TrialRecord
from lblhep.tracking.runs import Runs, known_runs
from lblhep.tracking.schema import check_schema
from lblhep.tracking.store import analyze, artifact_root, connect, explained, tracking_uri
from lblhep.tracking.trial_runs import TrialRuns
from lblhep.waiting import LIMIT

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"
"""Marks an experiment as one of model training, where MLflow's pages ask; 3.17's go by their address."""


class Tracker:
    """Writes one launch into the MLflow store of a workspace.

    Args:
        wait: seconds that a store on a server has to answer.

    Raises:
        TrackingError: from every method, if the store cannot be used.
    """

    def __init__(self, workspace: Path, about: About, wait: float = LIMIT) -> None:
        self._workspace = workspace
        client = connect(workspace, wait)
        with explained(workspace):
            check_schema(client)
            experiment = _experiment(client, workspace, about.experiment)
            commit, diff = git_state(workspace)
            tags = source_tags(about.source, commit)
            self._runs = Runs(client, writer(client, experiment), experiment, about.launch, tags)
            known = known_runs(client, experiment, about.launch)
            launch = next((run for run in known if run.data.tags.get("lblhep.kind") == "launch"), None)
            self.run_id = open_launch_run(self._runs, about, diff, launch)
            self._groups = GroupRuns(self._runs, self.run_id, known)
            self._trials = TrialRuns(self._runs, self.run_id, self._groups, known)

    def trials(
        self,
        records: Sequence[TrialRecord],
        group_names: Mapping[str, str],
        curve: Callable[[str], Iterable[CurvePoint]],
    ) -> None:
        """Log finished, failed or pruned trials; those logged before cost nothing.

        Args:
            group_names: group id -> the name that its run gets.
            curve: trial id -> its whole curve; asked for if some of it was logged while it grew.
        """
        with explained(self._workspace):
            self._trials.log(records, group_names, curve)

    def curve(
        self, record: TrialRecord, points: Iterable[CurvePoint], group_names: Mapping[str, str]
    ) -> None:
        """Log points of a trial's curve while it is still running; those logged before cost nothing."""
        with explained(self._workspace):
            self._trials.curve(record, points, group_names)

    def group(
        self, group: str, name: str, key: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Log a complete group (its metrics) or one that could not be combined."""
        with explained(self._workspace):
            self._groups.log(group, name, key, metrics, status)

    def finish(self, status: str, metrics: Mapping[str, float], artifacts: Iterable[Path]) -> None:
        """Close the parent run: summary metrics, tables and report; make later searches quick.

        Trials that were running when the launch was stopped are closed as interrupted.
        """
        with explained(self._workspace):
            self._trials.interrupt()
            close_launch_run(self._runs, self.run_id, status, metrics, artifacts)
            analyze(self._workspace)


def _experiment(client: MlflowClient, workspace: Path, name: str) -> str:
    """The experiment's id, made if need be, with artifacts in the workspace if the store is there too."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        if KIND not in found.tags:
            client.set_experiment_tag(found.experiment_id, KIND, TRAINING)
        return str(found.experiment_id)
    own = tracking_uri(workspace).startswith("sqlite:///")
    root = (artifact_root(workspace) / name).as_uri() if own else None
    return str(client.create_experiment(name, artifact_location=root, tags={KIND: TRAINING}))
