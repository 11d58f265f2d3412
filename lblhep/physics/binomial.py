"""Exact intervals for a share of k in n."""

from __future__ import annotations

from scipy.stats import beta, binom


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact central interval of a binomial probability (Biometrika 26 (1934) 404)."""
    _check(k, n, level)
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.isf(tail, k + 1, n - k))
    return low, high


def expected_counts(probability: float, n: int, level: float = 0.95) -> tuple[int, int]:
    """The central range of k, ends included, that holds a correct share with at least ``level``."""
    if not 0 <= probability <= 1:
        raise ValueError(f"{probability} is not a probability")
    _check(0, n, level)
    tail = (1 - level) / 2
    return int(binom.ppf(tail, n, probability)), int(binom.isf(tail, n, probability))


def _check(k: int, n: int, level: float) -> None:
    if not (0 <= k <= n and n >= 1):
        raise ValueError(f"{k} of {n} is no share")
    if not 0 < level < 1:
        raise ValueError(f"{level} is no confidence level")
