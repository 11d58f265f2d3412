from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Box, Grid, Polynomials, fit_polynomials, fit_rationals
from lblhep.surrogates.monomials import Monomials, coefficient_count


@pytest.mark.parametrize(("order", "dimension"), [(0, 1), (4, 1), (3, 2), (5, 3), (2, 6)])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_exact_polynomial_is_recovered(order, dimension, weighted):
    rng = np.random.default_rng(order + dimension)
    box = Box([f"p{j}" for j in range(dimension)], np.full(dimension, -3.0), np.full(dimension, 100.0))
    truth = Polynomials(box, order, rng.normal(size=(coefficient_count(order, dimension), 7)))
    points, elsewhere = box.sobol(128, seed=1), box.latin_hypercube(200, seed=2)
    errors = rng.uniform(0.1, 10, (128, 7)) if weighted else None
    fit = fit_polynomials(Grid(box, points, truth.values(points), errors=errors), order)
    np.testing.assert_allclose(fit.coefficients, truth.coefficients, atol=1e-12)
    np.testing.assert_allclose(fit.values(elsewhere), truth.values(elsewhere), atol=1e-11)


def test_the_batched_fit_is_each_bins_own_weighted_least_squares(grid):
    fit = fit_polynomials(grid, 3)
    design = Monomials(3, 3)(grid.x)
    for b in range(grid.bins):
        scaled = design / grid.errors[:, [b]]
        single = np.linalg.lstsq(scaled, grid.values[:, b] / grid.errors[:, b])[0]
        np.testing.assert_allclose(fit.coefficients[:, b], single, atol=1e-11)


def test_shared_weights_give_the_same_fit(grid):
    column = grid.errors[:, :1]
    shared = fit_polynomials(grid, 2, weights=column**-2)
    separate = fit_polynomials(grid, 2, weights=np.repeat(column**-2, grid.bins, axis=1))
    assert len(shared.response) == 1
    assert len(separate.response) == grid.bins
    np.testing.assert_allclose(shared.coefficients, separate.coefficients, atol=1e-12)
    np.testing.assert_allclose(
        shared.covariance(grid.points[0]), separate.covariance(grid.points[0]), atol=1e-14
    )


def test_derivatives_are_differences(grid, differences):
    fit, point = fit_polynomials(grid, 4), grid.points[7]
    np.testing.assert_allclose(
        fit.gradients(point), differences(fit.values, point, grid.box), rtol=1e-6, atol=1e-6
    )
    many = grid.points.reshape(4, 16, 3)
    assert fit.gradients(many).shape == (4, 16, 24, 3)
    np.testing.assert_allclose(fit.gradients(many)[1, 3], fit.gradients(grid.points[19]), rtol=1e-12)


def test_the_covariance_of_values_is_that_of_toys(grid, exact, correlation):
    """1,500 grids drawn again: a standard deviation is then known to 1.8 %, a correlation to 0.026.

    The tolerance is 5 of these, for 276 correlations.
    """
    rng, toys, fit, point = np.random.default_rng(4), 1500, fit_polynomials(grid, 2), grid.points[10]
    root = np.linalg.cholesky(correlation).T
    truth = exact.values(grid.points)
    refits = [fit.refit(truth + grid.errors * (rng.normal(size=truth.shape) @ root)) for _ in range(toys)]
    covariance, sample = fit.covariance(point), np.array([f.values(point) for f in refits])
    sigma = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(sample.std(axis=0) / sigma, 1, atol=5 * 0.0183)
    expected = covariance / np.outer(sigma, sigma)
    np.testing.assert_allclose(np.corrcoef(sample.T), expected, atol=5 * 0.026)


def test_a_refit_is_a_fit_of_the_new_values(grid):
    other = Grid(grid.box, grid.points, grid.values[::-1], errors=grid.errors)
    again = fit_polynomials(grid, 3).refit(other.values)
    np.testing.assert_allclose(again.coefficients, fit_polynomials(other, 3).coefficients, atol=1e-12)


def test_some_bins_are_the_same_as_in_all(grid):
    fit, point = fit_polynomials(grid, 3), grid.points[2]
    few = fit.only([4, 9])
    np.testing.assert_allclose(few.values(point), fit.values(point)[[4, 9]], rtol=1e-13)
    np.testing.assert_allclose(few.covariance(point), fit.covariance(point)[np.ix_([4, 9], [4, 9])])


def test_too_few_points_say_how_many(grid):
    with pytest.raises(
        ValueError, match=r"order 6 in 3 parameters has 84 coefficients and needs at least 84"
    ):
        fit_polynomials(grid, 6)


def test_no_bin_is_nothing_to_fit(grid):
    empty = Grid(grid.box, grid.points, grid.values[:, :0])
    for fit, orders in ((fit_polynomials, 1), (fit_rationals, (1, 1))):
        with pytest.raises(ValueError, match="the grid has no bin, so there is nothing to fit"):
            fit(empty, orders)


def test_points_on_a_surface_are_refused(grid):
    points = np.where(np.arange(3) == 2, 0.3, grid.points)
    with pytest.raises(ValueError, match="lie on one surface"):
        fit_polynomials(Grid(grid.box, points, grid.values), 2)


def test_impossible_requests_say_what_is_missing(grid, exact):
    with pytest.raises(ValueError, match="weights must be positive"):
        fit_polynomials(grid, 2, weights=np.zeros((64, 1)))
    with pytest.raises(ValueError, match="order of a polynomial cannot be -1"):
        Monomials(-1, 2)
    with pytest.raises(ValueError, match=r"expected \(10, bins\)"):
        Polynomials(grid.box, 2, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="read without their grid"):
        exact.covariance(grid.points[0])
    bare = fit_polynomials(Grid(grid.box, grid.points, grid.values), 2)
    with pytest.raises(ValueError, match="Monte Carlo errors"):
        bare.covariance(grid.points[0])
    with pytest.raises(ValueError, match="outside the box"):
        bare.values([0, 0, 0])
