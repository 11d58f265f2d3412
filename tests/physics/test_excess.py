from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom, gamma, nbinom, norm, poisson

from lblhep.physics.excess import asymptotic_significance, p_value, significance


@pytest.mark.parametrize(("n", "b"), [(0, 0.5), (3, 0.5), (9, 3.0), (1, 3.0), (30, 20.0), (350, 300.0)])
def test_a_known_background_gives_the_poisson_probability(n, b):
    assert p_value(n, b, discreteness="conservative") == pytest.approx(poisson.sf(n - 1, b), rel=1e-10)
    middle = poisson.sf(n, b) + 0.5 * poisson.pmf(n, b)
    assert p_value(n, b) == pytest.approx(middle, rel=1e-10)
    assert significance(n, b) == pytest.approx(norm.isf(middle), abs=1e-10)


@pytest.mark.parametrize(("n_on", "n_off", "tau"), [(5, 7, 2.0), (0, 3, 1.0), (12, 1, 0.5), (40, 100, 5.0)])
def test_an_off_measurement_gives_the_binomial_probability(n_on, n_off, tau):
    b, sigma = n_off / tau, np.sqrt(n_off) / tau
    given = binom(n_on + n_off, 1 / (1 + tau))
    assert p_value(n_on, b, sigma, discreteness="conservative") == pytest.approx(given.sf(n_on - 1))
    assert p_value(n_on, b, sigma) == pytest.approx(given.sf(n_on) + given.pmf(n_on) / 2)


@pytest.mark.parametrize(
    ("n_on", "n_off", "tau", "z_bi", "z_pl"),
    [
        (4, 5, 5.0, 1.66, 1.95),
        (6, 18.78, 14.44, 2.63, 2.82),
        (9, 17.83, 4.69, 1.82, 1.99),
        (17, 40.11, 10.56, 4.46, 4.57),
        (50, 55, 2.0, 2.93, 3.02),
        (67, 15, 0.5, 2.89, 3.04),
        (200, 10, 0.1, 2.20, 2.38),
        (523, 2327, 5.99, 5.93, 5.95),
        (498426, 493434, 1.0, 5.01, 5.01),
        (2119449, 23650096, 11.21, 6.40, 6.40),
    ],
)
def test_the_published_examples(n_on, n_off, tau, z_bi, z_pl):
    """Table 1 of arXiv:physics/0702156: binomial and profile-likelihood significances to two digits.

    Half a unit of the second digit and a little for n_off and tau, which are rounded too.
    """
    b, sigma = n_off / tau, np.sqrt(n_off) / tau
    assert significance(n_on, b, sigma, discreteness="conservative") == pytest.approx(z_bi, abs=0.006)
    assert asymptotic_significance(n_on, b, sigma) == pytest.approx(z_pl, abs=0.006)


def test_it_is_also_the_poisson_probability_averaged_over_a_gamma_distribution():
    n, n_off, tau = 9, 12.0, 4.0
    prior = gamma(n_off + 1, scale=1 / tau)
    average = quad(lambda b: poisson.sf(n - 1, b) * prior.pdf(b), 0, 40, epsabs=1e-13)[0]
    z_bi = p_value(n, n_off / tau, np.sqrt(n_off) / tau, discreteness="conservative")
    assert z_bi == pytest.approx(average, rel=1e-8)
    assert z_bi == pytest.approx(nbinom.sf(n - 1, n_off + 1, tau / (1 + tau)), rel=1e-10)


def test_an_empty_background_is_an_off_region_without_events():
    """No event in a region 1 / sigma times as large: each of n events was on with 1 / (1 + tau)."""
    assert p_value(3, 0.0, 0.25, discreteness="conservative") == pytest.approx((1 / 5) ** 3)
    assert p_value(0, 0.0, 0.25) == pytest.approx(0.5)
    assert p_value(3, 1e-9, 0.25e-4, discreteness="conservative") > 0


