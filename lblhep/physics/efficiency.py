"""How well a score separates signal from background: SIC curve and area under the ROC curve.

The significance improvement characteristic (arXiv:1001.4773) is eps_S / sqrt(eps_B) of a cut on the score:
the factor by which the cut raises S / sqrt(B).  Scores are higher for signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SicCurve:
    """Cuts from loose to tight, each array (points,); only where eps_B is known precisely enough."""

    signal_efficiency: Floats
    background_efficiency: Floats
    sic: Floats
    error: Floats  # standard error of sic

    def best(self) -> tuple[float, float, float]:
        """(largest sic, its error, signal efficiency there).

        The largest of many is biased upwards by its own fluctuation: to be free of that, choose the cut on
        one sample and read `at` on another.
        """
        i = int(self.sic.argmax())
        return float(self.sic[i]), float(self.error[i]), float(self.signal_efficiency[i])

    def at(self, signal_efficiency: ArrayLike) -> Floats:
        """sic at given signal efficiencies by interpolation; NaN where the curve does not reach."""
        x, y = self.signal_efficiency[::-1], self.sic[::-1]
        return np.interp(np.asarray(signal_efficiency, dtype=np.float64), x, y, left=np.nan, right=np.nan)


def sic_curve(
    signal: ArrayLike, background: ArrayLike, *, precision: float = 0.2, points: int = 200
) -> SicCurve:
    """The SIC at ``points`` signal efficiencies, evenly spaced, from the scores (n,) of labelled events.

    Points whose relative error of eps_B exceeds ``precision`` are left out (with 0.2: fewer than 25
    background events pass).  Errors are binomial, of both efficiencies.
    """
    s, b = np.sort(_sample(signal)), np.sort(_sample(background))
    wanted = np.linspace(1.0, 0.0, points, endpoint=False) * (1 - 1e-9)  # round-off moves no cut
    cuts = s[len(s) - np.ceil(wanted * len(s)).astype(int)]  # as many pass as are wanted, and equal scores
    eps_s, eps_b = _share_passing(s, cuts), _share_passing(b, cuts)
    known = eps_b * len(b) >= 1 / precision**2
    eps_s, eps_b = eps_s[known], eps_b[known]
    sic = eps_s / np.sqrt(eps_b)
    error = sic * np.sqrt((1 - eps_s) / (eps_s * len(s)) + (1 - eps_b) / (4 * eps_b * len(b)))
    return SicCurve(eps_s, eps_b, sic, error)


def auc(signal: ArrayLike, background: ArrayLike) -> tuple[float, float]:
    """Area under the ROC curve of scores (n,), ties counted half, and its standard error.

    The error is that of DeLong et al. (Biometrics 44 (1988) 837).
    """
    s, b = _sample(signal), _sample(background)
    beaten, beating = _share_below(s, np.sort(b)), 1 - _share_below(b, np.sort(s))
    variance = sum(x.var(ddof=1) / len(x) if len(x) > 1 else np.nan for x in (beaten, beating))
    return float(beaten.mean()), float(np.sqrt(variance))


def _share_passing(scores: Floats, cuts: Floats) -> Floats:
    """The share of sorted ``scores`` at or above each cut."""
    return 1 - np.searchsorted(scores, cuts, side="left") / len(scores)


def _share_below(at: Floats, scores: Floats) -> Floats:
    """The share of sorted ``scores`` below each value, equal ones counted half."""
    low, high = (np.searchsorted(scores, at, side=side) for side in ("left", "right"))
    return np.asarray((low + high) / (2 * len(scores)))


def _sample(scores: ArrayLike) -> Floats:
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 1 or not len(s) or np.isnan(s).any():
        raise ValueError("scores must be a sequence without NaN")
    return s
