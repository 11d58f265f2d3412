"""Measure how well a score separates signal from background, by the SIC curve.

The significance improvement characteristic (arXiv:1001.4773) is eps_S / sqrt(eps_B) of a cut on the score:
the factor by which the cut raises S / sqrt(B).  Scores are higher for signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lblhep.annotations import Floats


@dataclass(frozen=True)
class SicCurve:
    """Holds the SIC of cuts from loose to tight, each array (points,), only where eps_B is known precisely
    enough."""

    signal_efficiency: Floats
    background_efficiency: Floats
    sic: Floats
    error: Floats  # standard error of sic

    def best(self) -> tuple[float, float, float]:
        """Return the largest SIC, its error, and the signal efficiency there.

        The largest of many is biased upwards by its own fluctuation: to be free of that, choose the cut on
        one sample and read ``at`` on another.
        """
        i = int(self.sic.argmax())
        return float(self.sic[i]), float(self.error[i]), float(self.signal_efficiency[i])

    def at(self, signal_efficiency: ArrayLike) -> Floats:
        """Return the SIC at given signal efficiencies by interpolation; NaN where the curve does not
        reach."""
        x, y = self.signal_efficiency[::-1], self.sic[::-1]
        return np.interp(np.asarray(signal_efficiency, dtype=np.float64), x, y, left=np.nan, right=np.nan)


def sic_curve(
    signal: ArrayLike, background: ArrayLike, *, precision: float = 0.2, points: int = 200
) -> SicCurve:
    """Compute the SIC, with binomial errors of both efficiencies, from the scores of labelled events.

    Args:
        signal: scores of signal events.
        background: scores of background events.
        precision: points whose relative error of eps_B exceeds it are left out (with 0.2: fewer than 25
            background events pass).
        points: how many signal efficiencies there are, evenly spaced.

    >>> rng = np.random.default_rng(1)
    >>> largest, error, efficiency = sic_curve(rng.normal(2, 1, 5000), rng.normal(0, 1, 5000)).best()
    >>> 3 < largest < 5
    True
    """
    s, b = np.sort(_sample(signal)), np.sort(_sample(background))
    wanted = np.linspace(1.0, 0.0, points, endpoint=False) * (1 - 1e-9)  # round-off moves no cut
    cuts = s[len(s) - np.ceil(wanted * len(s)).astype(int)]  # as many pass as are wanted, and equal scores
    signal_passing, passing = _passing(s, cuts), _passing(b, cuts)
    known = passing * precision**2 >= 1 - 1e-9
    eps_s, eps_b = signal_passing[known] / len(s), passing[known] / len(b)
    sic = eps_s / np.sqrt(eps_b)
    error = sic * np.sqrt((1 - eps_s) / signal_passing[known] + (1 - eps_b) / (4 * passing[known]))
    return SicCurve(eps_s, eps_b, sic, error)


def _passing(scores: Floats, cuts: Floats) -> NDArray[np.int64]:
    """Return how many of the sorted ``scores`` lie at or above each cut."""
    return np.asarray(len(scores) - np.searchsorted(scores, cuts, side="left"), dtype=np.int64)


def _sample(scores: ArrayLike) -> Floats:
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 1 or not len(s) or np.isnan(s).any():
        raise ValueError("scores must be a sequence without NaN")
    return s
