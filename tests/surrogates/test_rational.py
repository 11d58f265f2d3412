from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lblhep.surrogates import Box, Grid, Polynomials, Rationals, fit_polynomials, fit_rationals
from lblhep.surrogates.monomials import Monomials
from lblhep.surrogates.rational import MIN_DENOMINATOR


def cube(dimension: int) -> Box:
    return Box([f"p{j}" for j in range(dimension)], np.zeros(dimension), np.arange(1.0, dimension + 1))


def rational(box: Box, orders: tuple[int, int], bins: int, seed: int) -> Rationals:
    """Random rationals whose Q, 1 in the middle, stays above 0.3."""
    rng, (m, n) = np.random.default_rng(seed), orders
    q = rng.normal(size=(len(Monomials(n, len(box))), bins))
    q = 0.7 * q / abs(q[1:]).sum(axis=0)
    q[0] = 1
    top = Polynomials(box, m, rng.normal(size=(len(Monomials(m, len(box))), bins)))
    return Rationals(top, Polynomials(box, n, q))


@pytest.mark.parametrize(
    ("dimension", "orders"), [(1, (2, 2)), (3, (3, 1)), (3, (2, 2)), (5, (2, 1)), (5, (1, 2))]
)
def test_an_exact_rational_is_recovered(dimension, orders):
    box = cube(dimension)
    truth = rational(box, orders, 8, seed=1)
    points, elsewhere = box.sobol(128, seed=2), box.latin_hypercube(500, seed=3)
    fit = fit_rationals(Grid(box, points, truth.values(points)), orders)
    np.testing.assert_allclose(fit.values(elsewhere), truth.values(elsewhere), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(
        fit.denominator.coefficients, truth.denominator.coefficients, rtol=1e-8, atol=1e-8
    )


@settings(max_examples=6, deadline=None)  # a spike in five parameters takes seconds
@given(
    shape=st.sampled_from([(3, (2, 1)), (3, (1, 2)), (3, (2, 2)), (5, (1, 1)), (5, (2, 1)), (5, (1, 2))]),
    kind=st.sampled_from(["noise", "pole", "tiny", "constant", "spike"]),
    seed=st.integers(0, 2**32 - 1),
)
@example(shape=(5, (1, 2)), kind="spike", seed=1264)  # starts where no point is allowed
def test_wild_data_leave_no_pole(shape, kind, seed):
    """Whatever is fitted, Q is proven to be at least ``MIN_DENOMINATOR``, and a dense sample agrees."""
    dimension, orders = shape
    rng, box = np.random.default_rng(seed), cube(dimension)
    points = box.sobol(64, seed=int(rng.integers(1000)))
    x = box.scale(points)
    values = {
        "noise": rng.normal(size=(64, 3)),
        "pole": 1 / (x @ rng.normal(size=(dimension, 3)) + 0.3),
        "tiny": 1e-30 * rng.normal(size=(64, 3)),
        "constant": np.tile([0.0, -2.0, 1e6], (64, 1)),
        "spike": np.eye(64, 3) * 1e6,
    }[kind]
    fit = fit_rationals(Grid(box, points, values), orders)
    assert fit.pole_free(MIN_DENOMINATOR).all()
    sample = np.concatenate(
        [rng.uniform(-1, 1, (2000, dimension)), 2.0 * rng.integers(0, 2, (64, dimension)) - 1]
    )
    assert fit.denominator.values(box.unscale(sample)).min() >= MIN_DENOMINATOR
    assert np.isfinite(fit.values(points)).all()


def test_a_rational_without_need_of_its_denominator_is_as_good_as_the_polynomial(grid):
    """The data are cubics with noise: the sum of squares falls by about one per coefficient of Q, no more."""
    polynomial, quotient = fit_polynomials(grid, 3), fit_rationals(grid, (3, 1))
    squares = [
        (((s.values(grid.points) - grid.values) / grid.errors) ** 2).sum(axis=0)
        for s in (polynomial, quotient)
    ]
    gain = squares[0] - squares[1]
    assert gain.min() > -1e-6
    assert gain.mean() == pytest.approx(3, abs=2.5)  # 24 bins of variance 6: a standard error of 0.5


def test_derivatives_are_differences(grid, differences):
    fit, point = fit_rationals(grid, (2, 2)), grid.points[7]
    np.testing.assert_allclose(
        fit.gradients(point), differences(fit.values, point, grid.box), rtol=1e-5, atol=1e-5
    )
    loadings, slopes = fit.loadings(point)
    numeric = differences(lambda p: fit.loadings(p)[0], point, grid.box)
    np.testing.assert_allclose(slopes, numeric, rtol=1e-5, atol=1e-6)
    assert loadings.shape == (24, 64)


def test_the_covariance_is_that_of_toys():
    """Rationals with noise of 0.1 %, where the linear response holds; 400 toys know a deviation to 3.5 %.

    The tolerance, 15 %, is four of these and the little that the prior of Q and second order add.
    """
    rng, box = np.random.default_rng(7), cube(2)
    truth = rational(box, (2, 1), 6, seed=8)
    points = box.sobol(64, seed=9)
    values = truth.values(points)
    errors = np.broadcast_to(1e-3 * abs(values).mean(axis=0), values.shape)
    fit = fit_rationals(
        Grid(box, points, values + errors * rng.normal(size=values.shape), errors=errors), (2, 1)
    )
    # Toys of one bin are bins of one fit.
    noise = rng.normal(size=(400, *values.shape))
    toys = np.concatenate(values + errors * noise, axis=1)
    refits = fit_rationals(Grid(box, points, toys, errors=np.tile(errors, (1, 400))), (2, 1))
    for point in points[:3]:
        spread = refits.values(point).reshape(400, 6).std(axis=0)
        np.testing.assert_allclose(spread / np.sqrt(np.diag(fit.covariance(point))), 1, atol=0.15)


def test_some_bins_are_the_same_as_in_all(grid):
    fit, point = fit_rationals(grid, (2, 1)), grid.points[2]
    few = fit.only([4, 9])
    np.testing.assert_allclose(few.values(point), fit.values(point)[[4, 9]], rtol=1e-13)
    np.testing.assert_allclose(
        few.covariance(point), fit.covariance(point)[np.ix_([4, 9], [4, 9])], rtol=1e-8, atol=1e-14
    )


def test_impossible_requests_say_what_to_do(grid):
    with pytest.raises(
        ValueError, match=r"orders .* 103 coefficients and needs at least 103 points; .* has 64"
    ):
        fit_rationals(grid, (6, 3))
    with pytest.raises(ValueError, match="use fit_polynomials"):
        fit_rationals(grid, (3, 0))
    with pytest.raises(ValueError, match="between 0 and"):
        fit_rationals(grid, (3, 1), smallest=2)
    top = Polynomials(grid.box, 1, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="same bins"):
        Rationals(top, Polynomials(grid.box, 1, np.ones((4, 3))))
    read = Rationals(top, Polynomials(grid.box, 1, [[1, -1.0], [0.5, 0.5], [0.6, 0], [0, 0]]))
    assert read.pole_free().tolist() == [False, True]
    with pytest.raises(ValueError, match="read without their grid"):
        read.predict_left_out([0])
