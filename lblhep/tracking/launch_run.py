"""The launch's own run, parent of all others: what the launch was made from, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.tracking.provenance import COMMIT, package_versions
from lblhep.tracking.records import About
from lblhep.tracking.runs import BATCH, Runs, storable

if TYPE_CHECKING:
    from mlflow.entities import Run

VERSIONS = "packages.txt"
DIGEST = 12
"""The characters of a data set's digest that MLflow's pages have room for; the launch has all of them."""


def open_launch_run(runs: Runs, about: About, diff: str, known: Run | None) -> str:
    """Make the run, or complete the ``known`` one if a driver was killed before it had said it all.

    Args:
        diff: what is not committed of the code.

    Returns:
        Its id.
    """
    if known is None:
        tags = {"lblhep.kind": "launch", "mlflow.note.content": about.title}
        tags |= about.tags
        if COMMIT in runs.tags:
            tags["lblhep.git_clean"] = str(not diff).lower()
        [known] = runs.create([runs.new(about.launch, tags)])
    run_id = str(known.info.run_id)
    runs.client.update_run(run_id, status="RUNNING")
    for name, value in about.tags.items():
        if known.data.tags.get(name) != value:  # a resumed launch may be marked as mixed
            runs.client.set_tag(run_id, name, value)
    if not any(artifact.path == VERSIONS for artifact in runs.client.list_artifacts(run_id)):
        _describe(runs, about, known, diff)
    return run_id


def _describe(runs: Runs, about: About, run: Run, diff: str) -> None:
    """Params, data sets and files of the launch's run; the versions last: they say that all is there."""
    from mlflow.entities import Dataset, DatasetInput

    run_id = run.info.run_id
    params = storable(about.params)
    missing = [name for name in params if name not in run.data.params]
    for first in range(0, len(missing), BATCH):
        runs.log(run_id, {}, {name: params[name] for name in missing[first : first + BATCH]})
    if about.inputs:
        inputs = [
            DatasetInput(Dataset(card.name, card.digest[:DIGEST], "data card", card.source))
            for card in about.inputs
        ]
        runs.client.log_inputs(run_id, inputs)
    for path in about.files:
        runs.client.log_artifact(run_id, str(path))
    if diff:
        runs.client.log_text(run_id, diff, "uncommitted.diff")
    runs.client.log_text(run_id, package_versions(), VERSIONS)


def close_launch_run(
    runs: Runs, run_id: str, status: str, metrics: Mapping[str, float], artifacts: Iterable[Path]
) -> None:
    """Log summary metrics (no infinite ones), tables and report; then close."""
    runs.log(run_id, {name: value for name, value in metrics.items() if not math.isinf(value)}, {})
    for path in artifacts:
        if path.is_dir():
            runs.client.log_artifacts(run_id, str(path), path.name)
        else:
            runs.client.log_artifact(run_id, str(path))
    runs.close(run_id, status)
