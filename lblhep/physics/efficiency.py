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
    signal: ArrayLike,
    background: ArrayLike,
    *,
    signal_weights: ArrayLike | None = None,
    background_weights: ArrayLike | None = None,
    precision: float = 0.2,
    points: int = 200,
) -> SicCurve:
    """The SIC at ``points`` signal efficiencies, evenly spaced, from the scores (n,) of labelled events.

    Points whose relative error of eps_B exceeds ``precision`` are left out (with unit weights and 0.2: fewer
    than 25 background events pass).  Errors are binomial, of both efficiencies.
    """
    s, ws = _sample(signal, signal_weights)
    b, wb = _sample(background, background_weights)
    order = np.argsort(s, kind="stable")
    above = np.cumsum(ws[order][::-1])[::-1] / ws.sum()  # share of the signal at or above each score
    wanted = np.linspace(1.0, 0.0, points, endpoint=False) * (1 - 1e-9)  # round-off moves no cut
    cuts = s[order][np.searchsorted(-above, -wanted, side="right") - 1]
    eps_s, var_s = _passing(s, ws, cuts)
    eps_b, var_b = _passing(b, wb, cuts)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = (eps_b > 0) & (np.sqrt(_relative_poisson(b, wb, cuts)) <= precision)
        sic = eps_s / np.sqrt(eps_b)
        error = sic * np.sqrt(var_s / eps_s**2 + var_b / eps_b**2 / 4)
    return SicCurve(eps_s[known], eps_b[known], sic[known], error[known])


def auc(
    signal: ArrayLike,
    background: ArrayLike,
    *,
    signal_weights: ArrayLike | None = None,
    background_weights: ArrayLike | None = None,
) -> tuple[float, float]:
    """Area under the ROC curve, ties counted half, and its standard error.

    The error is that of DeLong et al. (Biometrics 44 (1988) 837), extended to weights.
    """
    s, ws = _sample(signal, signal_weights)
    b, wb = _sample(background, background_weights)
    beaten, beating = _share_below(s, b, wb), 1 - _share_below(b, s, ws)
    area = float(np.average(beaten, weights=ws))
    variance = _variance_of_mean(beaten, ws) + _variance_of_mean(beating, wb)
    return area, float(np.sqrt(variance))


def _share_below(at: Floats, scores: Floats, weights: Floats) -> Floats:
    """The weighted share of ``scores`` below each value, equal ones counted half."""
    order = np.argsort(scores, kind="stable")
    cumulative = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
    low = cumulative[np.searchsorted(scores[order], at, side="left")]
    high = cumulative[np.searchsorted(scores[order], at, side="right")]
    return np.asarray(0.5 * (low + high))


def _passing(scores: Floats, weights: Floats, cuts: Floats) -> tuple[Floats, Floats]:
    """Weighted share of scores >= cut and its variance; for unit weights the binomial e (1 - e) / n."""
    (w1, w2), total = _sums_above(scores, weights, cuts), weights.sum()
    share = w1 / total
    variance = (w2 * (1 - share) ** 2 + ((weights**2).sum() - w2) * share**2) / total**2
    return share, variance


def _relative_poisson(scores: Floats, weights: Floats, cuts: Floats) -> Floats:
    """Squared relative error of the passing weight: 1 / (events that pass) for unit weights."""
    w1, w2 = _sums_above(scores, weights, cuts)
    return np.asarray(w2 / w1**2)


def _sums_above(scores: Floats, weights: Floats, cuts: Floats) -> tuple[Floats, Floats]:
    """Sums of w and w^2 over scores >= cut."""
    order = np.argsort(scores, kind="stable")
    first = np.searchsorted(scores[order], cuts, side="left")
    w = weights[order]
    w1, w2 = (np.concatenate([np.cumsum(x[::-1])[::-1], [0.0]]) for x in (w, w**2))
    return w1[first], w2[first]


def _variance_of_mean(values: Floats, weights: Floats) -> float:
    mean = np.average(values, weights=weights)
    n = weights.sum() ** 2 / (weights**2).sum()
    spread = (weights**2 * (values - mean) ** 2).sum() / weights.sum() ** 2
    return float(spread * n / (n - 1)) if n > 1 else float("nan")


def _sample(scores: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    s = np.asarray(scores, dtype=np.float64)
    w = np.ones_like(s) if weights is None else np.asarray(weights, dtype=np.float64)
    if s.ndim != 1 or not len(s) or s.shape != w.shape or np.isnan(s).any():
        raise ValueError("scores must be a sequence without NaN, with one weight each")
    if not (np.all(np.isfinite(w)) and np.all(w >= 0) and w.sum() > 0):
        raise ValueError("weights must be finite, not negative, and not all zero")
    return s, w
