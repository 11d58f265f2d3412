"""One maker at a time; a dead one does not hinder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lblhep.cards.lock import lock
from lblhep.errors import CardError

HOLD = """
import sys, time
from pathlib import Path
from lblhep.cards.lock import lock
with lock(Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds ``tmp_path/lock``."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_maker_is_told_who_holds_it(tmp_path, holder):
    with (
        pytest.raises(CardError, match=f"process {holder.pid} on .* is at work"),
        lock(tmp_path / "lock", wait=False),
    ):
        pass


def test_a_killed_holder_holds_nothing(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with lock(tmp_path / "lock", wait=False):
        assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} on ")


def test_waiting(tmp_path, holder):
    threading.Timer(0.3, holder.kill).start()
    start = time.monotonic()
    with lock(tmp_path / "lock", wait=True):
        assert time.monotonic() - start >= 0.3


def test_it_can_be_taken_again(tmp_path):
    for _ in range(2):
        with lock(tmp_path / "lock", wait=False):
            pass
