"""Spectra without the multiplicity that they share: values, errors and correlation against toys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.events.multiplicity import as_shapes, integrals


@pytest.fixture
def bins() -> pd.DataFrame:
    """Three bins of x_p between bins of other tables, which stay as they are."""
    return pd.DataFrame(
        {
            "experiment": "E",
            "table": ["a", "b", "b", "b", "c"],
            "observable": ["thrust", "x_p", "x_p", "x_p", "mean_n_charged"],
            "x_low": [0.0, 0.0, 0.1, 0.3, 0.0],
            "x_high": [1.0, 0.1, 0.3, 1.0, 1.0],
        }
    )


def test_only_spectra_of_particles_have_an_integral(bins):
    [(rows, integral)] = integrals(bins, np.array([1.0, 100, 50, 5, 20]))
    assert list(rows) == [1, 2, 3]
    assert integral == pytest.approx(100 * 0.1 + 50 * 0.2 + 5 * 0.7)


def test_shapes_have_the_errors_and_the_correlation_of_toys(bins):
    """200,000 toys fix a relative error to 0.2 % and a correlation to 0.003; errors of 1 % make second order
    terms of 1 % of that."""
    rng = np.random.default_rng(1)
    values = np.array([[1.0, 100, 50, 5, 20]])
    errors = 0.01 * values
    correlation = np.eye(5)
    correlation[1, 2] = correlation[2, 1] = 0.6
    correlation[3, 4] = correlation[4, 3] = -0.4
    shapes, shape_errors, shape_correlation = as_shapes(bins, values, errors, correlation)
    toys = rng.multivariate_normal(values[0], correlation * np.outer(errors, errors), 200_000)
    width = np.array([0.1, 0.2, 0.7])
    normalised = toys.copy()
    normalised[:, 1:4] /= (toys[:, 1:4] @ width)[:, None]
    assert shapes[0, 1:4] @ width == pytest.approx(1)
    assert shapes[0, [0, 4]] == pytest.approx([1, 20])
    assert shape_errors[0] == pytest.approx(normalised.std(axis=0), rel=0.01)
    assert shape_correlation == pytest.approx(np.corrcoef(normalised.T), abs=0.015)
