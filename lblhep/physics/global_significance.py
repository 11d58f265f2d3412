"""A global p-value says how often the best of all windows and cuts looks this good without any signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hist.intervals import clopper_pearson_interval
from numpy.typing import ArrayLike
from scipy.stats import norm


@dataclass(frozen=True)
class GlobalP:
    """Holds a p-value counted from pseudo-experiments."""

    p: float  # (k + 1) / (n + 1): valid as it stands, and never 0
    low: float  # Clopper-Pearson interval of k / n at ``level``
    high: float
    level: float
    k: int  # pseudo-experiments at least as extreme
    n: int  # pseudo-experiments


def global_p_value(observed: float, pseudo: ArrayLike, level: float = 0.95) -> GlobalP:
    """Compare the observed largest local significance with those (n,) of null pseudo-experiments.

    Raises ValueError if any of them is NaN: a pseudo-experiment left out would bias the answer.

    >>> found = global_p_value(2.5, [1.0, 2.0, 3.0])
    >>> found.k, found.p
    (1, 0.5)
    """
    largest = np.asarray(pseudo, dtype=np.float64).ravel()
    if not len(largest) or np.isnan(largest).any() or np.isnan(observed):
        raise ValueError("a global p-value needs pseudo-experiments, each with a significance")
    k, n = int((largest >= observed).sum()), len(largest)
    low, high = clopper_pearson_interval(np.array(k), np.array(n), coverage=level)
    return GlobalP((k + 1) / (n + 1), float(low), float(high), level, k, n)


@dataclass(frozen=True)
class Extrapolation:
    """Holds a Gross-Vitells estimate, which is an extrapolation, not a measurement."""

    p: float
    error: float  # standard error from the spread of the upcrossings
    upcrossings: float  # mean number per pseudo-experiment at ``reference``
    reference: float  # standard deviations


def upcrossings(curves: ArrayLike, level: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how often each curve (pseudo-experiments, windows) rises through ``level`` from window to
    window.

    >>> upcrossings([[-1, 1, -1, 1], [1, 0.5, -1, -2]], level=0.0).tolist()
    [2, 0]
    """
    z = np.asarray(curves, dtype=np.float64)
    if z.ndim != 2 or np.isnan(z).any():
        raise ValueError("curves must be (pseudo-experiments, windows) and free of NaN")
    return np.asarray(((z[:, :-1] < level) & (z[:, 1:] >= level)).sum(axis=1), dtype=np.int64)


def gross_vitells(observed: float, curves: ArrayLike, reference: float = 0.0) -> Extrapolation:
    """Extrapolate the global p-value of ``observed`` (standard deviations) from a low reference level.

    p = p_local + <upcrossings at u0> exp(-(u^2 - u0^2) / 2), for the signed local significance u of one
    degree of freedom (Gross and Vitells, arXiv:1005.1891; Rice's rate for a Gaussian process).  Windows are
    discrete steps of that process and their upcrossings fall faster with u, so the extrapolation errs to the
    safe side.  A curve is one cut's: each cut needs a call of its own, and their p-values add up at most.

    >>> round(gross_vitells(3.0, [[-1, 1, -1, 1], [1, 0.5, -1, -2]]).p, 4)
    0.0125
    """
    if observed < reference:
        raise ValueError(f"cannot extrapolate from {reference} down to {observed}")
    count = upcrossings(curves, reference)
    factor = float(np.exp(-(observed**2 - reference**2) / 2))
    spread = float(count.std(ddof=1)) / np.sqrt(len(count)) if len(count) > 1 else np.nan
    p = min(1.0, float(norm.sf(observed)) + float(count.mean()) * factor)
    return Extrapolation(p, float(spread * factor), float(count.mean()), reference)
