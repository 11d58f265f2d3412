"""Clusters that do not answer and clusters without a free place, each in processes of their own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lblhep.errors import LaunchError
from lblhep.local_ray import ray_running

pytestmark = pytest.mark.ray

JOIN = """
import sys, time
import ray
from lblhep.errors import LaunchError
from lblhep.local_ray import ray_running
begin = time.monotonic()
try:
    with ray_running(wait=float(sys.argv[1])):
        print("joined", ray.cluster_resources()["CPU"])
except LaunchError as error:
    print(error)
print(f"{time.monotonic() - begin:.1f}")
"""

FULL = """
import sys, time
from pathlib import Path
from lblhep.local_ray import ray_running

def hold(path):
    while not Path(path).exists():
        time.sleep(0.1)

with ray_running(num_cpus=1):
    import ray
    held = ray.remote(num_cpus=1)(hold).remote(sys.argv[1])
    while ray.available_resources().get("CPU", 0):
        time.sleep(0.1)
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """For the processes: a cache and a token of their own."""
    ours = {"LBLHEP_CACHE": str(tmp_path / "cache"), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "toy" * 12}
    others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return others | ours


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The cluster's only CPU is held until this file is there."""
    return tmp_path / "release"


@pytest.fixture
def full_cluster(environment: dict[str, str], release: Path) -> Iterator[str]:
    """The address of a cluster whose only CPU is taken."""
    command = [sys.executable, "-c", FULL, str(release)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as head:  # type: ignore[call-overload]
        yield head.stdout.readline().strip()
        head.stdin.close()


def join(address: str, wait: float, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", JOIN, str(wait)],
        env=environment | {"RAY_ADDRESS": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow("Ray waits for the cluster for 6 s and needs more to give up")
def test_a_cluster_that_does_not_answer(environment: dict[str, str]):
    """A line, and an end when it was told to end."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as black_hole:
        address = f"127.0.0.1:{black_hole.getsockname()[1]}"
        told, said = join(address, 6, environment).communicate()
    *message, seconds = told.splitlines()
    assert message[0].startswith(
        f"RAY_ADDRESS={address}: this cluster cannot be joined (no answer within 6 s)"
    )
    assert float(seconds) < 18
    assert re.search(rf"^waiting for the Ray cluster at {address}: \d+ s so far, at most 6 s$", said, re.M)


@pytest.mark.slow("starts a cluster and a process that joins it")
def test_a_cluster_without_a_free_place_is_waited_for(
    full_cluster: str, release: Path, environment: dict[str, str]
):
    """Longer than it has to answer: it does answer."""
    joining = join(full_cluster, 1, environment)
    assert joining.stderr is not None
    line = next((line for line in joining.stderr if line.startswith("waiting for a place")), "")
    place = rf"\(1 CPU\) in the Ray cluster at {full_cluster}, where 0 of 1 CPU are free"
    assert re.search(rf"{place}: \d+ s so far\n$", line)
    assert joining.poll() is None
    release.touch()
    told, _ = joining.communicate()
    assert told.splitlines()[0] == "joined 1.0"


def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "nonsense")
    with pytest.raises(LaunchError, match=r"^RAY_ADDRESS=nonsense: .*Invalid address"), ray_running():
        pass
