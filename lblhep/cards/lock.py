"""Allow one maker at a time for one data set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lblhep import atomic
from lblhep.cards.disk import writing
from lblhep.errors import CardError


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock file ``path``; if another process holds it, wait for it or raise a CardError."""
    with ExitStack() as held:
        try:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(atomic.lock(path, wait=wait))
        except atomic.LockedError as holder:
            raise CardError(f"{path}: {holder} is at work on it; wait for it") from None
        yield
