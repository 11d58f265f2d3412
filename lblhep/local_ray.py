"""Start Ray on this machine, or join a cluster, for launches and for the production of data alike."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lblhep.errors import LaunchError
from lblhep.temporary import temporary_folder
from lblhep.waiting import WAIT_LIMIT_SECONDS, answer_of, waiting_for

POLL_SECONDS = 0.25
"""Seconds between two looks at what is waited for; Ctrl-C is heard in between."""


def cluster_address() -> str:
    """Return ``RAY_ADDRESS``, the cluster to join, or an empty text if Ray is to start on this machine."""
    address = os.environ.get("RAY_ADDRESS", "")
    return "" if address == "local" else address


@contextmanager
def ray_running(
    *, wait: float = WAIT_LIMIT_SECONDS, cpu: float = 1, gpu: float = 0, **options: Any
) -> Iterator[None]:
    """Start Ray for the ``with`` block, or join the cluster at ``RAY_ADDRESS``, unless this process has one.

    Args:
        wait: seconds that a cluster has to answer.
        cpu, gpu: what one task will ask for: a cluster is waited for, without limit, until it gives that.
        options: further arguments of ``ray.init`` for a Ray on this machine.

    Raises:
        LaunchError: the cluster does not answer, or Ray did not start in three attempts.
    """
    import ray

    if ray.is_initialized():
        yield
    elif address := cluster_address():
        _join(address, wait)
        try:
            _await_place(address, cpu, gpu)
            yield
        finally:
            ray.shutdown()
    else:
        with temporary_folder() as folder:
            _start(folder, options)
            try:
                yield
            finally:
                end_ray()


def _init(**options: Any) -> None:
    import ray

    ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)


def _start(folder: Path, options: dict[str, Any]) -> None:
    """Start Ray, if need be again: a machine under heavy load may need more than the 30 s it gives itself."""
    import ray

    with waiting_for("Ray to start on this machine"):
        for _ in range(3):
            try:
                _init(address="local", include_dashboard=False, _temp_dir=str(folder), **options)
            except Exception as error:  # Ray raises nothing more precise
                if "timed out during startup" not in str(error):
                    raise
                ray.shutdown()
            else:
                return
    raise LaunchError("Ray did not start: this machine is too busy; try again later, or run with --serial")


def _join(address: str, wait: float) -> None:
    what = f"the Ray cluster at {address}"
    try:
        if "://" not in address:  # Ray itself would wait for minutes
            answer_of(lambda: _ask(address, time.monotonic() + wait), what, wait)
        with waiting_for(what):
            _init()
    except Exception as error:  # Ray raises nothing more precise
        reason = " ".join(str(error).split())[:300]
        raise LaunchError(
            f"RAY_ADDRESS={address}: this cluster cannot be joined ({reason}); is it up, and reachable from "
            "here? --wait SECONDS waits longer; without RAY_ADDRESS, Ray is started on this machine"
        ) from error


def _ask(address: str, until: float) -> None:
    """Ask the cluster's control store for a sign of life until it gives one; each time it has 40 s."""
    from ray._private.services import canonicalize_bootstrap_address
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError, RpcError

    found = canonicalize_bootstrap_address(address)
    if found is None:  # "auto"
        raise ConnectionError("there is none on this machine")
    while True:
        try:
            GcsClient(address=found)
            return
        except AuthenticationError:  # an answer: Ray itself knows more ways to a token
            return
        except RpcError:
            if time.monotonic() > until:
                raise


def _await_place(address: str, cpu: float, gpu: float) -> None:
    """Wait until the cluster runs a task of this size: others may hold all of it, or it may have to grow."""
    import ray

    have, free = ray.cluster_resources(), ray.available_resources()
    sizes = [(wanted, name) for wanted, name in ((cpu, "CPU"), (gpu, "GPU")) if wanted]
    wanted = " and ".join(f"{size:g} {name}" for size, name in sizes)
    state = ", ".join(f"{free.get(name, 0):g} of {have.get(name, 0):g} {name}" for _, name in sizes)
    place = ray.remote(num_cpus=cpu, num_gpus=gpu)(lambda: None).remote()
    with waiting_for(f"a place ({wanted}) in the Ray cluster at {address}, where {state} are free"):
        while not ray.wait([place], timeout=POLL_SECONDS)[0]:
            pass


def died() -> str:
    """Return which of the processes that Ray needs on this machine has died; mostly an empty text."""
    from ray._private import worker

    node = worker._global_node
    dead = () if node is None else [kind for kind, _ in node.dead_processes()]
    return next((kind for kind in ("raylet", "gcs_server") if kind in dead), "")


def check_alive(advice: str) -> None:
    """Raise LaunchError if Ray died.

    Soon after its node has died, Ray ends this process from within, without a word: this must be quicker.

    Raises:
        LaunchError: Ray died; the message ends with the ``advice``.
    """
    if dead := died():
        raise LaunchError(f"Ray died (its process {dead} is gone: out of memory, perhaps); {advice}")


def end_ray() -> None:
    """End the Ray of this process; of one that died, what would wait a minute for it as the process ends."""
    import ray
    from ray._private import worker
    from ray.experimental import internal_kv

    if not died():
        ray.shutdown(wait_for_processes=True)
        return
    internal_kv._internal_kv_reset()  # where Tune would unregister its trainables
    if sys.excepthook is worker.custom_excepthook:  # which would tell the cluster of an error
        sys.excepthook = worker.normal_excepthook
