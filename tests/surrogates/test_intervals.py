from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lblhep.surrogates import (
    ONE_SIGMA,
    Chi2,
    Polynomials,
    contour,
    eigentunes,
    fit_polynomials,
    hessian_interval,
    profile_interval,
    tune,
)


@pytest.fixture(scope="module")
def linear(box):
    """A tune of a linear model: an exact paraboloid, well inside the box."""
    rng = np.random.default_rng(8)
    model = Polynomials(box, 1, rng.normal(size=(4, 30)))
    data = model.values(box.unscale([0.1, -0.2, 0.3])) + 0.3 * rng.normal(size=30)
    return tune(Chi2(model, data, errors=np.full(30, 0.3)))


@pytest.fixture(scope="module")
def curved(exact, truth):
    """Errors large enough for the cubics' curvature to be seen."""
    return tune(Chi2(exact, exact.values(truth), errors=np.full(24, 0.4)))


@pytest.mark.parametrize(("level", "sigmas"), [(ONE_SIGMA, 1.0), (0.68, 0.994457883), (0.95, 1.959963985)])
def test_profile_and_hessian_agree_on_a_paraboloid(linear, level, sigmas):
    for j, name in enumerate(linear.names):
        half = sigmas * linear.errors[j]
        for interval in (hessian_interval(linear, name, level), profile_interval(linear, name, level)):
            assert interval.low == pytest.approx(linear.values[j] - half, abs=1e-6 * half)
            assert interval.high == pytest.approx(linear.values[j] + half, abs=1e-6 * half)
            assert not interval.low_at_bound
            assert not interval.high_at_bound


def test_a_profile_ends_where_the_refitted_chi2_has_risen_by_one(curved):
    interval = profile_interval(curved, "alphaS")
    for end in (interval.low, interval.high):
        refit = tune(curved.objective, starts=curved.values, fixed={"alphaS": end})
        assert refit.chi2 - curved.chi2 == pytest.approx(1, abs=1e-4)
    lengths = curved.values[0] - interval.low, interval.high - curved.values[0]
    assert abs(lengths[0] / lengths[1] - 1) > 0.01  # a parabola would not know


def test_a_contour_is_the_ellipse_of_a_paraboloid(linear):
    """Delta chi2 of two parameters at 68.3 % is 2.2957; every point is on it, in the covariance's metric."""
    points, at_bound = contour(linear, "alphaS", "sigma", directions=16)
    away = points - linear.values[[0, 2]]
    metric = np.linalg.inv(linear.covariance[np.ix_([0, 2], [0, 2])])
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", away, metric, away), 2.295748929, rtol=1e-6)
    assert points.shape == (16, 2)
    assert not at_bound.any()


@pytest.mark.parametrize("fixture", ["linear", "curved"])
@pytest.mark.parametrize("delta_chi2", [1.0, 5.0])
def test_eigentunes_raise_chi2_by_the_stated_value(fixture, delta_chi2, request):
    result = request.getfixturevalue(fixture)
    points, at_bound = eigentunes(result, delta_chi2)
    assert points.shape == (6, 3)
    assert not at_bound.any()
    np.testing.assert_allclose(result.objective(points) - result.chi2, delta_chi2, rtol=1e-5)
    steps = (points - result.values) / result.objective.box.half_width
    np.testing.assert_allclose(
        np.einsum("ni,ni->n", steps[::2], steps[1::2]),
        -np.linalg.norm(steps[::2], axis=1) * np.linalg.norm(steps[1::2], axis=1),
    )
    lengths = np.linalg.norm(steps[::2], axis=1)
    assert (np.diff(lengths) < 0).all()


def test_linear_eigentunes_add_up_to_the_covariance(linear):
    points, _ = eigentunes(linear)
    steps = points[::2] - linear.values
    np.testing.assert_allclose(steps.T @ steps, linear.covariance, rtol=1e-5, atol=1e-10)


