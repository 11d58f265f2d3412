"""A launch's own run, the parent of all others, says what it was made from and how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.tracking.provenance import COMMIT, package_versions
from lblhep.tracking.records import About
from lblhep.tracking.runs import MAX_PARAMS_PER_CALL, close_run, log_values, new_run, storable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from lblhep.tracking.new_runs import Writer

VERSIONS_FILE = "packages.txt"
SHOWN_DIGEST_CHARACTERS = 12
"""The characters of a data set's digest that MLflow's pages have room for; the launch has all of them."""


def open_launch_run(
    client: MlflowClient, writer: Writer, about: About, tags: Mapping[str, str], diff: str, known: Run | None
) -> str:
    """Make the run, or complete the ``known`` one if a driver was killed before it had said it all.

    Args:
        client: MLflow's client.
        writer: makes the run.
        about: what is constant over the launch.
        tags: what every run of the launch bears.
        diff: what is not committed of the code.
        known: the launch's run if the store has it.

    Returns:
        MLflow's id of the run.
    """
    if known is None:
        own = {"lblhep.kind": "launch", "mlflow.note.content": about.title, **about.tags}
        if COMMIT in tags:
            own["lblhep.git_clean"] = str(not diff).lower()
        [known] = writer.create([new_run(about.launch, {**tags, **own})])
    run_id = str(known.info.run_id)
    client.update_run(run_id, status="RUNNING")
    for name, value in about.tags.items():
        if known.data.tags.get(name) != value:  # a resumed launch may be marked as mixed
            client.set_tag(run_id, name, value)
    if not any(artifact.path == VERSIONS_FILE for artifact in client.list_artifacts(run_id)):
        _describe(client, about, known, diff)
    return run_id


def _describe(client: MlflowClient, about: About, run: Run, diff: str) -> None:
    """Log params, data sets and files of the launch's run; the versions last: they say that all is there."""
    from mlflow.entities import Dataset, DatasetInput

    run_id = run.info.run_id
    params = storable(about.params)
    missing = [name for name in params if name not in run.data.params]
    for first in range(0, len(missing), MAX_PARAMS_PER_CALL):
        some = missing[first : first + MAX_PARAMS_PER_CALL]
        log_values(client, run_id, {}, {name: params[name] for name in some})
    if about.inputs:
        inputs = [
            DatasetInput(Dataset(card.name, card.digest[:SHOWN_DIGEST_CHARACTERS], "data card", card.source))
            for card in about.inputs
        ]
        client.log_inputs(run_id, inputs)
    for path in about.files:
        client.log_artifact(run_id, str(path))
    if diff:
        client.log_text(run_id, diff, "uncommitted.diff")
    client.log_text(run_id, package_versions(), VERSIONS_FILE)


def close_launch_run(
    client: MlflowClient, run_id: str, status: str, metrics: Mapping[str, float], artifacts: Iterable[Path]
) -> None:
    """Log summary metrics (no infinite ones), tables and report; then close the run.

    Args:
        client: MLflow's client.
        run_id: MLflow's id of the run.
        status: how the launch ended, as ``close_run`` takes it.
        metrics: the summary metrics, by name.
        artifacts: files and folders.
    """
    finite = {name: value for name, value in metrics.items() if not math.isinf(value)}
    log_values(client, run_id, finite, {})
    for path in artifacts:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    close_run(client, run_id, status)
