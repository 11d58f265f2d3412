"""The MLflow runs of one launch: how they are found again, described, filled and closed."""

from __future__ import annotations

import math
import posixpath
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lblhep.tracking.new_runs import NewRun, Writer

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

V = TypeVar("V")

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "pruned": "KILLED",
    "interrupted": "KILLED",
}
CURVE = "curve/"
"""Before the names of metrics that are curves, not results."""
BATCH = 100
"""The most params that MLflow takes at once."""
LONGEST = 250
"""The most characters of a name in MLflow."""


@dataclass(frozen=True)
class Runs:
    """Writes the runs of one launch, which bear its id in the tag ``lblhep.launch``.

    Args:
        writer: makes new runs.
        experiment: MLflow's id of the experiment.
        tags: given to each new run: who made it, from which recipe and code.
    """

    client: MlflowClient
    writer: Writer
    experiment: str
    launch: str
    tags: Mapping[str, str]

    def create(self, runs: Sequence[NewRun]) -> Iterable[Run]:
        """Make new runs, as ``Writer.create``."""
        return self.writer.create(runs)

    def new(
        self,
        name: str,
        tags: Mapping[str, str],
        status: str = "running",
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        started: float | None = None,
        ended: float | None = None,
    ) -> NewRun:
        """Describe a new run of the launch.

        Args:
            status: ``running``, ``finished``, ``failed`` or ``pruned``.
            started: seconds since the epoch, else now.
            ended: seconds since the epoch; None for a run that goes on.
        """
        return NewRun(
            tags={NAME: name[:LONGEST], "lblhep.launch": self.launch, **self.tags, **tags},
            started=_milliseconds(time.time() if started is None else started),
            ended=None if ended is None else _milliseconds(ended),
            status=STATUS[status],
            params=texts(params or {}),
            metrics=numbers(metrics or {}),
        )

    def log(
        self, run_id: str, metrics: Mapping[str, float], params: Mapping[str, Any], at: float | None = None
    ) -> None:
        """Log metrics and params in one call.  ``at`` in seconds since the epoch, else now."""
        from mlflow.entities import Metric, Param

        when = _milliseconds(time.time() if at is None else at)
        self.client.log_batch(
            run_id,
            metrics=[Metric(name, value, when, 0) for name, value in numbers(metrics).items()],
            params=[Param(name, value) for name, value in texts(params).items()],
        )

    def close(self, run_id: str, status: str, at: float | None = None) -> None:
        """End the run as ``finished``, ``failed``, ``pruned`` or ``interrupted``."""
        self.client.set_terminated(run_id, STATUS[status], None if at is None else _milliseconds(at))


def known_runs(client: MlflowClient, experiment: str, launch: str) -> list[Run]:
    """The runs of a launch that are in the store, by pages, the oldest first."""
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment],
            f"tags.`lblhep.launch` = '{launch}'",
            max_results=5000,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        runs += page
        token = page.token
        if not token:
            return runs


def storable(values: Mapping[str, V]) -> dict[str, V]:
    """Return metrics or params by names that MLflow takes.

    All but word characters, spaces and ``-.:/`` becomes _; so do slashes that make no path, as in ``a//b``.
    """
    return {_name(name): value for name, value in values.items()}


def _name(name: str) -> str:
    name = re.sub(r"[^\w\-. :/]", "_", name)[: LONGEST - len(CURVE)]
    is_path = posixpath.normpath(name) == name and not name.startswith(("/", ".."))
    return name if is_path and name != "." else re.sub(r"[/.]", "_", name) or "_"


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return params as MLflow stores them: at most 6000 characters of each."""
    return {name: str(value)[:6000] for name, value in storable(values).items()}


def numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Return metrics as MLflow stores them: an infinite one is the largest number that there is."""
    return {
        name: math.copysign(sys.float_info.max, value) if math.isinf(value) else float(value)
        for name, value in storable(values).items()
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def holds(run: Run, status: str, metrics: Mapping[str, float]) -> bool:
    """Whether the run, as read from the store, ended like this with these metrics; it may have curves too."""
    wanted = numbers(metrics)
    logged = {n: v for n, v in run.data.metrics.items() if n in wanted or not n.startswith(CURVE)}
    same = logged.keys() == wanted.keys() and all(
        logged[name] == value or (math.isnan(logged[name]) and math.isnan(value))
        for name, value in wanted.items()
    )
    return run.info.status == STATUS[status] and same


def is_of(run: Run, point: Mapping[str, Any]) -> bool:
    """Whether the run, as read from the store, has the axis values of ``point`` or none yet."""
    return not run.data.params or run.data.params == texts(point)
