"""Compute chi2 between measured bins and surrogates, plain or with the covariance of the Monte Carlo.

With residuals r_b = sqrt(w_b) (f_b(p) - d_b) and Sigma(p) of ``sigma``, which holds the data's covariance
and, if asked for, that of a Monte Carlo sample and that of the surrogates' own fit,

    chi2(p) = r^T Sigma(p)^-1 r   [+ ln det Sigma(p)].

The variance of a Monte Carlo sample at p is a property of p: there ln det Sigma normalises the likelihood,
and without it the fit leans towards large variance.  The surrogates' own covariance is another matter: it
belongs to noise that is the same whatever p is, and ln det Sigma biases the fit (``score``).  A weight other
than 1 makes this no chi2 variable and 2 H^-1 no covariance; bins of weight 0 are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from lblhep.annotations import Floats
from lblhep.surrogates.box import Box
from lblhep.surrogates.covariance import Sigma
from lblhep.surrogates.grid import checked_correlation
from lblhep.surrogates.surrogate import Surrogate

GRADIENT_STEP = 1e-4  # of the box's width, for the derivative of the analytic gradient


@dataclass(frozen=True, eq=False)
class Expansion:
    """An expansion at S points has ``value`` (S,), ``gradient`` (S, d) and the Gauss-Newton ``curvature``."""

    value: Floats
    gradient: Floats
    curvature: Floats


class Chi2:
    """Chi2 is the function above, of parameters in their own units.

    The plain form is vectorised over points; the others factorise Sigma at each.

    Args:
        surrogate: the surrogates of B bins.
        data: the measured values, (B,).
        errors: their standard errors, (B,); give either these or ``covariance``.
        covariance: the data's covariance, (B, B).
        weights: of the squared residuals, (B,); bins of weight 0 are left out.
        variance: Monte Carlo variance v_b(p), (B,) or a surrogate of it.
        variance_floor: what the variance is at least, a number or (B,).  A bin that no event filled has an
            estimate of 0, and a surrogate can fall below 0, so give the variance of about one event.
        correlation: C of the bins at one point, (B, B); the grid's, or independent bins, if None.
        fit_covariance: whether the covariance of the surrogates' fit is added.
        log_det: whether ln det Sigma is added.

    Raises:
        ValueError: for shapes that do not fit, numbers that are not finite, errors that are not positive.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> chi2 = Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1])
    >>> float(chi2([0.7]).round(6))
    4.0
    """

    def __init__(
        self,
        surrogate: Surrogate,
        data: ArrayLike,
        *,
        errors: ArrayLike | None = None,
        covariance: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        variance: Surrogate | ArrayLike | None = None,
        variance_floor: ArrayLike = 0.0,
        correlation: ArrayLike | None = None,
        fit_covariance: bool = False,
        log_det: bool = False,
    ) -> None:
        bins = surrogate.bins
        given = _vector(np.ones(bins) if weights is None else weights, bins, "weights")
        if (given < 0).any() or not given.any():
            raise ValueError("weights cannot be negative, nor all 0")
        self.used = np.flatnonzero(given)  # the bins that count
        self.surrogate = surrogate.only(self.used)
        self.data = _vector(data, bins, "data")[self.used]
        self.log_det = log_det
        self.root_weights = np.sqrt(given[self.used])  # (len(used),), of which the residuals are multiples
        if correlation is not None:
            pooled = checked_correlation(correlation, bins)[np.ix_(self.used, self.used)]
        else:
            pooled = np.eye(len(self.used)) if surrogate.grid is None else self.surrogate.correlation
        self.sigma = Sigma(
            self.surrogate,
            _data_covariance(errors, covariance, bins, self.used),
            pooled,
            variance=_variance(variance, bins, self.used),
            variance_floor=np.broadcast_to(np.asarray(variance_floor, dtype=np.float64), bins)[self.used],
            fit_covariance=fit_covariance,
        )
        if self.sigma.constant:
            if log_det:
                raise ValueError("ln det Sigma is constant without variance=... or fit_covariance=True")
            self._precision = _precision(self.sigma.data)

    @property
    def box(self) -> Box:
        """Return the box of the surrogates."""
        return self.surrogate.box

    def __call__(self, points: ArrayLike) -> Floats:
        """Return the values (...) at points (..., d)."""
        p = np.asarray(points, dtype=np.float64)
        residuals = self._residuals(p)
        if self.sigma.constant:
            return np.asarray((residuals * self._precisely(residuals[..., None])[..., 0]).sum(axis=-1))
        flat = zip(p.reshape(-1, len(self.box)), residuals.reshape(-1, len(self.used)), strict=True)
        return np.array([self._value(*at) for at in flat]).reshape(p.shape[:-1])

    def gradient(self, points: ArrayLike) -> Floats:
        """Return analytic gradients (..., d) at points (..., d)."""
        p = np.asarray(points, dtype=np.float64)
        return self.expand(p.reshape(-1, len(self.box))).gradient.reshape(p.shape)

    def hessian(self, point: ArrayLike) -> Floats:
        """Return second derivatives (d, d) at a point (d,), from differences of the gradient in the box."""
        step = 2 * GRADIENT_STEP * self.box.half_width
        centre = np.clip(point, self.box.low + step, self.box.high - step)
        up, down = self.gradient(centre + np.diag(step)), self.gradient(centre - np.diag(step))
        hessian = (up - down) / (2 * step[:, None])
        return np.asarray((hessian + hessian.T) / 2)

    def quadratic(self, point: ArrayLike) -> float:
        """Return r^T Sigma^-1 r at a point (d,): the chi2 without ln det Sigma."""
        p = np.asarray(point, dtype=np.float64)
        return float(self(p)) - (_log_det(_factor(self.sigma(p))) if self.log_det else 0.0)

    def residuals(self, points: Floats) -> tuple[Floats, Floats]:
        """Return r (..., B) at points (..., d) and its derivatives (..., B, d)."""
        return self._residuals(points), self.root_weights[:, None] * self.surrogate.gradients(points)

    def solver(self, point: Floats) -> Callable[[Floats], Floats]:
        """Return what multiplies columns (B, c) by Sigma(p)^-1 at a point (d,), which is factorised once."""
        if self.sigma.constant:
            return self._precisely
        factor = _factor(self.sigma(point))
        return lambda columns: np.asarray(cho_solve(factor, columns))

    def expand(self, points: Floats) -> Expansion:
        """Return value, gradient and Gauss-Newton curvature at points (S, d)."""
        residuals, slopes = self.residuals(points)
        if not self.sigma.constant:
            each = [self._expand(*at) for at in zip(points, residuals, slopes, strict=True)]
            return Expansion(*(np.array(part) for part in zip(*each, strict=True)))
        weighted = self._precisely(np.concatenate([residuals[..., None], slopes], axis=2))  # (S, B, 1 + d)
        products = 2 * np.swapaxes(slopes, 1, 2) @ weighted
        value = (residuals * weighted[..., 0]).sum(axis=1)
        return Expansion(value, products[..., 0], products[..., 1:])

    def _residuals(self, points: Floats) -> Floats:
        return np.asarray(self.root_weights * (self.surrogate.values(points) - self.data))

    def _precisely(self, columns: Floats) -> Floats:
        """Return Sigma^-1 times columns (..., B, c) of the plain form."""
        precision = self._precision
        return np.asarray(precision[:, None] * columns if precision.ndim == 1 else precision @ columns)

    def _value(self, point: Floats, residual: Floats) -> float:
        factor = _factor(self.sigma(point))
        return float(residual @ cho_solve(factor, residual)) + (_log_det(factor) if self.log_det else 0.0)

    def _expand(self, point: Floats, residual: Floats, slopes: Floats) -> tuple[float, Floats, Floats]:
        """Return the expansion at one point.

        With z = Sigma^-1 r: d chi2 = 2 z . dr - z^T dSigma z + tr(Sigma^-1 dSigma).
        """
        loads, load_slopes = self.sigma.factors(point)
        factor = _factor(self.sigma.of(loads))
        columns = cho_solve(factor, np.column_stack([residual, slopes]))
        z = columns[:, 0]
        inner = -np.outer(z, z)
        value = float(residual @ z)
        if self.log_det:
            inner += cho_solve(factor, np.eye(len(z)))
            value += _log_det(factor)
        gradient = 2 * slopes.T @ z + self.sigma.traces(loads, load_slopes, inner)
        return value, gradient, 2 * slopes.T @ columns[:, 1:]


def _vector(given: ArrayLike, bins: int, what: str) -> Floats:
    vector = np.asarray(given, dtype=np.float64)
    if vector.shape != (bins,) or not np.isfinite(vector).all():
        raise ValueError(f"{what} of shape {vector.shape}: expected {bins} finite numbers, one for each bin")
    return vector


def _data_covariance(
    errors: ArrayLike | None, covariance: ArrayLike | None, bins: int, used: NDArray[np.intp]
) -> Floats:
    """Return the data's covariance (B, B), or its diagonal (B,), of the used bins."""
    if (errors is None) == (covariance is None):
        raise ValueError("the data need either errors=... or covariance=...")
    if covariance is None:
        chosen = _vector(errors if errors is not None else 0, bins, "errors")[used]
        if (chosen <= 0).any():
            raise ValueError(
                f"the data's error is not positive in bin {used[chosen <= 0][0]}: give it the weight 0, or an"
                " error such as that of one event"
            )
        return np.asarray(chosen**2)
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.shape != (bins, bins) or not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T):
        raise ValueError(
            f"a covariance of shape {matrix.shape}: expected {(bins, bins)}, finite and symmetric"
        )
    return matrix[np.ix_(used, used)]


def _variance(
    variance: Surrogate | ArrayLike | None, bins: int, used: NDArray[np.intp]
) -> Surrogate | Floats | None:
    if variance is None:
        return None
    if isinstance(variance, Surrogate):
        if variance.bins != bins:
            raise ValueError(f"the variance's surrogate has {variance.bins} bins, the values' {bins}")
        return variance.only(used)
    return _vector(variance, bins, "variance")[used]


def _precision(covariance: Floats) -> Floats:
    if covariance.ndim == 1:
        return 1 / covariance
    return np.asarray(cho_solve(_factor(covariance), np.eye(len(covariance))))


def _factor(sigma: Floats) -> tuple[Floats, bool]:
    try:
        factor: tuple[Floats, bool] = cho_factor(sigma, lower=True)
    except LinAlgError as error:
        raise ValueError(
            "Sigma is not positive definite: a bin without variance needs a variance_floor, and of normalised"
            " bins, whose sum is fixed, one must be left out (weight 0)"
        ) from error
    return factor


def _log_det(factor: tuple[Floats, bool]) -> float:
    return float(2 * np.log(np.diag(factor[0])).sum())
