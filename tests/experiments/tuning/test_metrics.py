"""chi2 of a prediction, and the error on the difference of two."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.datasets import Prediction
from experiments.tuning.metrics import chi2_terms, difference

BINS = pd.DataFrame({"value": [1.0, 2.0, 3.0], "error": [0.1, 0.2, 0.3]})
CORRELATION = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1.0]])


def prediction(values, error: float) -> Prediction:
    return Prediction(np.array(values), error**2 * CORRELATION)


def test_each_bin_counts_with_the_error_of_the_data_less_the_noise_of_the_monte_carlo():
    values = np.array([1.1, 2.0, 2.4])
    assert chi2_terms(BINS, values, np.zeros(3)) == pytest.approx([1, 0, 4])
    assert chi2_terms(BINS, values, np.full(3, 0.01)) == pytest.approx([0, -0.25, 4 - 0.01 / 0.09])


@pytest.mark.parametrize(("sizes", "number"), [((0.01, 0.03), 1000), ((0.1, 0.3), 5000)])
def test_a_difference_and_its_error_are_those_of_toys(sizes, number):
    """Noise that is small against the residuals, and noise that is larger; the truth is in neither sample.

    1,000 toys fix the spread to 2.2 %, and 5,000 to 4 % where the squares of large noise have long tails.
    Asked for: 10 % of the spread, and four standard errors of the mean.
    """
    rng = np.random.default_rng(2)
    means = np.array([1.5, 1.4, 3.9]), np.array([0.7, 2.5, 2.4])
    draws = [
        rng.multivariate_normal(mean, CORRELATION * size**2, number)
        for mean, size in zip(means, sizes, strict=True)
    ]
    toys = [
        difference(BINS, *(prediction(values, size) for values, size in zip(pair, sizes, strict=True)))
        for pair in zip(*draws, strict=True)
    ]
    gains, errors = np.array(toys).T
    exact, _ = difference(BINS, *(prediction(mean, 0.0) for mean in means))
    assert abs(gains.mean() - exact) < 4 * gains.std() / np.sqrt(len(gains))
    assert np.sqrt((errors**2).mean()) == pytest.approx(gains.std(), rel=0.1)
