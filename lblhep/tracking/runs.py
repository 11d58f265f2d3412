"""The MLflow runs of one launch: how they are found again, made, filled and closed."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

V = TypeVar("V")

PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
STATUS = {"finished": "FINISHED", "failed": "FAILED", "pruned": "KILLED", "interrupted": "KILLED"}
CURVE = "curve/"
"""Before the names of metrics that are curves, not results."""
BATCH = 100
"""The most params that MLflow takes at once."""


@dataclass(frozen=True)
class Runs:
    """All runs with the tag ``lblhep.launch`` of this launch.

    Args:
        experiment: MLflow's id of the experiment.
    """

    client: MlflowClient
    experiment: str
    launch: str

    def known(self) -> list[Run]:
        """Those that an earlier driver made, by pages, the oldest first."""
        runs: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment],
                f"tags.`lblhep.launch` = '{self.launch}'",
                max_results=5000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def create(self, name: str, tags: Mapping[str, str], started: int | None = None) -> Run:
        """A new run.  `started` in milliseconds since the epoch, else now."""
        tags = {NAME: name, "lblhep.launch": self.launch} | dict(tags)
        return self.client.create_run(self.experiment, start_time=started, tags=tags)

    def log(
        self, run_id: str, metrics: Mapping[str, float], params: Mapping[str, Any], at: int | None = None
    ) -> None:
        """Metrics and params in one call.  `at` in milliseconds since the epoch, else now."""
        from mlflow.entities import Metric, Param

        when = int(time.time() * 1000) if at is None else at
        self.client.log_batch(
            run_id,
            metrics=[Metric(name, value, when, 0) for name, value in storable(metrics).items()],
            params=[Param(name, _text(value)) for name, value in storable(params).items()],
        )

    def close(self, run_id: str, status: str, at: int | None = None) -> None:
        """End the run as ``finished``, ``failed``, ``pruned`` or ``interrupted``."""
        self.client.set_terminated(run_id, STATUS[status], at)


def storable(values: Mapping[str, V]) -> dict[str, V]:
    """Metrics or params by names that MLflow takes: all but word characters, spaces, ``-.:/`` becomes _."""
    return {re.sub(r"[^\w\-. :/]", "_", name): value for name, value in values.items()}


def holds(run: Run, status: str, metrics: Mapping[str, float]) -> bool:
    """Whether the run, as read from the store, ended like this with these metrics; it may have curves too."""
    wanted = storable(metrics)
    logged = {n: v for n, v in run.data.metrics.items() if n in wanted or not n.startswith(CURVE)}
    same = logged.keys() == wanted.keys() and all(
        logged[name] == value or (math.isnan(logged[name]) and math.isnan(value))
        for name, value in wanted.items()
    )
    return run.info.status == STATUS[status] and same


def is_of(run: Run, point: Mapping[str, Any]) -> bool:
    """Whether the run, as read from the store, has the axis values of `point` or none yet."""
    wanted = {name: _text(value) for name, value in storable(point).items()}
    return not run.data.params or run.data.params == wanted


def _text(value: Any) -> str:
    """A parameter's text, within what MLflow stores."""
    return str(value)[:6000]
