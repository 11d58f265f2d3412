from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lblhep.physics.global_significance import global_p_value, gross_vitells, upcrossings


def test_p_is_counted_with_the_observation_among_the_pseudo_experiments():
    result = global_p_value(2.0, [0.5, 1.0, 2.0, 3.0])
    assert (result.k, result.n) == (2, 4)
    assert result.p == pytest.approx(3 / 5)
    assert result.low < 0.5 < result.high
    assert global_p_value(9.0, np.zeros(125)).p == pytest.approx(1 / 126)


def test_the_global_p_value_of_a_null_is_valid():
    """P(p <= a) <= a: 4,000 observations against 99 pseudo-experiments; the share has an error of 0.0034."""
    rng = np.random.default_rng(1)
    p = [global_p_value(row[0], row[1:]).p for row in rng.standard_normal((4000, 100))]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.014)


def test_upcrossings_are_counted_along_the_curve():
    curves = [[-1, 1, -1, 1], [1, 0.5, -1, -2], [-1, -0.5, 0, 3]]
    assert upcrossings(curves, 0.0).tolist() == [2, 0, 1]


def stationary_curves(rng, n, points, waves=40, scale=1.0):
    """A smooth stationary Gaussian process: a sum of waves of random amplitude, unit variance."""
    k = np.abs(norm.ppf((np.arange(waves) + 0.5) / waves)) * scale  # a Gaussian spectrum
    t = np.linspace(0, 10, points)
    phase = np.outer(k, t)
    return (
        rng.standard_normal((n, waves)) @ np.cos(phase) + rng.standard_normal((n, waves)) @ np.sin(phase)
    ) / (np.sqrt(waves)), np.sqrt((k**2).mean())


def test_a_gaussian_process_crosses_at_rices_rate_and_extrapolates():
    """Rice: length x spread of the derivative / (2 pi) x exp(-u^2 / 2) upcrossings of u.

    2,000 curves with 1.6 crossings each fix their mean to 2 %; 8 % is four errors.  The share of maxima above
    2.5 (about 0.06) is known to 0.0054; the formula is an upper bound that is good to a few per cent there.
    """
    curves, slope = stationary_curves(np.random.default_rng(2), 2000, 400)
    rice = 10 * slope / (2 * np.pi)
    at_zero = gross_vitells(2.5, curves)
    assert at_zero.upcrossings == pytest.approx(rice, rel=0.08)
    assert at_zero.p == pytest.approx(norm.sf(2.5) + rice * np.exp(-(2.5**2) / 2), rel=0.08)
    assert at_zero.error < 0.05 * at_zero.p
    measured = (curves.max(axis=1) >= 2.5).mean()
    assert at_zero.p == pytest.approx(measured, abs=4 * 0.0054 + 0.005)
    assert gross_vitells(2.5, curves, reference=1.0).p == pytest.approx(at_zero.p, rel=0.15)


def test_coarse_windows_err_to_the_safe_side():
    curves, _ = stationary_curves(np.random.default_rng(3), 20_000, 8)
    for level in (2.0, 2.5, 3.0):
        measured = (curves.max(axis=1) >= level).mean()
        error = np.sqrt(measured / 20_000)
        assert gross_vitells(level, curves).p > measured - 3 * error


@pytest.mark.parametrize("pseudo", [[], [1.0, np.nan]])
def test_missing_pseudo_experiments_are_refused(pseudo):
    with pytest.raises(ValueError, match="pseudo-experiments"):
        global_p_value(1.0, pseudo)


def test_impossible_curves_are_refused():
    with pytest.raises(ValueError, match="curves"):
        upcrossings([1.0, 2.0], 0.0)
    with pytest.raises(ValueError, match="extrapolate"):
        gross_vitells(-1.0, np.zeros((2, 3)))
