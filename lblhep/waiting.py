"""Wait for others: a line within five seconds says for what, and most waits have an end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WAIT_LIMIT_SECONDS = 60.0
"""Seconds to wait for a store or a cluster that does not answer, unless told otherwise."""

FIRST_LINE_SECONDS = 4.0  # seconds until the first line
NEXT_LINES_SECONDS = 30.0  # seconds between two lines


@contextmanager
def waiting_for(what: str, limit: float | None = None) -> Iterator[None]:
    """Say on standard error what is waited for, if the ``with`` block lasts so long that one would ask.

    Args:
        what: completes the sentence "waiting for ...".
        limit: after how many seconds the block ends by itself, to be said too.
    """
    over = threading.Event()
    at_most = "" if limit is None else f", at most {limit:g} s"

    def speak() -> None:
        begin, pause = time.monotonic(), FIRST_LINE_SECONDS
        while not over.wait(pause):
            so_far = time.monotonic() - begin
            print(f"waiting for {what}: {so_far:.0f} s so far{at_most}", file=sys.stderr, flush=True)
            pause = NEXT_LINES_SECONDS

    threading.Thread(target=speak, name="waiting", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def answer_of(call: Callable[[], T], what: str, limit: float) -> T:
    """Return what ``call`` returns, or raise what it raises.

    It runs in a thread, which is left to itself if it takes too long: libraries that wait for a server inside
    C or C++ cannot be interrupted.  Ctrl-C ends the waiting at once.

    Args:
        what: completes the sentence "waiting for ...".
        limit: seconds.

    Raises:
        TimeoutError: there was no answer within ``limit`` seconds.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # raised again in the caller's own thread, below
            errors.append(error)

    thread = threading.Thread(target=ask, name="asking", daemon=True)
    with waiting_for(what, limit):
        thread.start()
        thread.join(limit)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {limit:g} s")
    return answers[0]
