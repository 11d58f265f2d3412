"""SIGTERM, by which ``kill`` and batch systems stop a driver, brings the same clean end as Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM has stopped the driver."""


class Signals:
    """Sets what SIGTERM, and at the very end Ctrl-C too, does to a driver in the main thread."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """Let SIGTERM raise; called again once others, as Ray, may have put their own handler in place."""
        self._handle(signal.SIGTERM, _stop)

    def ignore_signals(self) -> None:
        """Ignore both, since the launch is over: nothing that comes now makes another end of it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._handle(number, signal.SIG_IGN)

    def restore(self) -> None:
        """Put back the handlers that were in place before."""
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def _handle(self, number: int, handler: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # a notebook's or a server's: theirs to stop
        self._before.setdefault(number, signal.getsignal(number))
        signal.signal(number, handler)


@contextmanager
def sigterm_interrupts() -> Iterator[Signals]:
    """Raise Terminated at the first SIGTERM; what was in place is put back at the end."""
    signals = Signals()
    signals.listen()
    try:
        yield signals
    finally:
        signals.restore()


def _stop(number: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would break off the clean end
    raise Terminated
