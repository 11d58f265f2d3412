"""Two tables measure one parameter, so that each predicts the other and the answer can be written down."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.cross_validation import PredictObservables
from lblhep.surrogates import Box, Chi2, Grid, fit_polynomials, tune


@pytest.fixture(scope="module")
def surrogates():
    box = Box(["p"], [-10], [10])
    points = np.array([[-10.0], [0.0], [10.0]])
    return fit_polynomials(Grid(box, points, np.repeat(points, 4, axis=1)), 1)


@pytest.fixture
def bins() -> pd.DataFrame:
    table = pd.DataFrame({"experiment": ["A", "A", "A", "B"], "table": ["one", "two", "three", "one"]})
    return table.assign(value=[0.0, 3.0, 6.0, 100.0], error=[1.0, 1.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        # The third counts a quarter: p is 3, 0 and 1.5 without one, two and three, or 3.6, 1.2 and 1.5.
        ([1, 1, 0, 0], 3.0**2 + 3.0**2 + ((6 - 1.5) / 2) ** 2),
        ([1, 1, 1, 0], 3.6**2 + (3 - 1.2) ** 2 + ((6 - 1.5) / 2) ** 2),
    ],
)
def test_an_observable_is_predicted_by_the_others_alone(surrogates, bins, weights, expected):
    tuned = tune(Chi2(surrogates, bins["value"], errors=bins["error"], weights=weights))
    bench = SimpleNamespace(dataset=lambda trial, name: SimpleNamespace(bins=bins))
    assert PredictObservables()(bench, None, surrogates, tuned) == pytest.approx(expected, rel=1e-6)
