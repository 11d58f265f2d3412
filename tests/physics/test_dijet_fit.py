from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iminuit import Minuit
from scipy.integrate import quad
from scipy.special import xlogy

from lblhep.physics.dijet_fit import fit_dijet, refit
from lblhep.physics.dijet_shape import BinIntegrals

EDGES = 2500 * np.exp(0.02 * np.arange(33))  # GeV
NO_SLACK = 1e6  # removes the constraint: plain maximum likelihood


def curve(m, ln_p0, p1, p2, p3=0.0, p4=0.0):
    x = m / 13_000
    ln_x = np.log(x)
    return np.exp(ln_p0) * (1 - x) ** p1 * x ** -(p2 + p3 * ln_x + p4 * ln_x**2)


def plain(fit):
    return {name: float(value) for name, value in fit.parameters.items()}


@pytest.mark.parametrize("n_parameters", [3, 4, 5])
def test_predictions_are_the_integral_of_the_quoted_function(truth, n_parameters):
    fit = fit_dijet(truth.expected, EDGES, n_parameters=n_parameters)
    wide = np.array([1500.0, 1700, 2000, 2300])  # 12 to 16 % wide, outside the fit
    for edges in (EDGES[::8], wide):
        integrals = [
            quad(curve, a, b, args=tuple(plain(fit).values()), epsrel=1e-12)[0] for a, b in pairwise(edges)
        ]
        mean, _ = fit.predict(edges)
        assert mean == pytest.approx(integrals, rel=1e-7)


def test_exact_input_gives_back_its_parameters(truth):
    assert plain(truth)["p1"] == pytest.approx(14, abs=1e-3)
    assert plain(truth)["p2"] == pytest.approx(3, abs=1e-3)
    assert truth.expected.sum() == pytest.approx(200_000)
    assert truth.deviance == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("n_parameters", [3, 4])
@pytest.mark.parametrize("events", [200_000, 2_000, 300])
def test_iminuit_finds_the_same_maximum_and_covariance(truth, n_parameters, events, region):
    """A second implementation: MIGRAD on the plain likelihood, with its own integration.

    MIGRAD's EDM goal of 2e-7 leaves at most 1e-3 standard deviations, and HESSE differentiates numerically;
    it uses the observed information and the fit the expected one, which differ by O(1 / sqrt(N)).
    """
    rng = np.random.default_rng(events)
    n = rng.poisson(truth.expected * events / 200_000)
    used = region(3).used
    fit = fit_dijet(n, EDGES, used=used, n_parameters=n_parameters, slack=NO_SLACK)
    fine = np.array([np.geomspace(a, b, 21) for a, b in pairwise(EDGES)])

    def theta_of(p):  # MIGRAD needs the orthonormal coordinates too
        p2, p1, *others = fit.shape.exponents(np.array(p[1:]))
        return (p[0] - fit.shape.mean @ [p2, p1, *others], p1, p2, *others)

    def expected(p):
        y = curve(fine, *theta_of(p))
        h = np.diff(np.log(fine), axis=1)[:, :1] / 3
        weights = np.array([1, *[4, 2] * 9, 4, 1])
        return (h * (y * fine * weights)).sum(axis=1)  # Simpson in ln m

    def cost(p):
        mu = expected(p)[used]
        return 2 * (mu - xlogy(n[used], mu)).sum()

    start = np.array([np.log(n[used].sum() / 2000), *fit.shape.typical])
    minuit = Minuit(cost, start)
    minuit.errordef = 1.0
    minuit.tol = 1e-4
    minuit.migrad(ncall=20_000)
    minuit.hesse()
    assert minuit.valid
    error = np.sqrt(np.diag(fit.theta_covariance))
    assert fit.theta == pytest.approx(np.array(minuit.values[1:]), abs=5e-3 * error.min())
    difference = np.array(minuit.errors[1:]) / error - 1
    assert abs(difference).max() < 0.01 + 2 / np.sqrt(events)
    masked = expected(minuit.values)[~used].sum()
    assert fit.count(EDGES[~np.append(used, True)][0], EDGES[1:][~used][-1])[0] == pytest.approx(
        masked, rel=1e-3
    )


