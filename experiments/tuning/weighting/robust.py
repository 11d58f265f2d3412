"""Robust optimisation tunes for the worst data within the errors, and gives up bins that it cannot describe.

Every measured value may lie anywhere in its interval R_b +- k Delta R_b.  The worst values for a tune at p
make each residual r_b = (f_b(p) - R_b) / Delta R_b as large as it can be, |r_b| + k, so that

    min_{p, w}  sum_O w_O sum_{b in O} (|r_b(p)| + k)^2,     0 <= w_O <= 1,   sum_O w_O n_O = m sum_O n_O.

n_O is the number of bins of observable O, and the ``budget`` m in (0, 1], the hyperparameter, is the share
of the bins that must count: 1 gives equal weights; below, the observables that fit worst lose theirs.
arXiv:2103.05751 names robust optimisation; its formula was not at hand, so the form above is derived here.
It is least trimmed squares (Rousseeuw, J. Am. Stat. Assoc. 79 (1984) 871) with whole observables trimmed
and a linear residual added by the intervals.

It is solved as a joint problem in (p, w) by turns, each of which can only lower the function: with p held
the weights are a linear programme whose solution is a sort (the cheapest observables first, the last one in
part); with w held p is found by L-BFGS-B with the analytic gradient, |r| rounded off at 0.  Turns from many
starts, and from the plain fit, because the whole is not convex.  A budget below 1 gives up its share of the
observables even if all of them are described: it says how many you distrust, it does not find that out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from experiments.tuning.weighting.outer import TABLE
from lblhep.annotations import Floats
from lblhep.surrogates import Chi2, Surrogate, tune

PULL_ROUNDING = 1e-3  # of |r|: far below the data's error, wide enough for a gradient
MAX_TURNS = 50


@dataclass(frozen=True, eq=False)
class RobustTune:
    """A robust tune has weights of the observables (O,) in the bins' order, a ``point`` (d,) and minimum."""

    weights: Floats
    point: Floats
    minimum: float


def robust_weights(
    bins: pd.DataFrame,
    surrogates: Surrogate,
    *,
    budget: float,
    interval: float = 1.0,
    starts: int = 20,
    seed: int = 0,
) -> RobustTune:
    """Minimise the function above.

    Args:
        bins: the measured bins (B rows), with ``value``, ``error`` and the columns ``TABLE``.
        surrogates: the surrogates of these bins.
        budget: m, the share of the bins that must count, in (0, 1].
        interval: k, half the interval of each measured value in units of its error.
        starts: points of the box, beside the plain fit, from which the turns start.
        seed: of the starts.

    Returns:
        The lowest minimum found.

    Raises:
        ValueError: if ``budget`` is not in (0, 1].
    """
    if not 0 < budget <= 1:
        raise ValueError(f"budget={budget} is the share of the bins that must count: it lies in (0, 1]")
    problem = _RobustChi2(bins, surrogates, budget, interval)
    plain = tune(Chi2(surrogates, bins["value"], errors=bins["error"]), starts=starts, seed=seed)
    first = [plain.values, *surrogates.box.latin_hypercube(starts, seed)]
    return min((problem.by_turns(point) for point in first), key=lambda found: found.minimum)


def cheapest(costs: Floats, sizes: Floats, budget: float) -> Floats:
    """Return the weights (O,) in [0, 1] of least ``weights @ costs``.

    They satisfy ``weights @ sizes = budget * sizes.sum()``.
    """
    order = np.argsort(costs / sizes, kind="stable")
    used_before = np.cumsum(sizes[order]) - sizes[order]
    weights = np.empty_like(costs)
    weights[order] = np.clip((budget * sizes.sum() - used_before) / sizes[order], 0, 1)
    return weights


class _RobustChi2:
    """The class holds the function, its gradient in scaled parameters x in [-1, 1], and the turns."""

    def __init__(self, bins: pd.DataFrame, surrogates: Surrogate, budget: float, interval: float) -> None:
        self.surrogates, self.budget, self.interval = surrogates, budget, interval
        self.value, self.error = bins["value"].to_numpy(), bins["error"].to_numpy()
        self.owner = bins.groupby(TABLE, sort=False).ngroup().to_numpy()
        self.sizes = np.bincount(self.owner).astype(np.float64)

    def by_turns(self, point: Floats) -> RobustTune:
        """Fit parameters, then weights, until the weights stay; each turn goes down, so none comes back."""
        weights = self._weigh(point)
        for _ in range(MAX_TURNS):
            point, before = self._move(point, weights), weights
            weights = self._weigh(point)
            if np.array_equal(weights, before):
                break
        return RobustTune(weights, point, float(weights @ self._costs(point)))

    def _weigh(self, point: Floats) -> Floats:
        return cheapest(self._costs(point), self.sizes, self.budget)

    def _costs(self, point: Floats) -> Floats:
        """Return the worst-case chi2 of each observable (O,)."""
        r = (self.surrogates.values(point) - self.value) / self.error
        return np.bincount(self.owner, (_rounded(r) + self.interval) ** 2).astype(np.float64)

    def _move(self, point: Floats, weights: Floats) -> Floats:
        """Return the parameters that fit best with these weights, from ``point`` on."""
        box, weight = self.surrogates.box, weights[self.owner]

        def function(x: Floats) -> tuple[float, Floats]:
            p = box.unscale(x)
            r = (self.surrogates.values(p) - self.value) / self.error
            worst = _rounded(r) + self.interval
            outer = 2 * weight * worst * r / _rounded(r) / self.error
            return float(weight @ worst**2), (outer @ self.surrogates.gradients(p)) * box.half_width

        found = minimize(function, box.scale(point), jac=True, method="L-BFGS-B", bounds=[(-1, 1)] * len(box))
        return box.unscale(np.clip(found.x, -1, 1))


def _rounded(r: Floats) -> Floats:
    """Return |r| without its edge at 0."""
    return np.sqrt(r**2 + PULL_ROUNDING**2)
