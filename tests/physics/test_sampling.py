from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from lblhep.physics.dijet_fit import fit_dijet
from lblhep.physics.sampling import draw_mjj


def test_draws_follow_the_curve(truth):
    """Kolmogorov-Smirnov against the integral of the curve; a correct sampler fails with 1 %."""
    m = draw_mjj(truth, 200_000, np.random.default_rng(1), 2500.0, 4741.0)
    grid = np.geomspace(2500, 4741, 5_001)
    cdf = np.concatenate([[0], np.cumsum(truth.predict(grid)[0])])
    assert kstest(m, lambda x: np.interp(x, grid, cdf / cdf[-1])).pvalue > 0.01
    assert m.min() >= 2500
    assert m.max() < 4741


def test_draws_within_one_bin_stay_in_it(truth, edges):
    e = edges
    m = draw_mjj(truth, 10_000, np.random.default_rng(2), e[4], e[5])
    assert np.histogram(m, e)[0][4] == 10_000
    assert m.mean() < (e[4] + e[5]) / 2  # the spectrum falls


def test_a_fit_of_draws_finds_no_difference(truth, edges):
    """Four-parameter fits of redrawn spectra: deviance 28 +- 7.5 each, so the mean of 50 is 28 +- 1.06."""
    rng = np.random.default_rng(3)
    n = [np.histogram(draw_mjj(truth, 200_000, rng, 2500, edges[-1]), edges)[0] for _ in range(50)]
    fit = fit_dijet(n, edges, n_parameters=4)
    assert fit.deviance.mean() == pytest.approx(28, abs=3.2)


def test_fits_that_are_no_spectrum_are_refused(truth, edges):
    rng = np.random.default_rng(4)
    with pytest.raises(ValueError, match="no event"):
        draw_mjj(fit_dijet(np.zeros(32), edges), 5, rng, 2500, 3000)
    with pytest.raises(ValueError, match="one fitted spectrum"):
        draw_mjj(fit_dijet(np.ones((2, 32)), edges), 5, rng, 2500, 3000)
