"""One maker at a time; a dead one does not hinder."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from lblhep.cards.lock import lock
from lblhep.errors import CardError


def test_a_second_maker_is_told_who_holds_it(tmp_path, lock_holder):
    with (
        pytest.raises(CardError, match=f"process {lock_holder.pid} on .* is at work"),
        lock(tmp_path / "lock", wait=False),
    ):
        pass


def test_a_killed_holder_holds_nothing(tmp_path, lock_holder):
    os.kill(lock_holder.pid, signal.SIGKILL)
    lock_holder.wait()
    with lock(tmp_path / "lock", wait=False):
        assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} on ")


def test_waiting(tmp_path, lock_holder):
    threading.Timer(0.3, lock_holder.kill).start()
    start = time.monotonic()
    with lock(tmp_path / "lock", wait=True):
        assert time.monotonic() - start >= 0.3


def test_it_can_be_taken_again(tmp_path):
    for _ in range(2):
        with lock(tmp_path / "lock", wait=False):
            pass
