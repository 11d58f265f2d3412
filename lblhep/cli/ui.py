"""``lblhep ui``: open MLflow's pages for the workspace's runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Annotated

import typer

from lblhep.cli.console import say
from lblhep.cli.faults import stop
from lblhep.cli.workspace import workspace_here

HOST = "127.0.0.1"  # this machine alone; to look from elsewhere, forward the port through ssh


def ui(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The port; the next free one if it is taken.")
    ] = 5000,
) -> None:
    """Open the MLflow UI on this machine (127.0.0.1 only); Ctrl-C ends it."""
    from lblhep.tracking import pages, shown_uri, tracking_uri

    workspace = workspace_here()
    # Makes a database that is not there yet; of a broken one says what MLflow would not.
    found = pages(workspace)
    free = _free_port(port)
    say(f"runs of {shown_uri(workspace)}")
    say("in a few seconds, open one of these (Ctrl-C ends it):")
    for name, page in found.items():
        say(f"  {name}: http://{HOST}:{free}/{page}")
    # One person looks: one worker, and none of MLflow's job runners, start in a quarter of the time.
    server = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(free), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment["MLFLOW_BACKEND_STORE_URI"] = tracking_uri(workspace)  # as an argument all users would see it
    # A session of its own: whatever ends this command, the server's own children end with it.
    running = subprocess.Popen(server, env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        ended = running.wait()
    except KeyboardInterrupt:
        return
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
    if ended:
        stop(f"mlflow ui ended with exit code {ended}", 1)


def _free_port(first: int) -> int:
    """Return ``first``, or the next port that nobody listens on."""
    for port in range(first, min(first + 100, 65536)):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    return first