@pytest.mark.parametrize("tau", [0.5, 4.0, 100.0])
@pytest.mark.parametrize("b", [0.5, 3.0, 20.0])
def test_randomised_p_values_of_on_off_toys_are_uniform(b, tau):
    """20,000 toys: the share below 0.05 is known to 0.0015, the mean to 0.002; 4.5 and 5 of those."""
    rng = np.random.default_rng(int(100 * b + tau))
    on, off = rng.poisson(b, 20_000), rng.poisson(b * tau, 20_000)
    sigma = np.where(off > 0, np.sqrt(off) / tau, 1 / tau)
    p = p_value(on, off / tau, sigma, discreteness="randomised", rng=rng)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.007)
    assert (p < 0.01).mean() == pytest.approx(0.01, abs=0.0032)
    assert p.mean() == pytest.approx(0.5, abs=0.01)
    assert p_value(on, off / tau, sigma).mean() == pytest.approx(0.5, abs=0.01)
    assert (p_value(on, off / tau, sigma, discreteness="conservative") < 0.05).mean() < 0.057


def test_a_deficit_is_negative_and_nothing_is_capped():
    z = significance([0, 5, 100, 180, 1000], 100.0, 5.0)
    assert (np.diff(z) > 0).all()
    assert z[0] < -6
    assert z[2] == pytest.approx(0, abs=0.05)
    assert z[4] > 30
    assert p_value(0, 100.0, 5.0) > 1 - 1e-6


def test_large_counts_approach_the_gaussian():
    b, sigma = 1e6, 500.0
    for n in (b - 3000, b, b + 3000):
        z = (n - b) / np.hypot(np.sqrt(b), sigma)
        assert significance(n, b, sigma) == pytest.approx(z, abs=0.02)
        assert asymptotic_significance(n, b, sigma) == pytest.approx(z, abs=0.02)


def test_beyond_double_precision_the_asymptotic_formula_continues_smoothly():
    n = np.arange(1000, 2500, 10)
    z = significance(n, 300.0, 3.0)
    assert np.isfinite(z).all()
    assert (np.diff(z) > 0).all()
    assert np.diff(z).max() < 0.4


def test_the_asymptotic_formula_without_uncertainty_is_the_poisson_ratio():
    assert asymptotic_significance(30, 20.0) == pytest.approx(np.sqrt(2 * (30 * np.log(1.5) - 10)))
    assert asymptotic_significance(0, 20.0) == pytest.approx(-np.sqrt(40))
    assert asymptotic_significance(30, 20.0, 1e-5) == pytest.approx(
        asymptotic_significance(30, 20.0), rel=1e-6
    )
    assert asymptotic_significance(0, 0.0, 0.3) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.floats(0, 1e6))
def test_wild_numbers_give_ordered_probabilities(n, b, sigma):
    conservative = p_value(n, b, sigma, discreteness="conservative")
    middle = p_value(n, b, sigma)
    assert 0 <= middle <= conservative <= 1
    z = significance(n, b, sigma)
    assert np.isfinite(z)
    assert np.isfinite(asymptotic_significance(n, b, sigma))
    assert significance(n + 1, b, sigma) >= z - 1e-9 or abs(z) > 35  # where the formulas meet


def test_what_is_unknown_stays_unknown():
    assert np.isnan(significance([3, 4], [np.nan, 2.0], [1.0, np.nan])).all()
    assert np.isnan(p_value(3, np.nan, 1.0))


@pytest.mark.parametrize("bad", [(-1, 2.0, 1.0), (1, -2.0, 1.0), (1, 2.0, -1.0), (1, 0.0, 0.0)])
def test_impossible_input_is_refused(bad):
    with pytest.raises(ValueError, match="background"):
        p_value(*bad)


def test_randomised_needs_a_generator():
    with pytest.raises(ValueError, match="rng"):
        p_value(3, 2.0, discreteness="randomised")
