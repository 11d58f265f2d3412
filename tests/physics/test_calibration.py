"""The whole procedure on toys: fit with the window masked, predict, count, test.

6,000 toys fix a pull's mean to 0.013, its width to 0.009 and a share of 5 % (1 %) to 0.0028 (0.0013).  The
tolerances are four such errors beyond what ``lblhep.physics.excess`` says of the method (mean 0 +- 0.06,
width 0.97 to 1.01, shares 4.1 to 5.9 % and 0.7 to 1.3 %): the background estimated from a few events is not
quite the Gamma distribution that the test assumes.  At b = 20,000 only the toys' own errors are left.
"""

from __future__ import annotations

import numpy as np
import pytest

from lblhep.physics.dijet_fit import fit_dijet
from lblhep.physics.excess import p_value, significance
from lblhep.physics.goodness import goodness_of_fit

TOYS = 6_000


@pytest.mark.parametrize(("window", "n_parameters"), [(0, 3), (3, 3), (3, 4), (7, 4)])
@pytest.mark.parametrize(
    ("b", "mean", "width", "share_5", "share_1"),
    [
        (0.5, 0.06, (0.97, 1.01), 0.009, 0.003),
        (3.0, 0.06, (0.97, 1.01), 0.009, 0.003),
        (20.0, 0.06, (0.97, 1.01), 0.009, 0.003),
        (300.0, 0.06, (0.97, 1.01), 0.009, 0.003),
        (20_000.0, 0.0, (1.0, 1.0), 0.0, 0.0),
    ],
)
def test_pulls_and_false_alarms(truth, edges, region, window, n_parameters, b, mean, width, share_5, share_1):
    rng = np.random.default_rng([window, n_parameters, int(10 * b)])
    w = region(window)
    used = w.used
    expected = truth.expected * (b / truth.expected[~used].sum())
    n = rng.poisson(expected, (TOYS, len(expected)))
    fit = fit_dijet(n, edges, used=used, n_parameters=n_parameters)
    assert fit.converged.all()
    background, error = fit.count(w.low, w.high)
    observed = n[:, ~used].sum(axis=1)

    pull = significance(observed, background, error, discreteness="randomised", rng=rng)
    assert abs(pull.mean()) < mean + 4 * 0.013
    assert width[0] - 4 * 0.009 < pull.std() < width[1] + 4 * 0.009
    p = p_value(observed, background, error, discreteness="randomised", rng=rng)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=share_5 + 4 * 0.0028)
    assert (p < 0.01).mean() == pytest.approx(0.01, abs=share_1 + 4 * 0.0013)
    conservative = p_value(observed, background, error, discreteness="conservative")
    assert (conservative < 0.05).mean() < 0.05 + 0.0115
    assert (conservative < 0.01).mean() < 0.01 + 0.0055
    if b >= 20:  # mid-p values need no randomisation there
        middle = significance(observed, background, error)
        assert abs(middle.mean()) < mean + 4 * 0.013
        assert width[0] - 4 * 0.009 < middle.std() < width[1] + 4 * 0.009


def test_an_injected_excess_is_found_at_its_size(truth, edges, region):
    """b = 300 +- 13.5 and 120 events more: the expected Z of the Gaussian limit, (n - b) / sqrt(b + sigma^2),
    is 5.5, the likelihood's 5.1; 400 toys fix the mean to 0.05."""
    rng = np.random.default_rng(11)
    w = region(3)
    used = w.used
    n = rng.poisson(truth.expected * (300 / truth.expected[~used].sum()), (400, 32))
    background, error = fit_dijet(n, edges, used=used).count(w.low, w.high)
    z = significance(n[:, ~used].sum(axis=1) + rng.poisson(120, 400), background, error)
    gaussian = 120 / np.sqrt(300 + np.mean(error**2))
    assert z.mean() == pytest.approx(gaussian, rel=0.1)
    assert z.mean() < gaussian


@pytest.mark.parametrize("events", [40, 400, 200_000])
def test_goodness_of_true_spectra_is_uniform(truth, edges, region, events):
    """200 spectra of 60 toys: mean p = 0.5 +- 0.02, share below 0.1 = 0.1 +- 0.02; four of those."""
    rng = np.random.default_rng(events)
    n = rng.poisson(truth.expected * events / 200_000, (200, 32))
    fit = fit_dijet(n, edges, used=region(3).used)
    result = goodness_of_fit(fit, rng, toys=60)
    assert result.p.mean() == pytest.approx(0.5, abs=0.08)
    assert (result.p < 0.1).mean() == pytest.approx(0.1, abs=0.08)
