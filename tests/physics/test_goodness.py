from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from lblhep.physics.dijet_fit import fit_dijet
from lblhep.physics.goodness import goodness_of_fit


def test_many_events_give_the_chi_square_probability(truth, edges):
    """400 toys fix p to 0.025; the tolerance is four of those."""
    n = np.random.default_rng(1).poisson(truth.expected)
    fit = fit_dijet(n, edges)
    result = goodness_of_fit(fit, np.random.default_rng(2), toys=400)
    assert result.ndf == 29
    assert result.p == pytest.approx(chi2.sf(fit.deviance, fit.ndf), abs=0.1)
    assert result.error == pytest.approx(np.sqrt(result.p * (1 - result.p) / 401))


def test_a_bump_or_a_turn_on_is_not_smooth(truth, edges):
    rng = np.random.default_rng(3)
    bump = truth.expected + 600 * (np.arange(32) == 10)  # 7 sigma in one bin
    turn_on = truth.expected * np.where(np.arange(32) < 3, 0.93, 1)
    fit = fit_dijet(rng.poisson([bump, turn_on]), edges)
    assert (goodness_of_fit(fit, rng).p == 1 / 201).all()


def test_few_events_do_not_follow_the_chi_square(truth, edges):
    """The chi-square of 20 events in 32 bins has a mean p of 0.75; toys do not."""
    rng = np.random.default_rng(4)
    fit = fit_dijet(rng.poisson(truth.expected / 10_000, (200, 32)), edges)
    by_toys = goodness_of_fit(fit, rng, toys=50).p
    by_chi2 = chi2.sf(fit.deviance, fit.ndf)
    assert abs(by_toys.mean() - 0.5) < 0.08  # 0.02 of statistics
    assert abs(by_chi2.mean() - 0.5) > 0.15


def test_an_empty_spectrum_fits(edges):
    fit = fit_dijet(np.zeros(32), edges)
    assert goodness_of_fit(fit, np.random.default_rng(5)).p == 1


def test_a_failed_fit_has_no_goodness(truth, edges, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("lblhep.physics.dijet_fit.MAX_STEPS", 1)
        fit = fit_dijet(truth.expected, edges)
    assert np.isnan(goodness_of_fit(fit, np.random.default_rng(6), toys=5).p)


def test_a_calibration_without_toys_is_refused(truth):
    with pytest.raises(ValueError, match="toys"):
        goodness_of_fit(truth, np.random.default_rng(7), toys=0)
