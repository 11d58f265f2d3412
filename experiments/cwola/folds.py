"""Assign cross-validation folds by a hash of the parent event.

A bootstrap, or an injection with replacement, holds the same event several times.  If its copies fell into
different folds, a network would be tested on events that it has learned by heart and would find an excess of
many standard deviations where there is none.  So the fold is a function of the parent event's number alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEST_FOLDS = 5
VALIDATION_FOLDS = 4  # the folds that remain when one is set aside for the test


def fold_of(event: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the fold 0 ... 4 of each parent event: its hash modulo 5.

    A hash rather than ``event % 5``: productions come in ranges, and a remainder would follow any pattern
    in how events are numbered.
    """
    return (event_hash(event) % np.uint64(TEST_FOLDS)).astype(np.int8)


def event_hash(event: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return a number for each event that knows nothing of its place or process (splitmix64's finaliser)."""
    with np.errstate(over="ignore"):
        x = event.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(x ^ (x >> np.uint64(31)))


def validation_fold(test_fold: int, subfold: int) -> int:
    """Return the fold that ``subfold`` 0 ... 3 validates on when ``test_fold`` is set aside."""
    if not (0 <= test_fold < TEST_FOLDS and 0 <= subfold < VALIDATION_FOLDS):
        raise ValueError(
            f"fold {test_fold} must be below {TEST_FOLDS} and subfold {subfold} below {VALIDATION_FOLDS}"
        )
    return (test_fold + 1 + subfold) % TEST_FOLDS
