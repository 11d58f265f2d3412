"""SIGTERM, by which ``kill`` and batch systems stop a driver: the same clean end as by Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def sigterm_interrupts() -> Iterator[Callable[[], None]]:
    """Raise Terminated at the first SIGTERM.

    Yields:
        What to call once others may have put their own handler in place, as Ray does when it starts.
    """
    if (
        threading.current_thread() is not threading.main_thread()
    ):  # a notebook's or a server's: theirs to stop
        yield lambda: None
        return
    before = signal.getsignal(signal.SIGTERM)
    _listen()
    try:
        yield _listen
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _listen() -> None:
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would break off the clean end
    raise Terminated