def test_covariance_of_predictions_is_that_of_toys(truth, region):
    """2,000 toys of 4,000 events: a variance is known to sqrt(2 / 2000) = 3.2 %; 15 % is over 4 sigma."""
    used = region(2).used
    rng = np.random.default_rng(5)
    toys = fit_dijet(rng.poisson(truth.expected / 50, (2000, 32)), EDGES, used=used, n_parameters=4)
    reference = fit_dijet(truth.expected / 50, EDGES, used=used, n_parameters=4)
    mean, covariance = reference.predict(EDGES)
    ratio = toys.expected.var(axis=0) / np.diag(covariance)
    assert ratio == pytest.approx(1, abs=0.15)
    window = region(2)
    count, error = toys.count(window.low, window.high)
    assert np.std(count) / np.mean(error) == pytest.approx(1, abs=0.07)
    # The mean of 2,000 toys is known to 1/45 of an error; 4 of those, plus the fit's bias of order 1/N.
    assert (abs(toys.expected.mean(axis=0) - mean) < 0.12 * np.sqrt(np.diag(covariance))).all()


def test_parameter_covariance_is_that_of_toys(truth):
    """2,000 toys fix the standard errors to 1.6 %; 7 % are asked for."""
    rng = np.random.default_rng(6)
    toys = fit_dijet(rng.poisson(truth.expected / 10, (2000, 32)), EDGES, slack=NO_SLACK)
    values = np.stack(list(toys.parameters.values()), axis=-1)
    covariance = fit_dijet(truth.expected / 10, EDGES, slack=NO_SLACK).parameter_covariance
    assert np.sqrt(np.diag(covariance)) == pytest.approx(values.std(axis=0), rel=0.07)
    assert np.corrcoef(values.T)[0, 1] == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), abs=0.02
    )


def test_the_masked_bins_are_not_looked_at(truth, region):
    used = region(4).used
    hidden = np.where(used, truth.expected, 1e9)
    unseen = np.where(used, truth.expected, np.nan)
    fits = [fit_dijet(n, EDGES, used=used) for n in (truth.expected, hidden, unseen)]
    assert fits[0].expected == pytest.approx(fits[1].expected, rel=1e-12)
    assert fits[0].expected == pytest.approx(fits[2].expected, rel=1e-12)
    assert fits[1].deviance == pytest.approx(fits[0].deviance)


def test_a_batch_is_its_spectra_one_by_one(truth, region):
    n = np.random.default_rng(7).poisson(truth.expected / 1000, (2, 3, 32))
    together = fit_dijet(n, EDGES, used=region(0).used)
    b, sigma = together.count(3000, 3300)
    assert together.converged.shape == together.deviance.shape == b.shape == (2, 3)
    assert together.parameters["p1"].shape == (2, 3)
    assert together.parameter_covariance.shape == (2, 3, 3, 3)
    for i in np.ndindex(2, 3):
        one = fit_dijet(n[i], EDGES, used=region(0).used)
        assert together.theta[i] == pytest.approx(one.theta, abs=1e-6)
        assert [b[i], sigma[i]] == pytest.approx(np.array(one.count(3000, 3300)), rel=1e-5)
        assert together.deviance[i] == pytest.approx(one.deviance)
        assert together.expected[i] == pytest.approx(one.expected, rel=1e-5)


def test_the_constraint_is_negligible_beside_200_events(truth, region):
    n = np.random.default_rng(8).poisson(truth.expected / 1000, (200, 32))
    window = region(3)
    used = window.used
    b, sigma = fit_dijet(n, EDGES, used=used).count(window.low, window.high)
    free, _ = fit_dijet(n, EDGES, used=used, slack=NO_SLACK).count(window.low, window.high)
    assert abs(np.mean((b - free) / sigma)) < 0.05
    assert np.std((b - free) / sigma) < 0.05


