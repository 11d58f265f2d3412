"""Read the store: find the launch that made a run, say where to look at it, and forget a launch."""

from __future__ import annotations

from pathlib import Path

from lblhep.errors import TrackingError
from lblhep.tracking.runs import known_runs
from lblhep.tracking.store import connect, explained, shown_uri


def find_run(workspace: Path, run_id: str) -> tuple[str, str | None]:
    """Return the launch of an MLflow run, and its trial if it is a trial's run.

    Raises:
        TrackingError: there is no such run, or lblhep did not make it.
    """
    from mlflow.exceptions import MlflowException

    client = connect(workspace)
    with explained(workspace):
        try:
            tags = client.get_run(run_id).data.tags
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise TrackingError(f"{shown_uri(workspace)}: there is no run {run_id}") from None
    if "lblhep.launch" not in tags:
        raise TrackingError(f"{shown_uri(workspace)}: run {run_id} was not made by lblhep")
    return tags["lblhep.launch"], tags.get("lblhep.trial")


def pages(workspace: Path) -> dict[str, str]:
    """Return the page of each experiment's runs in MLflow's interface, the newest experiment first.

    The address says that it is about training models: without it, MLflow 3 shows pages about language models,
    whatever the experiment is marked as, until the reader has switched over once.

    Returns:
        Name of the experiment -> what comes after ``http://.../``; one entry for all if there are none.

    Raises:
        TrackingError: the store cannot be used.
    """
    client = connect(workspace)
    with explained(workspace):
        found = client.search_experiments(order_by=["creation_time DESC"])
    mode = "workflowType=machine_learning"
    own = {e.name: f"#/experiments/{e.experiment_id}/runs?{mode}" for e in found if e.name != "Default"}
    return own or {"experiments": f"#/experiments?{mode}"}


def forget_launch(workspace: Path, launch: str) -> None:
    """Delete the runs of a launch: its own, its groups' and its trials' (MLflow hides them until its ``gc``).

    Raises:
        TrackingError: the store cannot be used.
    """
    client = connect(workspace)
    with explained(workspace):
        for experiment in client.search_experiments():
            for run in known_runs(client, experiment.experiment_id, launch):
                client.delete_run(run.info.run_id)
