"""Pseudo-experiments on numbers whose answer is known."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2 as chi2_distribution

from experiments.tuning.metrics import Coverage
from experiments.tuning.pseudo import Nature, compare
from experiments.tuning.tasks import PseudoExperiments, TuneTo
from lblhep.surrogates import ONE_SIGMA, Box, Chi2, Grid, fit_polynomials

BINS = 20


@pytest.fixture(scope="module")
def linear() -> tuple[Grid, np.ndarray]:
    """A linear generator of two parameters in 20 bins whose events they share, without noise."""
    rng = np.random.default_rng(1)
    box = Box(["a", "b"], [-1, 0], [1, 5])
    points = box.sobol(16, 1)
    correlation = 0.3 + 0.7 * np.eye(BINS)
    values = 5 + points @ rng.normal(size=(2, BINS))
    return Grid(box, points, values, errors=np.full(values.shape, 0.01), correlation=correlation), points


def test_fits_start_where_those_to_real_data_start():
    defaults = [inspect.signature(of).parameters["starts"].default for of in (TuneTo, PseudoExperiments)]
    assert defaults[0] == defaults[1]


def test_a_lower_minimum_far_from_the_truth_is_found():
    """f = p^2 and data of 1: a fit from the truth, -0.9, would end at -1, and the lower minimum is at +1."""
    box = Box(["p"], [-2], [2])
    points = np.linspace(-2, 2, 9)[:, None]
    values = np.concatenate([points**2, 0.1 * points], axis=1)
    compared = compare(
        Chi2(fit_polynomials(Grid(box, points, values), 2), [1.0, 0.1], errors=[0.1, 0.1]), [-0.9], 5
    )
    assert compared.pulls[0] > 20


def test_profile_and_hessian_of_a_linear_model_are_one(linear):
    grid, _ = linear
    surrogates = fit_polynomials(grid, 1)
    truth = np.array([0.2, 2.0])
    data = surrogates.values(truth) + 0.1 * np.random.default_rng(2).standard_normal(BINS)
    compared = compare(Chi2(surrogates, data, errors=np.full(BINS, 0.1)), truth, starts=5)
    assert compared.rises == pytest.approx(compared.pulls**2, rel=1e-4)
    assert compared.hessian_pulls == pytest.approx(compared.pulls)
    assert 0 < compared.chi2 < chi2_distribution.isf(1e-6, BINS - 2)


def test_noise_widens_the_plain_chi2_and_not_that_with_its_covariance(linear):
    """Bins with noise of half the data's error: chi2 / ndf of 60 pseudo-experiments of 20 bins is 1 +- 0.043
    with covariance; without, the surrogates' own error adds 0.020 +- 0.0012 to it."""
    grid, _ = linear
    nature = Nature.of(fit_polynomials(grid, 1), pd.Series(np.full(BINS, 0.1)), noise=0.5)
    rng, truth = np.random.default_rng(3), np.array([0.2, 2.0])
    compared = [
        [compare(objectives[form], truth, starts=1).chi2 for form in ("plain", "covariance")]
        for objectives in (nature.objectives(truth, rng) for _ in range(60))
    ]
    plain, covariance = np.mean(compared, axis=0) / (BINS - 2)
    assert covariance == pytest.approx(1, abs=4 * 0.043)
    assert plain > covariance + 0.01


def test_coverage_of_a_true_chi2_is_its_level():
    """2 x 4,000 draws fix a share of 68 % to 0.005."""
    rng = np.random.default_rng(4)
    pulls = rng.standard_normal((2, 2000, 3, 3))
    saved = {
        (str(i), "pseudo"): {
            "chi2": chi2_distribution(50).rvs((2000, 3), random_state=rng),
            "pulls": pulls[i],
            "hessian_pulls": pulls[i] * 2,
            "rises": pulls[i] ** 2,
            "score": chi2_distribution(3).rvs(2000, random_state=rng),
            "ndf": np.array(50),
        }
        for i in range(2)
    }
    said = Coverage()(pd.DataFrame({"trial": ["0", "1"]}), saved)
    assert said["pseudo_experiments"] == 4000
    assert said["chi2_ndf_plain"] == pytest.approx(1, abs=4 * said["chi2_ndf_error_plain"])
    assert said["ks_p_covariance"] > 1e-4
    for name in ("errors_plain", "profile_covariance", "joint"):
        assert said[name] == pytest.approx(ONE_SIGMA, abs=0.03)
    assert said["worst_plain"] == pytest.approx(ONE_SIGMA, abs=0.04)
    assert said["hessian_log_det"] == pytest.approx(0.383, abs=0.02)  # within half a standard deviation
    assert abs(said["bias_plain"]) < 0.1
    assert said["at_bound_plain"] == 0
