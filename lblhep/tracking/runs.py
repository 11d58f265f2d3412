"""Find the MLflow runs of one launch again, describe, fill and close them."""

from __future__ import annotations

import math
import posixpath
import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lblhep.tracking.new_runs import NewRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

V = TypeVar("V")

PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
MLFLOW_STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "pruned": "KILLED",
    "interrupted": "KILLED",
}
CURVE_PREFIX = "curve/"
"""The prefix of the names of metrics that are curves, not results.

A curve has a name of its own, beside the trial's final metric, because MLflow takes the last step for a
metric's value; the final value is mostly that of the best epoch.
"""
MAX_PARAMS_PER_CALL = 100
"""The most params that MLflow takes at once."""
MAX_METRICS_PER_CALL = 1000
"""The most metrics that MLflow takes at once."""
MAX_NAME_CHARACTERS = 250
"""The most characters of a name in MLflow."""


def new_run(
    name: str,
    tags: Mapping[str, str],
    status: str = "running",
    *,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    started: float | None = None,
    ended: float | None = None,
) -> NewRun:
    """Describe a new run.

    Args:
        name: the run's name, of which MLflow takes ``MAX_NAME_CHARACTERS``.
        tags: the run's tags, beside its name.
        status: ``running``, ``finished``, ``failed`` or ``pruned``.
        params: the run's params, by name.
        metrics: the run's metrics, by name.
        started: seconds since the epoch, else now.
        ended: seconds since the epoch; None for a run that goes on.

    Returns:
        All that the run is to hold.
    """
    return NewRun(
        tags={NAME_TAG: name[:MAX_NAME_CHARACTERS], **tags},
        started=_milliseconds(time.time() if started is None else started),
        ended=None if ended is None else _milliseconds(ended),
        status=MLFLOW_STATUS[status],
        params=texts(params or {}),
        metrics=numbers(metrics or {}),
    )


def log_values(
    client: MlflowClient,
    run_id: str,
    metrics: Mapping[str, float],
    params: Mapping[str, Any],
    at: float | None = None,
) -> None:
    """Log metrics and params of a run in one call.

    Args:
        client: MLflow's client.
        run_id: MLflow's id of the run.
        metrics: the metrics to log, by name.
        params: the params to log, by name.
        at: seconds since the epoch, else now.
    """
    from mlflow.entities import Metric, Param

    when = _milliseconds(time.time() if at is None else at)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, when, 0) for name, value in numbers(metrics).items()],
        params=[Param(name, value) for name, value in texts(params).items()],
    )


def close_run(client: MlflowClient, run_id: str, status: str, at: float | None = None) -> None:
    """End a run.

    Args:
        client: MLflow's client.
        run_id: MLflow's id of the run.
        status: ``finished``, ``failed``, ``pruned`` or ``interrupted``.
        at: seconds since the epoch, else now.
    """
    client.set_terminated(run_id, MLFLOW_STATUS[status], None if at is None else _milliseconds(at))


def known_runs(client: MlflowClient, experiment: str, launch: str) -> list[Run]:
    """Return the runs of a launch that are in the store, the oldest first."""
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
    name = re.sub(r"[^\w\-. :/]", "_", name)[: MAX_NAME_CHARACTERS - len(CURVE_PREFIX)]
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
    """Say whether the run, as read from the store, ended so with these metrics; it may have curves too."""
    wanted = numbers(metrics)
    logged = {n: v for n, v in run.data.metrics.items() if n in wanted or not n.startswith(CURVE_PREFIX)}
    same = logged.keys() == wanted.keys() and all(
        logged[name] == value or (math.isnan(logged[name]) and math.isnan(value))
        for name, value in wanted.items()
    )
    return run.info.status == MLFLOW_STATUS[status] and same


def is_of(run: Run, point: Mapping[str, Any]) -> bool:
    """Say whether the run, as read from the store, has the axis values of ``point`` or none yet."""
    return not run.data.params or run.data.params == texts(point)
