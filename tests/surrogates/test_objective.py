from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Chi2, Grid, fit_polynomials, fit_rationals

FORMS = {
    "plain": {},
    "variance": {"variance": True},
    "variance and ln det": {"variance": True, "log_det": True},
    "fit": {"fit_covariance": True},
    "both and ln det": {"variance": True, "fit_covariance": True, "log_det": True},
}


@pytest.fixture(scope="module")
def variance(grid):
    """Return a Monte Carlo sample's variance as a surrogate, which falls below its floor in a few places."""
    return fit_polynomials(Grid(grid.box, grid.points, grid.errors**2 - 0.01), 2)


@pytest.fixture(scope="module")
def data(exact, truth):
    return exact.values(truth) + 0.1 * np.random.default_rng(5).normal(size=24)


def dense(surrogate, variance, data, data_covariance, weights, form, point):
    """The formula as it is written down, one point, with inverse and determinant."""
    sigma = data_covariance.copy()
    if "variance" in form:
        v = np.maximum(variance.values(point), 0.004)
        sigma += np.diag(np.sqrt(v)) @ surrogate.correlation @ np.diag(np.sqrt(v))
    if "fit_covariance" in form:
        sigma += surrogate.covariance(point)
    residual = np.sqrt(weights) * (surrogate.values(point) - data)
    quadratic = residual @ np.linalg.inv(sigma) @ residual
    return quadratic, quadratic + ("log_det" in form) * np.linalg.slogdet(sigma)[1]


@pytest.mark.parametrize("fit", [lambda g: fit_polynomials(g, 3), lambda g: fit_rationals(g, (2, 1))])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("correlated", [False, True])
def test_values_and_gradients_are_those_of_the_dense_formula(
    grid, variance, data, differences, fit, form, correlated
):
    surrogate, weights = fit(grid), np.random.default_rng(6).uniform(0.5, 2, 24)
    errors = np.linspace(0.05, 0.2, 24)
    covariance = np.outer(errors, errors) * (0.3 + 0.7 * np.eye(24)) if correlated else np.diag(errors**2)
    given = {"covariance": covariance} if correlated else {"errors": errors}
    if "variance" in form:
        given |= {"variance": variance, "variance_floor": 0.004}
    chi2 = Chi2(
        surrogate, data, weights=weights, **given, **{k: v for k, v in form.items() if k != "variance"}
    )
    points = grid.points[[0, 5, 9]]
    for point in points:
        quadratic, value = dense(surrogate, variance, data, covariance, weights, form, point)
        assert chi2(point) == pytest.approx(value, rel=1e-9)
        assert chi2.quadratic(point) == pytest.approx(quadratic, rel=1e-9)
        np.testing.assert_allclose(
            chi2.gradient(point), differences(chi2, point, grid.box), rtol=1e-5, atol=1e-4
        )
    np.testing.assert_allclose(chi2(points), [chi2(p) for p in points], rtol=1e-12)
    assert chi2.gradient(points.reshape(3, 1, 3)).shape == (3, 1, 3)
    np.testing.assert_allclose(
        chi2.hessian(points[0]), differences(chi2.gradient, points[0], grid.box), rtol=1e-4, atol=10
    )


@pytest.mark.parametrize("form", [{}, {"fit_covariance": True}])
def test_a_bin_of_weight_0_might_as_well_not_be_there(grid, data, form):
    surrogate, errors = fit_polynomials(grid, 2), np.full(24, 0.1)
    kept = np.arange(24) % 3 > 0
    errors_with_a_gap = np.where(kept, errors, 0.0)
    weighted = Chi2(surrogate, data, errors=errors_with_a_gap, weights=kept, **form)
    without = Chi2(surrogate.only(kept), data[kept], errors=errors[kept], **form)
    assert weighted(grid.points[3]) == pytest.approx(without(grid.points[3]), rel=1e-12)


def test_the_floor_keeps_bins_without_events_alive(grid, exact, data):
    surrogate = fit_polynomials(grid, 2)
    nothing = np.zeros((24, 24))
    with pytest.raises(ValueError, match="needs a variance_floor"):
        Chi2(surrogate, data, covariance=nothing, variance=np.zeros(24))(grid.points[0])
    floored = Chi2(surrogate, data, covariance=nothing, variance=np.zeros(24), variance_floor=0.01)
    np.testing.assert_allclose(np.diag(floored.sigma(grid.points[0])), 0.01)
    assert np.isfinite(floored.gradient(grid.points[0])).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either errors=... or covariance=..."),
        ({"errors": np.ones(24), "covariance": np.eye(24)}, "either"),
        ({"errors": np.ones(23)}, "expected 24 finite numbers"),
        ({"errors": np.zeros(24)}, "not positive in bin 0: give it the weight 0"),
        ({"covariance": np.triu(np.ones((24, 24)))}, "finite and symmetric"),
        ({"errors": np.ones(24), "weights": -np.ones(24)}, "negative"),
        ({"errors": np.ones(24), "weights": np.zeros(24)}, "all 0"),
        ({"errors": np.ones(24), "log_det": True}, "ln det Sigma is constant"),
        ({"errors": np.ones(24), "correlation": np.eye(3)}, r"expected \(24, 24\)"),
        ({"covariance": -np.eye(24)}, "not positive definite"),
    ],
)
def test_bad_input_says_what_to_do(exact, given, message):
    with pytest.raises(ValueError, match=message):
        Chi2(exact, np.ones(24), **given)


def test_data_that_are_not_finite_are_refused(exact):
    with pytest.raises(ValueError, match="data of shape"):
        Chi2(exact, np.full(24, np.nan), errors=np.ones(24))
    with pytest.raises(ValueError, match="has 3 bins, the values' 24"):
        Chi2(exact, np.ones(24), errors=np.ones(24), variance=exact.only([0, 1, 2]))
    with pytest.raises(ValueError, match="outside the box"):
        Chi2(exact, np.ones(24), errors=np.ones(24))([0.0, 0.0, 0.0])
