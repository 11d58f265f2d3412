"""One maker at a time for one data set."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lblhep.cards.disk import writing
from lblhep.errors import CardError

POLL_SECONDS = 0.2


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock file ``path``; if another process holds it, wait for it or raise a CardError.

    The lock is the kernel's (``flock``): it ends with its process, however that dies, so there are no stale
    locks.  The file's text only tells people who holds it, and the file stays: removing it would let two
    processes lock two different files of one name.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    with file:
        while not _taken(file.fileno()):
            if not wait:
                file.seek(0)
                raise CardError(
                    f"{path}: {file.read().strip() or 'another process'} is at work on it; wait for it"
                )
            time.sleep(POLL_SECONDS)
        with writing(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
