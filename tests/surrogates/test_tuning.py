from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Chi2, Grid, Polynomials, Rationals, fit_polynomials, fit_rationals, tune
from lblhep.surrogates.monomials import Monomials


@pytest.fixture(scope="module")
def rational_truth(exact):
    q = np.zeros((4, exact.bins))
    q[0], q[1:] = 1, np.random.default_rng(1).uniform(-0.25, 0.25, (3, exact.bins))
    return Rationals(exact, Polynomials(exact.box, 1, q))


@pytest.mark.parametrize("form", [{}, {"variance": np.full(24, 0.01)}])
def test_closure_with_exact_polynomials_and_rationals(exact, rational_truth, truth, form):
    """Generator, surrogate and data agree: the parameters come back to 1e-6 of the box."""
    points = exact.box.sobol(64, seed=3)
    for generator, fit in (
        (exact, lambda grid: fit_polynomials(grid, 3)),
        (rational_truth, lambda grid: fit_rationals(grid, (3, 1))),
    ):
        surrogate = fit(Grid(exact.box, points, generator.values(points)))
        result = tune(Chi2(surrogate, generator.values(truth), errors=np.full(24, 0.1), **form))
        np.testing.assert_allclose(result.values, truth, atol=1e-6 * exact.box.half_width.min())
        assert result.chi2 == pytest.approx(0, abs=1e-10)
        assert result.reached >= 10
        assert result.ndf == 21
        assert not result.at_bound.any()


def test_a_linear_model_has_its_closed_form(box):
    """chi2 = |A x + c - d|^2 / s^2: (A^T A)^-1 s^2 is the covariance, in the box's coordinates."""
    rng = np.random.default_rng(8)
    coefficients = rng.normal(size=(4, 30))
    linear = Polynomials(box, 1, coefficients)
    design = coefficients[Monomials(1, 3).exponents.sum(axis=1) == 1].T[:, ::-1] / 0.1  # graded: z, y, x
    data = linear.values(box.unscale([0.1, -0.2, 0.3])) + 0.1 * rng.normal(size=30)
    result = tune(Chi2(linear, data, errors=np.full(30, 0.1)))
    covariance = np.linalg.inv(design.T @ design)
    x = covariance @ design.T @ ((data - coefficients[0]) / 0.1)
    np.testing.assert_allclose(box.scale(result.values), x, atol=1e-8)
    unit = box.half_width
    np.testing.assert_allclose(result.covariance, covariance * np.outer(unit, unit), rtol=1e-7)
    residual = (data - coefficients[0]) / 0.1 - design @ x
    assert result.chi2 == pytest.approx(residual @ residual, rel=1e-10)
    assert result.valid


def test_all_starts_reach_the_minimum_that_one_reaches(exact, truth):
    chi2 = Chi2(exact, exact.values(truth) + 0.3, errors=np.full(24, 0.5))
    many = tune(chi2, starts=30, seed=1)
    single = tune(chi2, starts=many.values)
    assert single.starts == single.reached == 1
    assert single.chi2 == pytest.approx(many.chi2, abs=1e-9)


def test_without_ln_det_the_fit_leans_towards_large_variance(box):
    """One bin of value 1 and variance exp-like in x: only ln det pulls the other way."""
    flat = Polynomials(box, 1, np.r_[[1.0, 0, 0, 0.2]][:, None] * np.ones((1, 40)))
    variance = Polynomials(box, 1, np.r_[[1.0, 0, 0, 0.9]][:, None] * np.ones((1, 40)))
    data = 1 + np.random.default_rng(2).normal(size=40)
    given = {"errors": np.full(40, 0.1), "variance": variance, "correlation": np.eye(40)}
    fixed = {"bLund": 1.0, "sigma": 0.3}
    leaning = tune(Chi2(flat, data, **given), fixed=fixed)
    upright = tune(Chi2(flat, data, log_det=True, **given), fixed=fixed)
    assert leaning.at_bound.tolist() == [1, 0, 0]
    assert abs(box.scale(upright.values)[0]) < 0.5
    assert upright.minimum == pytest.approx(
        upright.chi2 + np.log(0.01 + variance.values(upright.values)).sum(), rel=1e-9
    )


def test_fixed_parameters_stay_and_bounds_hold(exact, truth):
    data = exact.values(truth)
    chi2 = Chi2(exact, data, errors=np.full(24, 0.1))
    result = tune(chi2, fixed={"bLund": 0.9}, bounds={"sigma": (0.35, 0.45)})
    assert result.values[1] == 0.9
    assert 0.35 <= result.values[2] <= 0.45
    assert result.ndf == 22
    assert result.free.tolist() == [True, False, True]
    assert result.errors[1] == 0
    assert (result.errors > 0).tolist() == result.inside.tolist()


def test_a_minimum_outside_is_reported_at_its_bound(exact, truth):
    """sigma is 0.3 and may go from 0.35: the best that is allowed is a point where chi2 falls outwards."""
    result = tune(Chi2(exact, exact.values(truth), errors=np.full(24, 0.1)), bounds={"sigma": (0.35, 0.5)})
    assert result.values[2] == 0.35
    assert result.at_bound.tolist() == [0, 0, -1]
    gradient = result.objective.gradient(result.values)
    assert gradient[2] > 0
    np.testing.assert_allclose(gradient[:2] * result.errors[:2], 0, atol=1e-4)
    assert result.errors[2] == 0


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"bounds": {"sigma": (0.1, 0.4)}}, ValueError, "within the box, 0.2 to 0.5"),
        ({"bounds": {"sigma": (0.4, 0.3)}}, ValueError, "must increase"),
        ({"fixed": {"sigma": 0.9}}, ValueError, "outside the box"),
        ({"fixed": {"sigma": 0.3, "alphaS": 0.12, "bLund": 1.0}}, ValueError, "at least one"),
        ({"fixed": {"sigmas": 0.3}}, KeyError, "alphaS, bLund, sigma"),
        ({"starts": [[0.0, 0.0, 0.0]]}, ValueError, "outside the box"),
        ({"starts": [[0.0, 0.0]]}, ValueError, "last axis"),
    ],
)
def test_bad_requests_say_what_to_do(exact, given, error, message):
    with pytest.raises(error, match=message):
        tune(Chi2(exact, np.ones(24), errors=np.ones(24)), **given)


def test_fewer_bins_than_parameters_are_refused(exact):
    with pytest.raises(ValueError, match="2 bins cannot determine 3 parameters"):
        tune(Chi2(exact.only([0, 1]), np.ones(2), errors=np.ones(2)))