def test_no_events_predict_zero_with_the_uncertainty_of_one(truth, region):
    fit = fit_dijet(np.zeros(32), EDGES, used=region(3).used)
    window = region(3)
    b, sigma = fit.count(window.low, window.high)
    assert fit.converged
    assert b == 0
    assert 0.05 < sigma < 1  # one event outside, times the ratio of about 0.2, with its freedom of shape
    assert fit.deviance == 0
    assert fit.parameters["ln_p0"] == -np.inf


spectra = st.one_of(
    st.lists(st.integers(0, 3), min_size=32, max_size=32),
    st.lists(st.integers(0, 10**9), min_size=32, max_size=32),
    st.lists(st.floats(0, 1e12), min_size=32, max_size=32),
    st.tuples(st.integers(0, 31), st.integers(0, 10**7)).map(
        lambda x: [0] * x[0] + [x[1]] + [0] * (31 - x[0])
    ),
)


@settings(max_examples=60, deadline=None)
@given(n=spectra, window=st.integers(0, 7), n_parameters=st.sampled_from([3, 4, 5]))
def test_any_spectrum_ends_at_its_maximum_or_says_so(n, window, n_parameters, region):
    used = region(window).used
    fit = fit_dijet(n, EDGES, used=used, n_parameters=n_parameters)
    w = region(window)
    b, sigma = fit.count(w.low, w.high)
    if not fit.converged:
        assert np.isnan([b, sigma, fit.deviance]).all()
        return
    assert b >= 0
    assert sigma >= 0
    assert np.isfinite([b, sigma, fit.deviance]).all()
    assert fit.deviance >= -1e-6
    assert fit.expected[used].sum() == pytest.approx(fit.events, rel=1e-9)

    def log_likelihood(theta):
        total = BinIntegrals.of(fit.shape, EDGES)(theta[None])[0][0][used]
        pull = theta - fit.shape.typical
        return xlogy(np.array(n)[used], total / total.sum()).sum() - 0.5 * (pull**2).sum()

    best = log_likelihood(fit.theta)
    for direction in np.linalg.cholesky(fit.theta_covariance).T:
        for side in (-0.3, 0.3):
            assert log_likelihood(fit.theta + side * direction) <= best + 1e-12 * abs(best)


def test_a_fit_that_does_not_converge_is_all_nan(truth, monkeypatch):
    monkeypatch.setattr("lblhep.physics.dijet_fit.MAX_STEPS", 1)
    fit = fit_dijet(truth.expected, EDGES)
    assert not fit.converged
    assert np.isnan(fit.expected).all()
    assert np.isnan(fit.deviance)
    assert np.isnan(fit.count(3000, 3300)).all()
    assert np.isnan(list(fit.parameters.values())).all()


def test_refit_repeats_every_choice(truth, region):
    n = np.random.default_rng(9).poisson(truth.expected / 100)
    fit = fit_dijet(n, EDGES, used=region(1).used, n_parameters=4, slack=0.7, sqrt_s=14_000)
    again = refit(fit, n)
    assert again.theta == pytest.approx(fit.theta, rel=1e-12)
    assert again.deviance == fit.deviance


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        (np.full(32, -1.0), {}, "not negative"),
        (np.full(32, np.nan), {}, "finite"),
        (np.ones(31), {}, "32 bins"),
        (np.array(3.0), {}, "32 bins"),
        (np.ones(32), {"n_parameters": 2}, "3, 4 or 5"),
        (np.ones(32), {"used": np.arange(32) < 2}, "cannot determine"),
        (np.ones(32), {"used": np.ones(31, bool)}, "32 bins"),
        (np.ones(32), {"sqrt_s": 4000.0}, "sqrt"),
        (np.ones(32), {"slack": 0.0}, "slack"),
    ],
)
def test_impossible_fits_are_refused(counts, options, message):
    with pytest.raises(ValueError, match=message):
        fit_dijet(counts, EDGES, **options)


@pytest.mark.parametrize("edges", [[3000.0, 2000.0, 1000.0], [0.0, 1.0, 2.0], [1.0], [1.0, 2.0, np.inf]])
def test_edges_that_are_no_bins_are_refused(edges):
    with pytest.raises(ValueError, match="edges"):
        fit_dijet(np.ones(max(1, len(edges) - 1)), edges)
