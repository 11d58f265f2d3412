"""Fit rationals P / Q of order (m, n), all bins together, with Q proven to have no zero in the box.

Q is 1 in the middle of the box and at least ``smallest`` everywhere in it.  For n = 1 its minimum is at a
corner; for n > 1 a bound by Bernstein coefficients decides (``bernstein``).  Bins whose free fit violates it
are fitted again with Q held up at the lowest point found, until no bin violates it anywhere.  The method of
semi-infinite programming and the choice of orders: arXiv:1912.02272 and 2103.05748.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from lblhep.annotations import Floats
from lblhep.surrogates.bernstein import prove_above
from lblhep.surrogates.grid import Grid
from lblhep.surrogates.monomials import Monomials
from lblhep.surrogates.polynomial import Polynomials, checked_weights, require_points
from lblhep.surrogates.rational_fit import (
    Bins,
    State,
    expand,
    linear_start,
    minimise_freely,
    minimise_inside,
    stiffness,
)
from lblhep.surrogates.surrogate import Surrogate

MIN_DENOMINATOR = 0.05  # of Q in the box, where it is 1 in the middle
MAX_CUTS = 30  # rounds in which a bin's Q is held up at one more point
MIN_CURVATURE_RATIO = 1e-12  # relative curvature below which a direction of the coefficients does nothing


class Rationals(Surrogate):
    """Rationals are B quotients of two ``Polynomials`` in the same box.

    ``weights`` and ``stiffness`` belong to the fit: its weights (N, B), and the curvature (B, k, k) that
    prior and limits add in the denominator's coefficients, which then fluctuate less.
    """

    def __init__(
        self,
        numerator: Polynomials,
        denominator: Polynomials,
        *,
        grid: Grid | None = None,
        weights: Floats | None = None,
        stiffness: Floats | None = None,
    ) -> None:
        if numerator.box is not denominator.box or numerator.bins != denominator.bins:
            raise ValueError("numerator and denominator must have the same box and the same bins")
        self.box, self.grid = numerator.box, grid
        self.numerator, self.denominator = numerator, denominator
        self.weights, self.stiffness = weights, stiffness

    @property
    def orders(self) -> tuple[int, int]:
        """Return the orders (m, n) of numerator and denominator."""
        return self.numerator.monomials.order, self.denominator.monomials.order

    @property
    def bins(self) -> int:
        return self.numerator.bins

    def values(self, points: ArrayLike) -> Floats:
        return self.numerator.values(points) / self.denominator.values(points)

    def gradients(self, points: ArrayLike) -> Floats:
        q = self.denominator.values(points)[..., None]
        value = self.values(points)[..., None]
        return np.asarray((self.numerator.gradients(points) - value * self.denominator.gradients(points)) / q)

    def only(self, bins: ArrayLike) -> Rationals:
        chosen = np.arange(self.bins)[np.asarray(bins)]
        return Rationals(
            self.numerator.only(chosen),
            self.denominator.only(chosen),
            grid=None if self.grid is None else self.grid.only(chosen),
            weights=None if self.weights is None else self.weights[:, chosen],
            stiffness=None if self.stiffness is None else self.stiffness[chosen],
        )

    def pole_free(self, smallest: float = 1e-6) -> NDArray[np.bool_]:
        """Say of each bin (B,) whether Q is proven to stay above ``smallest`` of its value in the middle."""
        q = self.denominator.coefficients
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(q[0] == 0, -1.0, q / q[0])
        return prove_above(relative, self.denominator.monomials, smallest)[0]

    @cached_property
    def response(self) -> Floats:
        """Return the response, linearised at the fit, without directions that change no value."""
        grid, root = self.fitted_grid, np.sqrt(self._fit_weights).T
        p_monomials, q_monomials = self.numerator.monomials(grid.x), self.denominator.monomials(grid.x)[:, 1:]
        scale = root / self.denominator.values(grid.points).T
        model = self.values(grid.points).T
        columns = [scale[..., None] * p_monomials, -(scale * model)[..., None] * q_monomials]
        jacobian = np.concatenate(columns, axis=2)  # (B, N, K)
        normal = np.swapaxes(jacobian, 1, 2) @ jacobian
        if self.stiffness is not None:
            normal[:, p_monomials.shape[1] :, p_monomials.shape[1] :] += self.stiffness
        inverse = np.linalg.pinv(normal, rcond=MIN_CURVATURE_RATIO, hermitian=True)
        return np.asarray(inverse @ np.swapaxes(jacobian * root[..., None], 1, 2))

    def coefficient_gradients(self, point: ArrayLike) -> tuple[Floats, Floats]:
        x = self.box.scale(point)
        p_monomials, q_monomials = self.numerator.monomials, self.denominator.monomials
        top, bottom = p_monomials(x), q_monomials(x)[1:]
        slope = np.concatenate(
            [top @ p_monomials.derivatives, q_monomials(x) @ q_monomials.derivatives[:, :, 1:]], axis=1
        )
        slope = (slope / self.box.half_width[:, None]).T  # (K, d)
        q, value = self.denominator.values(point)[:, None], self.values(point)[:, None]
        # d value / d (p, q) = (top, -value bottom) / Q; its slope follows by the rule of quotients.
        sign = np.concatenate(
            [np.ones((self.bins, len(top))), -np.repeat(value, len(bottom), axis=1)], axis=1
        )
        basis = np.concatenate([top, bottom])
        gradient = sign * basis / q
        change = sign[..., None] * slope - gradient[..., None] * self.denominator.gradients(point)[:, None]
        change[:, len(top) :] -= self.gradients(point)[:, None] * bottom[:, None]
        return gradient, change / q[..., None]

    def predict_left_out(self, rows: ArrayLike) -> Floats:
        """Predict by a fit to the other points, started from this one."""
        grid, left = self.fitted_grid, np.atleast_1d(rows)
        others = np.delete(np.arange(len(grid)), left)
        weights = self._fit_weights[others]
        again = fit_rationals(grid.at(others), self.orders, weights=weights, start=self)
        return again.values(grid.points[left])

    @property
    def _fit_weights(self) -> Floats:
        if self.weights is None:
            raise ValueError("these rationals were not fitted here: fit_rationals knows their weights")
        return self.weights


def fit_rationals(
    grid: Grid,
    orders: tuple[int, int],
    *,
    weights: ArrayLike | None = None,
    smallest: float = MIN_DENOMINATOR,
    start: Rationals | None = None,
) -> Rationals:
    """Fit least-squares rationals of orders (m, n) to all bins of ``grid``, without poles in its box.

    Args:
        grid: the generator's bins, at N points.
        orders: m of the numerator and n of the denominator.
        weights: those of the squared residuals, (N, B) or (N, 1), as in ``fit_polynomials``.
        smallest: bound of Q from below, where Q is 1 in the middle of the box.
        start: rationals to begin from.

    Returns:
        The rationals of all bins, whose denominators are proven to be at least ``smallest`` in the box.

    Raises:
        ValueError: for too few points and impossible orders.

    >>> from lblhep.surrogates import Box, Grid
    >>> points = Box(["a"], [0.0], [1.0]).sobol(8, seed=1)
    >>> rational = fit_rationals(Grid(Box(["a"], [0.0], [1.0]), points, 1 / (1 + points)), (1, 1))
    >>> rational.values([0.25]).round(6).tolist(), rational.pole_free().tolist()
    ([0.8], [True])
    """
    m, n = orders
    if n < 1:
        raise ValueError(f"a rational of orders {orders} has no denominator: use fit_polynomials")
    if not 0 < smallest < 0.5:
        raise ValueError(
            f"smallest must be between 0 and 0.5, not {smallest}: Q is 1 in the middle of the box"
        )
    p_monomials, q_monomials = Monomials(m, len(grid.box)), Monomials(n, len(grid.box))
    require_points(grid, len(p_monomials) + len(q_monomials) - 1, f"orders {orders}")
    w = np.broadcast_to(
        grid.weights() if weights is None else checked_weights(weights, grid), grid.values.shape
    )
    basis, triangle = np.linalg.qr(p_monomials(grid.x))
    bins = Bins(
        y=np.ascontiguousarray(grid.values.T),
        root=np.ascontiguousarray(np.sqrt(w.T)),
        cuts=np.zeros((grid.bins, 0, len(q_monomials) - 1)),
        numerator=basis,
        denominator=q_monomials(grid.x)[:, 1:],
        noise=np.zeros(grid.bins),
        level=2 * smallest,  # at the cuts; between them Q may fall to half of it
    )
    first = linear_start(bins) if start is None else start.denominator.coefficients[1:].T
    usable, _ = prove_above(_denominators(first), q_monomials, smallest)
    bins, state = minimise_freely(bins, np.where(usable[:, None], first, 0.0))
    hold = stiffness(bins, state.q)
    _exclude_poles(bins, state, hold, q_monomials, smallest)
    return Rationals(
        Polynomials(grid.box, m, np.linalg.solve(triangle, state.p.T)),
        Polynomials(grid.box, n, _denominators(state.q)),
        grid=grid,
        weights=w,
        stiffness=hold,
    )


def _exclude_poles(bins: Bins, state: State, hold: Floats, q_monomials: Monomials, smallest: float) -> None:
    """Refit, in place, the bins whose Q is not proven to be at least ``smallest``, with ever more cuts."""
    rows, cuts = np.arange(len(state.q)), bins.cuts
    for _ in range(MAX_CUTS):
        proven, lowest = prove_above(_denominators(state.q[rows]), q_monomials, smallest)
        rows, cuts, lowest = rows[~proven], cuts[~proven], lowest[~proven]
        if not len(rows):
            return
        new = [_minimum(q, q_monomials, point) for q, point in zip(state.q[rows], lowest, strict=True)]
        cuts = np.concatenate([cuts, q_monomials(np.array(new))[:, None, 1:]], axis=1)
        held, refitted = minimise_inside(replace(bins.rows(rows), cuts=cuts), state.q[rows])
        state.put(rows, refitted)
        hold[rows] = stiffness(held, refitted.q)
    # Never seen, but a promise is a promise: Q is drawn towards the constant 1 until the proof succeeds.
    while len(rows):
        drawn = bins.rows(rows)
        state.put(rows, expand(drawn, 0.9 * state.q[rows]))
        rows = rows[~prove_above(_denominators(state.q[rows]), q_monomials, smallest)[0]]


def _denominators(q: Floats) -> Floats:
    """Return coefficients (K, B) of Q from those without its constant, (B, k)."""
    return np.concatenate([np.ones((1, len(q))), q.T])


def _minimum(q: Floats, q_monomials: Monomials, start: Floats) -> Floats:
    """Find a local minimum (d,) of one Q in [-1, 1]^d; for n = 1 it is the start, its lowest corner."""
    coefficients = np.concatenate([[1.0], q])
    slopes = (q_monomials.derivatives @ coefficients).T

    def value(x: Floats) -> float:
        return float(q_monomials(x) @ coefficients)

    def gradient(x: Floats) -> Floats:
        return np.asarray(q_monomials(x) @ slopes)

    found = minimize(value, start, jac=gradient, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * len(start))
    return np.asarray(found.x)
