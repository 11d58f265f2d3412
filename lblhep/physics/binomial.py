"""Compute ranges of a binomial count: what a correct share of k in n is consistent with.

The exact interval of a share that was measured is ``hist.intervals.clopper_pearson_interval``.
"""

from __future__ import annotations

from scipy.stats import binom


def expected_counts(probability: float, n: int, level: float = 0.95) -> tuple[int, int]:
    """Return the central range of k, ends included, that holds a correct share with at least ``level``.

    Raises ValueError if ``probability`` or ``level`` is none, or if ``n`` is not positive.

    >>> expected_counts(0.05, 400)  # so many of 400 correct p-values are below 0.05
    (12, 29)
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"{probability} is not a probability")
    if n < 1:
        raise ValueError(f"a share of {n} is no share")
    if not 0 < level < 1:
        raise ValueError(f"{level} is no confidence level")
    tail = (1 - level) / 2
    return int(binom.ppf(tail, n, probability)), int(binom.isf(tail, n, probability))
