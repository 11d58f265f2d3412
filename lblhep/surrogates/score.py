"""Noise in the surrogates' slopes biases a fit; here are two ways to be right in spite of it.

With residuals r = f(p) - d at the true p, cov r = Sigma, and slopes J of surrogates that were fitted to a
noisy grid, values and slopes fluctuate together: A_j = cov(df/dp_j, f), half the slope of the surrogates' own
variance.  A fit that takes J for exact has the score J^T Sigma^-1 r, whose mean is tr(Sigma^-1 A): it is
drawn to where the surrogates' variance is small, the middle of the box, and every further bin draws more.
With

    J*_j = J_j - A_j Sigma^-1 r,

the part of the slopes that is independent of r, the score s = J*^T Sigma^-1 r has mean zero and, given J*,
the covariance V = J*^T Sigma^-1 J*, however noisy the slopes are.  And s is half the gradient of r^T
Sigma(p)^-1 r *without* ln det Sigma: that is chi2 with the surrogates' coefficients as nuisance parameters,
profiled.  (A flat prior on the coefficients, integrated out, adds ln det Sigma, whose slope is the same bias
again.)  So

* minimise chi2 with ``fit_covariance`` and without ``log_det``;
* take H^-1 V H^-1 with H = half its Hessian for the covariance of the parameters: V holds the slopes' noise,
  H does not (``Tune.covariance``);
* or ask ``Score.statistic`` at a stated point: a chi2 variable of d degrees of freedom at any noise.

Econometrics knows this as the continuous-updating estimator with many weak instruments: Kleibergen,
Econometrica 73 (2005) 1103 for s, V and the statistic; Newey and Windmeijer, Econometrica 77 (2009) 687 for
the covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lblhep.annotations import Floats
from lblhep.surrogates.objective import Chi2


@dataclass(frozen=True, eq=False)
class Score:
    """A score has ``value`` s (d,) at a point and its covariance ``variance`` V (d, d)."""

    value: Floats
    variance: Floats

    @property
    def statistic(self) -> float:
        """Return s^T V^-1 s: at the true point a chi2 variable with one degree of freedom a parameter."""
        return float(self.value @ np.linalg.solve(self.variance, self.value))


def score(objective: Chi2, point: ArrayLike) -> Score:
    """Return the score at a point (d,), of slopes freed from their correlation with the residuals.

    Raises ValueError for an objective with ln det Sigma, whose gradient this is not.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> chi2 = Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1])
    >>> round(score(chi2, [0.7]).statistic, 6)
    4.0
    """
    if objective.log_det:
        raise ValueError("the score is that of chi2 without ln det Sigma: Chi2(..., log_det=False)")
    p = np.asarray(point, dtype=np.float64)
    residuals, slopes = objective.residuals(p)
    solve = objective.solver(p)
    z = solve(residuals[:, None])[:, 0]
    if objective.sigma.fit_covariance:
        values, derivatives = objective.surrogate.loadings(p)  # U (B, N), dU (B, N, d)
        # A_j z = (C * dU_j U^T) z, of which no (B, B) matrix but C is needed for each parameter.
        shared = np.einsum("bij,ci->bcj", derivatives, values, optimize=True)
        slopes = slopes - np.einsum("bc,bcj,c->bj", objective.sigma.correlation, shared, z, optimize=True)
    return Score(slopes.T @ z, slopes.T @ solve(slopes))


def slope_noise(objective: Chi2, point: ArrayLike) -> Floats:
    """Return the share (d,) of what seems to be known of each parameter that is noise of the slopes.

    tr(Sigma^-1 cov J_j) / (J^T Sigma^-1 J)_jj: 0 for exact surrogates, near 1 where the bins' dependence on a
    parameter is made up by fluctuations of the grid.  A fit that takes the surrogates for exact is pulled to
    the middle of the box by about this share.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> chi2 = Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1])
    >>> slope_noise(chi2, [0.7]).round(6).tolist()  # two bins, slopes of variance 0.1**2 / 2
    [0.01]
    """
    p = np.asarray(point, dtype=np.float64)
    _, slopes = objective.residuals(p)
    _, derivatives = objective.surrogate.loadings(p)
    derivatives = objective.root_weights[:, None, None] * derivatives
    precision = objective.solver(p)(np.eye(len(slopes)))
    correlated = precision * objective.sigma.correlation
    noise = np.einsum("bc,bij,cij->j", correlated, derivatives, derivatives, optimize=True)
    return np.asarray(noise / np.einsum("bj,bc,cj->j", slopes, precision, slopes, optimize=True))


def grid_noise(objective: Chi2, point: ArrayLike, hessian_covariance: Floats) -> Floats:
    """Return the covariance (d, d) of the minimum at ``point`` over grids that differ by their events alone.

    For a chi2 that takes the surrogates for exact.  A change of the grid moves values and slopes, the
    gradient J^T Sigma^-1 r by J^T Sigma^-1 df + dJ^T Sigma^-1 r, and the minimum by H^-1 of that;
    ``hessian_covariance`` (d, d) is H^-1 (``Tune.hessian_covariance``).  Linear in the noise.  Raises
    ValueError for a chi2 with the surrogates' covariance: ``Tune.covariance`` holds it with the data's.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> chi2 = Chi2(fit_polynomials(grid, 1), data=[1.0, 1.0], errors=[0.1, 0.1])
    >>> noise = grid_noise(chi2, [1.0], hessian_covariance=np.array([[0.01]]))
    >>> (noise * 300).round(6).tolist()  # the mean of three points: 0.1**2 / 3
    [[1.0]]
    """
    if not objective.sigma.constant:
        raise ValueError("this chi2 counts the grid's noise already: see Tune.covariance")
    p = np.asarray(point, dtype=np.float64)
    residuals, slopes = objective.residuals(p)
    solve, weights = objective.solver(p), objective.root_weights
    values, derivatives = objective.surrogate.loadings(p)  # (B, N), (B, N, d)
    per_value, z = solve(slopes) * weights[:, None], solve(residuals[:, None])[:, 0] * weights
    moved = per_value[:, None] * values[:, :, None] + z[:, None, None] * derivatives  # (B, N, d)
    spread = np.einsum("bij,bc,cik->jk", moved, objective.sigma.correlation, moved, optimize=True)
    return np.asarray(hessian_covariance @ spread @ hessian_covariance)
