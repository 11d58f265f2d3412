"""A data set is produced in event ranges, which this module describes.

A production of N events is cut into consecutive ranges.  Each range has a random seed that depends only on
the source's own seed and on the range's first event, so its content is the same whoever makes it, in
whatever order and beside however many others.  (The idea is that of the ATLAS Event Service, doi:
10.1088/1742-6596/664/6/062065: fine-grained, restartable work with no shared state.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EventRange:
    """Names the events ``start <= i < stop`` of one source, with the seed that makes them.

    >>> len(EventRange(start=10, stop=25, seed=7))
    15
    """

    start: int
    stop: int
    seed: int

    def __len__(self) -> int:
        return self.stop - self.start

    def generator(self) -> np.random.Generator:
        """Return the range's own random stream (for smearing, sampling, splitting)."""
        return np.random.default_rng(self.seed)


def cut(*, first: int, events: int, size: int, seed: int) -> Iterator[EventRange]:
    """Cut numbered events into ranges.

    Args:
        first: the number of the first event.
        events: how many events there are.
        size: the most events of a range.
        seed: the source's seed.

    >>> [(part.start, part.stop) for part in cut(first=0, events=25, size=10, seed=1)]
    [(0, 10), (10, 20), (20, 25)]
    """
    for start in range(first, first + events, size):
        yield EventRange(start, min(start + size, first + events), range_seed(seed, start))


def range_seed(seed: int, start: int) -> int:
    """Derive a 63-bit seed from the source's seed and the range's first event.

    A hash, not a sum: neighbouring ranges, and sources whose seeds differ by one, must not share streams.
    """
    digest = hashlib.sha256(f"lblhep/event-range:{seed}:{start}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
