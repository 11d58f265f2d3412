"""New MLflow runs reach a store in two ways: through MLflow's client, or straight into its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lblhep.tracking.schema import database_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class NewRun:
    """Holds all that a run is to have, in MLflow's words.

    Args:
        tags: with ``mlflow.runName``.
        metrics: finite or NaN.
        status: one of MLflow's, such as ``FINISHED``.
        started: milliseconds since the epoch.
        ended: milliseconds since the epoch; None for a run that goes on.
    """

    tags: Mapping[str, str]
    started: int
    ended: int | None = None
    status: str = "RUNNING"
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def logged(self) -> int:
        """Return when the metrics are logged, at the run's end, in milliseconds since the epoch."""
        return self.started if self.ended is None else self.ended


class Writer(Protocol):
    """Makes runs.

    A writer into tables makes them whole; one that talks to a server makes them running, with their tags
    and nothing else.  Whoever asked for them fills and closes what is not whole.
    """

    def create(self, runs: Sequence[NewRun]) -> Iterable[Run]:
        """Make the runs.

        Returns:
            One for each of ``runs``, in their order, as it is in the store.
        """


@dataclass(frozen=True)
class ClientWriter:
    """Makes runs one by one, each when it is asked for.

    Args:
        experiment: MLflow's id of the experiment.
    """

    client: MlflowClient
    experiment: str

    def create(self, runs: Sequence[NewRun]) -> Iterator[Run]:
        """Make the runs, with their tags alone."""
        for run in runs:
            yield self.client.create_run(self.experiment, start_time=run.started, tags=dict(run.tags))


def writer(client: MlflowClient, experiment: str) -> Writer:
    """Return the quickest way into the client's store: by inserts if it is a database."""
    from lblhep.tracking.inserts import TableWriter

    store = database_of(client)
    return ClientWriter(client, experiment) if store is None else TableWriter(store, experiment)
