"""Closure on a generator whose answer is known: linear bins, Gaussian pseudo-data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.closure import Close, PseudoData, PullsOfSets, last_of_table
from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import FORMS
from lblhep.surrogates import Box, Grid, fit_polynomials

BINS = 24
SETS = 60
GRID_EVENTS, EVENTS = 1_000_000, 10_000
ERROR = 30.0  # of one event's fill, in every bin


class FakeBench:
    """Two data sets by name, and the arrays that were saved."""

    def __init__(self, bins: pd.DataFrame) -> None:
        self.sets = {"measured": Measured(bins), "grid": Events()}
        self.saved: list[dict[str, np.ndarray]] = []

    def dataset(self, trial, name):
        return self.sets[name]

    def save(self, trial, name, arrays):
        self.saved.append(arrays)


class Measured:
    def __init__(self, bins):
        self.bins = bins


class Events:
    events = np.full(16, float(GRID_EVENTS))


def test_the_last_bin_of_each_table_of_several_says_nothing_new():
    bins = pd.DataFrame({"experiment": list("AAAAB"), "table": ["x", "x", "y", "z", "x"]})
    np.testing.assert_array_equal(last_of_table(bins), [False, True, False, False, False])


def test_pulls_of_pseudo_data_with_the_stated_covariance_are_unit_gaussians():
    """240 pulls fix a mean to 0.065 and a width to 0.046: within three and a half of these."""
    rng, box = np.random.default_rng(8), Box(["a", "b", "c", "d"], [-1] * 4, [1] * 4)
    slopes, points = rng.normal(size=(4, BINS)), box.sobol(16, 1)
    correlation = 0.2 + 0.8 * np.eye(BINS)
    root, error = np.linalg.cholesky(correlation), ERROR / np.sqrt(GRID_EVENTS)
    values = points @ slopes + error * rng.normal(size=(16, BINS)) @ root.T
    grid = Grid(box, points, values, errors=np.full(values.shape, error), correlation=correlation)
    bins = pd.DataFrame({"experiment": "E", "table": [f"t{b}" for b in range(BINS)]})
    bench, fitted = FakeBench(bins), fit_polynomials(grid, 1)
    for _ in range(SETS):
        truth = rng.uniform(-0.3, 0.3, 4)
        data_error = ERROR / np.sqrt(EVENTS)
        made = truth @ slopes + data_error * root @ rng.normal(size=BINS)
        prediction = Prediction(made, np.full(BINS, data_error), correlation)
        row = Close()(bench, None, fitted, PseudoData(truth, EVENTS, prediction))
        assert set(row) == {f"chi2_ndf_{form}" for form in FORMS}
    said = PullsOfSets()(
        pd.DataFrame({"trial": range(SETS), **dict.fromkeys(row, 1.0)}),
        {(i, "closure"): saved for i, saved in enumerate(bench.saved)},
    )
    assert said["sets"] == SETS
    assert said["pulls"].shape == (SETS, len(FORMS), 4)
    for form in FORMS:
        assert said[f"mean_{form}"] == pytest.approx(0, abs=3.5 * 0.065)
        assert said[f"width_{form}"] == pytest.approx(1, abs=3.5 * 0.046)
