"""What tests of MLflow share: the runs of a launch, and a server that takes connections and never answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run

from lblhep.launch import Launch
from lblhep.tracking.store import connect


@pytest.fixture
def black_hole() -> Iterator[str]:
    """Its address, ``127.0.0.1:PORT``."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def runs_of() -> Callable[[Launch, Path], list[Run]]:
    """A function that returns all runs of a launch in the store of a workspace."""

    def runs_of(outcome: Launch, workspace: Path) -> list[Run]:
        client = connect(workspace)
        experiment = client.get_experiment_by_name("toy")
        query = f"tags.`lblhep.launch` = '{outcome.id}'"
        return list(client.search_runs([experiment.experiment_id], query, max_results=1000))

    return runs_of


@pytest.fixture
def by_tag() -> Callable[[list[Run], str], dict[str, Run]]:
    """A function that returns the runs that bear a tag, by the tag's value."""

    def by_tag(runs: list[Run], tag: str) -> dict[str, Run]:
        return {run.data.tags[tag]: run for run in runs if tag in run.data.tags}

    return by_tag
