"""What tests of several parts share: small workspaces, one Ray for the whole test process, a quick MLflow."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lblhep.launch.workers.tune import ENVIRONMENT
from lblhep.local_ray import ray_running
from lblhep.recipe import Recipe

NOISE = (
    # Deprecations inside the packages, which users do not see and we cannot mend.
    "ignore:The ``noload`` loader strategy is deprecated",  # mlflow 3.17 with SQLAlchemy 2.1
    "ignore:'imghdr' is deprecated:DeprecationWarning",  # apprise 2.2 by way of pgpy
    "ignore:subprocess .* is still running:ResourceWarning",  # Ray, after a start that took it too long
)
TOY = Path(__file__).parent / "toy"


def pytest_configure(config: pytest.Config) -> None:
    for line in NOISE:
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray, started at first use: every launch of the test process runs on it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with ray_running(num_cpus=2):
            yield


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty MLflow database: making one takes seconds, copying it none."""
    from lblhep.tracking.store import connect, database

    workspace = tmp_path_factory.mktemp("store")
    connect(workspace)
    whole = workspace / "whole.db"
    with closing(sqlite3.connect(database(workspace))) as connection:
        connection.execute(
            "VACUUM INTO ?", [str(whole)]
        )  # the file alone lacks what is in the write-ahead log
    return whole


@pytest.fixture
def toy(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """A workspace with the study ``toy``; call it for a recipe: ``toy("scan", "task.seconds=1")``."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workspace = tmp_path / "workspace"
    for folder in ("data_cards", "mlruns", "experiments/toy", "recipes"):
        (workspace / folder).mkdir(parents=True)
    shutil.copy(TOY / "tasks.py", workspace / "experiments" / "toy")
    shutil.copy(empty_store, workspace / "mlruns" / "mlflow.db")
    for path in TOY.glob("*.yaml"):
        shutil.copy(path, workspace / "recipes")

    def read(name: str, *overrides: str) -> Recipe:
        return Recipe.read(workspace / "recipes" / f"{name}.yaml", overrides)

    for name in [name for name in sys.modules if name.startswith("experiments.toy")]:
        del sys.modules[name]  # of another test's workspace
    monkeypatch.syspath_prepend(str(workspace))
    return read


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Of torch: threads that wait for each other cost more than small networks' arithmetic."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
