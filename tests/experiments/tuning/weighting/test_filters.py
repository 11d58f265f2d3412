"""Filters of bins on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.weighting.filters import longest_runs, run_probabilities, within_envelope
from lblhep.surrogates import Box, Grid, Polynomials, fit_polynomials
from tests.experiments.tuning.conftest import bins_of_tables

BINS, TABLES = 12, 4
TRUTH = np.array([0.2, -0.1])
ERROR = 0.1


def table_of(values: np.ndarray) -> pd.DataFrame:
    return bins_of_tables(values, [BINS] * TABLES)


@pytest.fixture(scope="module")
def linear() -> Polynomials:
    """A linear generator of two parameters without Monte Carlo noise."""
    box, rng = Box(["a", "b"], [-1, -1], [1, 1]), np.random.default_rng(1)
    points = box.sobol(16, 1)
    return fit_polynomials(Grid(box, points, 5 + points @ rng.normal(size=(2, TABLES * BINS))), 1)


def test_the_envelope_is_the_grids_range_and_the_errors(linear):
    grid = linear.fitted_grid
    low, high = grid.values.min(axis=0), grid.values.max(axis=0)
    values = (low + high) / 2
    values[0], values[1], values[2], values[3] = high[0] + 0.09, high[1] + 0.11, low[2] - 0.11, low[3]
    kept = within_envelope(table_of(values), grid)
    assert list(np.flatnonzero(~kept)) == [1, 2]
    assert within_envelope(table_of(values), grid, allowance=2).all()
    noisy = Grid(grid.box, grid.points, grid.values, errors=np.full((len(grid), 1), ERROR))
    assert within_envelope(table_of(values), noisy).all()  # 0.11 < sqrt(0.1^2 + 0.1^2)


def test_a_described_table_is_cut_with_the_probability_of_the_level(linear):
    """4 x 80 tables at a level of 10 %: 32 +- 5.4 are cut, and three standard deviations are allowed.

    A correct code fails in 0.2 % of seeds.  One that cuts 2 % of the tables fails in 99.9 %, one that cuts
    5 % in 46 %.
    """
    rng, cut = np.random.default_rng(2), 0
    expected = linear.values(TRUTH)
    for _ in range(80):
        data = table_of(expected + ERROR * rng.standard_normal(len(expected)))
        cut += int((~longest_runs(data, linear, level=0.1)).reshape(TABLES, BINS).any(axis=1).sum())
    assert cut == pytest.approx(32, abs=3 * 5.4)


def test_a_run_with_a_hopeless_end_is_kept_without_it(linear):
    values = linear.values(TRUTH)
    values[BINS - 2 : BINS] += [0.8, -0.8]
    kept = longest_runs(table_of(values), linear).reshape(TABLES, BINS)
    assert kept[1:].all()
    assert kept[0, :-2].all()
    assert not kept[0, -2:].all()


def test_a_hopeless_table_is_lost(linear):
    values = linear.values(TRUTH)
    values[:BINS] += 50 * ERROR * np.tile([1, -1], BINS // 2)
    kept = longest_runs(table_of(values), linear).reshape(TABLES, BINS)
    assert kept[1:].all()
    assert kept[0].sum() <= 1


def test_order_of_rows_does_not_matter(linear):
    values = linear.values(TRUTH) + ERROR * np.random.default_rng(3).standard_normal(TABLES * BINS) * 1.6
    data, order = table_of(values), np.random.default_rng(4).permutation(TABLES * BINS)
    kept = longest_runs(data, linear)
    shuffled = longest_runs(data.iloc[order], linear.only(order))
    assert (shuffled == kept[order]).all()
    assert not kept.all()


def test_a_stricter_level_keeps_less(linear):
    values = linear.values(TRUTH) + ERROR * np.random.default_rng(5).standard_normal(TABLES * BINS) * 1.5
    number = [longest_runs(table_of(values), linear, level=level).sum() for level in (1e-6, 0.01, 0.3, 0.9)]
    assert number == sorted(number, reverse=True)
    assert number[0] > number[-1]


def test_one_bin_that_can_be_fitted_stays_and_one_out_of_reach_goes(linear):
    """Two parameters fit a lone bin exactly, unless both end at their bounds."""
    one = linear.only([0])
    high = 5 + abs(one.gradients(TRUTH)).sum()
    row = table_of(linear.values(TRUTH)).iloc[[0]]
    assert longest_runs(row, one).all()
    assert longest_runs(row.assign(value=high + 1.5 * ERROR), one).all()
    assert not longest_runs(row.assign(value=high + 3 * ERROR), one).any()


def test_probability_of_a_run_is_uniform_for_normal_errors():
    """Pulls of a fit of 4 parameters to 20 bins; runs of several lengths.  Exact for all bins; elsewhere an
    approximation good to 0.01.  2,000 draws fix a share of 50 % to 0.011: 0.05 is 4 of these and the rest."""
    rng = np.random.default_rng(6)
    span, _ = np.linalg.qr(rng.normal(size=(20, 4)))
    residual_maker = np.eye(20) - span @ span.T
    pulls = rng.standard_normal((2000, 20)) @ residual_maker
    probability = np.array([run_probabilities(one, residual_maker) for one in pulls])
    for first, last in ((0, 19), (3, 12), (0, 4), (7, 7)):
        for level in (0.1, 0.5):
            assert (probability[:, first, last] < level).mean() == pytest.approx(level, abs=0.05)