def test_intervals_stop_at_bounds_and_say_so(curved):
    j, narrow = 1, 0.3 * curved.errors[1]
    bounds = {"bLund": (curved.values[j] - narrow, curved.values[j] + 5 * narrow)}
    result = tune(curved.objective, bounds=bounds)
    for interval in (hessian_interval(result, "bLund"), profile_interval(result, "bLund")):
        assert interval.low == pytest.approx(curved.values[j] - narrow)
        assert (interval.low_at_bound, interval.high_at_bound) == (True, False)
    points, at_bound = contour(result, "alphaS", "bLund", directions=12)
    assert at_bound.any()
    assert not at_bound.all()
    assert (points[:, 1] >= bounds["bLund"][0]).all()
    _, reached = eigentunes(result)
    assert reached.any()


def test_a_parameter_at_its_bound_has_a_one_sided_profile(exact, truth):
    result = tune(Chi2(exact, exact.values(truth), errors=np.full(24, 0.1)), bounds={"sigma": (0.35, 0.5)})
    interval = profile_interval(result, "sigma")
    assert interval.low == 0.35
    assert interval.low_at_bound
    refit = tune(result.objective, starts=result.values, fixed={"sigma": interval.high})
    assert refit.chi2 - result.chi2 == pytest.approx(1, abs=1e-4)
    with pytest.raises(ValueError, match="use profile_interval"):
        hessian_interval(result, "sigma")
    points, _ = eigentunes(result)
    assert points.shape == (4, 3)
    assert (points[:, 2] == 0.35).all()


@pytest.mark.parametrize("fit_covariance", [False, True])
def test_no_eigentunes_where_all_parameters_are_at_bounds(grid, fit_covariance):
    """Data that lie beyond one corner of a narrow box."""
    fit = fit_polynomials(grid, 1)
    middle, step = (grid.box.low + grid.box.high) / 2, 0.1 * grid.box.half_width
    bounds = dict(zip(grid.box.names, zip(middle - step, middle + step, strict=True), strict=True))
    data = fit.values(middle + 5 * step)
    result = tune(Chi2(fit, data, errors=np.ones(24), fit_covariance=fit_covariance), bounds=bounds)
    assert not result.inside.any()
    points, at_bound = eigentunes(result)
    assert (points.shape, at_bound.shape) == ((0, 3), (0,))
    assert at_bound.dtype == bool


def test_a_parameter_that_chi2_does_not_depend_on_is_to_be_fixed(box):
    coefficients = np.random.default_rng(9).normal(size=(4, 30))
    coefficients[1] = 0  # sigma, the last parameter
    model = Polynomials(box, 1, coefficients)
    objective = Chi2(model, model.values(box.unscale([0.1, -0.2, 0.3])), errors=np.full(30, 0.3))
    flat = tune(objective)
    for ask in (
        lambda: profile_interval(flat, "alphaS"),
        lambda: hessian_interval(flat, "alphaS"),
        lambda: contour(flat, "alphaS", "bLund"),
        lambda: eigentunes(flat),
    ):
        with pytest.raises(ValueError, match=r"not positive definite .* fix the parameter .* more starts"):
            ask()
    mended = tune(objective, fixed={"sigma": 0.3})
    assert profile_interval(mended, "alphaS").high > mended.values[0]


def test_fixed_parameters_and_odd_levels_are_refused(exact, truth, linear):
    result = tune(Chi2(exact, exact.values(truth), errors=np.ones(24)), fixed={"sigma": 0.3})
    with pytest.raises(ValueError, match="was fixed"):
        profile_interval(result, "sigma")
    with pytest.raises(ValueError, match="between 0 and 1"):
        profile_interval(linear, "sigma", level=68)
    with pytest.raises(ValueError, match="two parameters"):
        contour(linear, "sigma", "sigma")
    with pytest.raises(ValueError, match="positive"):
        eigentunes(linear, 0.0)
    assert profile_interval(result, "alphaS").low < truth[0] < profile_interval(result, "alphaS").high


def test_a_lower_minimum_found_on_the_way_is_not_hidden(exact, truth, linear):
    """A tune that was given a wrong minimum: the profile says that it is none."""
    wrong = dataclasses.replace(linear, minimum=linear.minimum + 10)
    with pytest.raises(ValueError, match="tune again with more starts"):
        profile_interval(wrong, "alphaS")
