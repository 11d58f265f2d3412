"""Poles are looked for where the fit did not look, and an order is judged by points it has not seen."""

from __future__ import annotations

import numpy as np

from experiments.tuning.metrics import poles
from experiments.tuning.tasks import CompareOrders
from lblhep.surrogates import Box, Grid, Polynomials, Rationals, fit_polynomials

BOX = Box(["a", "b"], [0, -2], [1, 2])


def rational(*slopes: float) -> Rationals:
    """1 / (1 + slope x): a pole in the box where |slope| > 1."""
    top = np.zeros((3, len(slopes)))
    top[0] = 1
    bottom = top.copy()
    bottom[1] = slopes
    return Rationals(Polynomials(BOX, 1, top), Polynomials(BOX, 1, bottom))


def test_a_pole_at_a_corner_is_found():
    assert poles(rational(0.5, 1.01, -3.0, 0.999)) == 2
    assert poles(Polynomials(BOX, 1, np.ones((3, 2)))) == 0


class FakeBench:
    def __init__(self, grid):
        self.grid, self.saved = grid, {}

    def dataset(self, trial, name):
        return self

    def of(self, measured):
        return self.grid

    def save(self, trial, name, arrays):
        self.saved |= arrays


def test_a_pole_beyond_the_box_wants_a_rational_and_a_parabola_none():
    """Bin 0 is 1 / (1 - 0.8 x), bin 1 a quadratic: no noise, so the order alone decides."""
    points = BOX.sobol(32, 3)
    x = BOX.scale(points)[:, 0]
    values = np.stack([1 / (1 - 0.8 * x), 1 + x**2], axis=1)
    grid = Grid(BOX, points, values, errors=np.full(values.shape, 1e-3))
    bench = FakeBench(grid)
    row = CompareOrders(order=[2, 1])(bench, None)
    assert row["poles"] == 0
    assert row["coefficients"] == 8
    assert bench.saved["ratio"][0] < 0.1
    quadratic = CompareOrders(order=[2, 0])(bench, None)
    assert bench.saved["ratio"][0] > 1
    assert quadratic["coefficients"] == 6
    assert fit_polynomials(grid, 2).response.shape[1] == 6
