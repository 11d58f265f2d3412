"""What tests of several parts share: small workspaces, one Ray for the whole test process, a quick MLflow."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lblhep.launch.workers.tune import ENVIRONMENT
from lblhep.local_ray import ray_running
from lblhep.recipe import Recipe
from tests.budget import Budget

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
    config.pluginmanager.register(Budget(fails=bool(os.environ.get("CI"))), "budget of seconds")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes on two cores
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background; children would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the benchmarks unless they are named; assign tests to the processes of pytest-xdist.

    Tests that use Ray run in one process, one after the other, and so do the tests of one file.  Those that
    use Ray come first: the other processes share the files meanwhile.
    """
    if not any("benchmarks" in word for word in config.args):
        left_out = [item for item in items if item.get_closest_marker("benchmark")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        item.add_marker(pytest.mark.xdist_group("ray" if uses_ray(item) else item.nodeid.split("::")[0]))
    items.sort(key=lambda item: not uses_ray(item))


def uses_ray(item: pytest.Item) -> bool:
    """Whether a test is marked ``ray`` or asks for the session's Ray."""
    return item.get_closest_marker("ray") is not None or "ray_session" in getattr(item, "fixturenames", ())


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


def forget_modules(folder: Path) -> None:
    """Forget every imported module whose files lie below ``folder``, as a new process would."""
    within = f"{folder}{os.sep}"
    for name, module in list(sys.modules.items()):
        spec: Any = getattr(module, "__dict__", {}).get("__spec__")
        if spec is None or (spec.origin and not spec.origin.startswith(within)):
            continue
        places = [spec.origin] if spec.origin else [*(spec.submodule_search_locations or ())]
        if places and all(place.startswith(within) for place in places):
            del sys.modules[name]


@pytest.fixture
def own_modules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports from temporary folders is forgotten afterwards, and the path is as it was."""
    forget_modules(tmp_path_factory.getbasetemp())
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    forget_modules(tmp_path_factory.getbasetemp())


@pytest.fixture
def toy(
    tmp_path: Path, empty_store: Path, own_modules: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Recipe]:
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

    monkeypatch.syspath_prepend(str(workspace))
    return read


@pytest.fixture
def lock_holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds ``tmp_path/lock``."""
    hold = """
import sys, time
from pathlib import Path
from lblhep import atomic
with atomic.lock(Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", hold, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread: threads that wait for each other cost more than a small network does."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def apprentice() -> Iterator[ModuleType]:
    """Return pyapprentice 1.1 with the names that numpy 2 took from it; tests are skipped where it is absent.

    ``pip install --no-deps pyapprentice==1.1 --target DIR`` and ``PYTHONPATH=DIR`` let the comparisons run.
    """
    import numpy as np

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(np, "Infinity", np.inf, raising=False)
        patched.setattr(np, "float", float, raising=False)
        yield pytest.importorskip("apprentice")
