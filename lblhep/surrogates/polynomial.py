"""Fit polynomials of any order in any number of parameters, all bins in one least-squares fit."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from lblhep.annotations import Floats
from lblhep.surrogates.box import Box
from lblhep.surrogates.grid import Grid
from lblhep.surrogates.monomials import Monomials, coefficient_count
from lblhep.surrogates.surrogate import Surrogate

MIN_PIVOT_RATIO = (
    1e-11  # smallest ratio of a monomial's own part to the largest on the points: below, not determined
)


class Polynomials(Surrogate):
    """Polynomials have ``coefficients`` (K, B) of ``Monomials(order, d)``, parameters scaled to [-1, 1]."""

    def __init__(
        self,
        box: Box,
        order: int,
        coefficients: ArrayLike,
        *,
        grid: Grid | None = None,
        response: Floats | None = None,
    ) -> None:
        self.box, self.grid = box, grid
        self.monomials = Monomials(order, len(box))
        self.coefficients: Floats = np.asarray(coefficients, dtype=np.float64)
        self._response = response
        if self.coefficients.ndim != 2 or len(self.coefficients) != len(self.monomials):
            raise ValueError(
                f"coefficients of shape {self.coefficients.shape}: order {order} in {len(box)} parameters has"
                f" {len(self.monomials)}, so expected ({len(self.monomials)}, bins)"
            )

    @property
    def bins(self) -> int:
        return int(self.coefficients.shape[1])

    def values(self, points: ArrayLike) -> Floats:
        return np.asarray(self.monomials(self.box.scale(points)) @ self.coefficients)

    def gradients(self, points: ArrayLike) -> Floats:
        basis = self.monomials(self.box.scale(points))
        return np.asarray((basis @ self._slopes).reshape(*basis.shape[:-1], self.bins, len(self.box)))

    def only(self, bins: ArrayLike) -> Polynomials:
        chosen = np.arange(self.bins)[np.asarray(bins)]
        response = self._response
        if response is not None and len(response) > 1:
            response = response[chosen]
        grid = None if self.grid is None else self.grid.only(chosen)
        return Polynomials(
            self.box, self.monomials.order, self.coefficients[:, chosen], grid=grid, response=response
        )

    def refit(self, values: ArrayLike) -> Polynomials:
        """Fit to other values (N, B) on the same points with the same weights: it is one product."""
        old = self.fitted_grid
        grid = Grid(self.box, old.points, values, errors=old.errors, correlation=old.correlation)
        return _solved(grid, self.monomials.order, self.response)

    @property
    def response(self) -> Floats:
        if self._response is None:
            raise ValueError("these polynomials were not fitted here: fit_polynomials knows their response")
        return self._response

    def coefficient_gradients(self, point: ArrayLike) -> tuple[Floats, Floats]:
        basis = self.monomials(self.box.scale(point))
        slope = basis @ self.monomials.derivatives / self.box.half_width[:, None]
        return basis[None], slope.T[None]

    def predict_left_out(self, rows: ArrayLike) -> Floats:
        """Predict in closed form: with H = V A, left-out residuals are (1 - H_FF)^-1 the fit's."""
        grid, left = self.fitted_grid, np.atleast_1d(rows)
        basis = self.monomials(grid.x[left])
        leverage = basis @ self.response[:, :, left]  # (B or 1, n, n)
        residuals = (grid.values[left] - basis @ self.coefficients).T[..., None]
        if len(grid) - len(left) < len(self.monomials):
            raise ValueError(
                f"without {len(left)} of {len(grid)} points {len(self.monomials)} coefficients are not"
                " determined: take more folds, more points or a lower order"
            )
        outside = np.linalg.solve(np.eye(len(left)) - leverage, residuals)[..., 0].T
        return np.asarray(grid.values[left] - outside)

    @cached_property
    def _slopes(self) -> Floats:
        """Return coefficients of all derivatives side by side, (K, B * d): a gradient is then one product."""
        slopes = self.monomials.derivatives @ self.coefficients / self.box.half_width[:, None, None]
        return np.asarray(np.moveaxis(slopes, 0, -1).reshape(len(self.monomials), -1))


def fit_polynomials(grid: Grid, order: int, *, weights: ArrayLike | None = None) -> Polynomials:
    """Fit least-squares polynomials of total ``order`` to all bins of ``grid``.

    ``weights`` (N, B) or (N, 1) default to 1 / error^2, or to 1 without errors.  Errors estimated from the
    bin's own few events favour downward fluctuations; weights from a smooth model of the variance do not.
    Where all bins share the weights, one factorisation serves them all.

    Raises ValueError if the points are too few for the order, or lie so that they do not determine it.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> surrogate = fit_polynomials(grid, order=1)
    >>> surrogate.values([1.5]).round(6).tolist()
    [1.5, 1.0]
    """
    w = grid.weights() if weights is None else checked_weights(weights, grid)
    require_points(grid, coefficient_count(order, len(grid.box)), f"order {order}")
    root = np.sqrt(w.T)  # (B or 1, N)
    q, r = np.linalg.qr(root[..., None] * Monomials(order, len(grid.box))(grid.x))
    own = abs(np.diagonal(r, axis1=1, axis2=2))
    if (own.min(axis=1) < MIN_PIVOT_RATIO * own.max(axis=1)).any():
        raise ValueError(
            f"the {len(grid)} points do not determine a polynomial of order {order}: too many coincide or"
            " lie on one surface; use a Sobol or Latin-hypercube design"
        )
    return _solved(grid, order, np.linalg.solve(r, np.swapaxes(q, 1, 2)) * root[:, None])


def checked_weights(weights: ArrayLike, grid: Grid) -> Floats:
    """Return weights (N, B) or (N, 1); raise ValueError if they are of another shape or not positive."""
    w = np.asarray(weights, dtype=np.float64)
    if w.shape not in ((len(grid), grid.bins), (len(grid), 1)) or not (np.isfinite(w) & (w > 0)).all():
        raise ValueError(f"weights must be positive and of shape {grid.values.shape} or {(len(grid), 1)}")
    return w


def require_points(grid: Grid, needed: int, what: str) -> None:
    """Raise ValueError if a grid has no bin to fit, or fewer points than coefficients."""
    if not grid.bins:
        raise ValueError("the grid has no bin, so there is nothing to fit: choose at least one bin")
    if len(grid) < needed:
        raise ValueError(
            f"{what} in {len(grid.box)} parameters has {needed} coefficients and needs at least {needed}"
            f" points; the grid has {len(grid)}: add points or lower the order"
        )


def _solved(grid: Grid, order: int, response: Floats) -> Polynomials:
    if len(response) == 1:
        coefficients = response[0] @ grid.values
    else:
        coefficients = (response @ grid.values.T[..., None])[..., 0].T
    return Polynomials(grid.box, order, coefficients, grid=grid, response=response)
