"""Closure on a generator whose answer is known: linear bins, Gaussian pseudo-data."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import CLOSURE_FORMS
from experiments.tuning.metrics import PullsOfSets
from experiments.tuning.pseudo import PseudoData, last_of_table
from experiments.tuning.tasks import Close
from experiments.tuning.validation import ClosureReport
from lblhep.surrogates import Box, Grid, fit_polynomials, hold_out

BINS = 24
SETS = 30
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
    """120 pulls fix a mean to 0.091 and a width to 0.065: within 2.8 of these, which fails in 0.5 % each."""
    rng, box = np.random.default_rng(8), Box(["a", "b", "c", "d"], [-1] * 4, [1] * 4)
    slopes, points = rng.normal(size=(4, BINS)), box.sobol(16, 1)
    correlation = 0.2 + 0.8 * np.eye(BINS)
    root, error = np.linalg.cholesky(correlation), ERROR / np.sqrt(GRID_EVENTS)
    values = points @ slopes + error * rng.normal(size=(16, BINS)) @ root.T
    grid = Grid(box, points, values, errors=np.full(values.shape, error), correlation=correlation)
    bins = pd.DataFrame({"experiment": "E", "table": [f"t{b}" for b in range(BINS)]})
    bench, fitted = FakeBench(bins), fit_polynomials(grid, 1)
    left_out = hold_out(fitted)
    for _ in range(SETS):
        truth = rng.uniform(-0.3, 0.3, 4)
        data_error = ERROR / np.sqrt(EVENTS)
        made = truth @ slopes + data_error * root @ rng.normal(size=BINS)
        prediction = Prediction(made, data_error**2 * correlation)
        row = Close(starts=3)(bench, None, fitted, left_out, PseudoData(truth, EVENTS, prediction))
        assert set(row) == {f"chi2_ndf_{form}" for form in CLOSURE_FORMS}
    said = PullsOfSets()(
        pd.DataFrame({"trial": range(SETS), **dict.fromkeys(row, 1.0)}),
        {(i, "closure"): saved for i, saved in enumerate(bench.saved)},
    )
    assert said["sets"] == SETS
    assert said["pulls"].shape == (SETS, len(CLOSURE_FORMS), 4)
    for form in CLOSURE_FORMS:
        assert said[f"mean_{form}"] == pytest.approx(0, abs=2.8 * 0.091)
        assert said[f"width_{form}"] == pytest.approx(1, abs=2.8 * 0.065)


def test_the_headline_names_the_parameter_that_is_furthest_off(tmp_path, monkeypatch):
    """Pulls of a and b that are three off up and down are 0 on average; c was at a bound in one set."""
    monkeypatch.setattr("lblhep.report.Page.provenance", lambda page, launch: None)
    pulls = np.zeros((5, len(CLOSURE_FORMS), 3))
    pulls[:] = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None, None] / np.sqrt(2.5) * [1, 0.8, 2]
    shifted = CLOSURE_FORMS.index("covariance")
    pulls[:, shifted] += [3.0, -3.1, 0.1]
    pulls[2, shifted, 2] = np.nan
    rows = pd.DataFrame({"trial": range(5)} | {f"chi2_ndf_{form}": 1.0 for form in CLOSURE_FORMS})
    group = PullsOfSets()(rows, {(i, "closure"): {"pulls": pulls[i]} for i in range(5)})
    assert group["mean_covariance"] == pytest.approx(0, abs=0.01)
    produced = SimpleNamespace(arguments={"box": dict.fromkeys("abc")})
    launch = SimpleNamespace(
        recipe=SimpleNamespace(title=""),
        groups=pd.DataFrame([{"group": "g"} | {k: v for k, v in group.items() if k != "pulls"}]),
        group_arrays=lambda group: {"pulls": pulls},
        sample=lambda name: SimpleNamespace(
            card=SimpleNamespace(sources=SimpleNamespace(produce=[produced]))
        ),
    )
    headline = ClosureReport().render(launch, tmp_path)
    said = headline["pulls, covariance"]
    assert said == "largest mean -3.10 +- 0.36 (b), widths 0.80 to 2.31, chi2/ndf 1.00"
    assert headline["pulls, plain"].startswith("largest mean +0.00")
