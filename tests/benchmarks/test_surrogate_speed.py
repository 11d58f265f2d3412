"""Surrogates and tunes against pyapprentice 1.1: the same numbers, and how many times faster.

``pytest -m benchmark tests/benchmarks/test_surrogate_speed.py -s`` prints the ratios; without apprentice it
is skipped, except for the small inputs, which are compared with a loop over bins.
``tests/conftest.py`` says how to install it.  numba, which it can use, is absent.

500 bins of cubics of 3 parameters at 100 points, no weights, as apprentice fits.  One thread; the thread's
own time; both warmed up and timed in turn; the median of the ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import combinations_with_replacement
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from lblhep.surrogates import Box, Chi2, Grid, Polynomials, fit_polynomials, tune

BINS, POINTS, STARTS = 500, 100, 20
NAMES = ["alphaS", "bLund", "sigma"]


@pytest.fixture(scope="module")
def grid() -> Grid:
    return smooth_bins(BINS, POINTS)


def smooth_bins(bins: int, points: int) -> Grid:
    """Smooth bins with noise, in the smallest box around the points: that is what apprentice scales with."""
    rng = np.random.default_rng(1)
    sampled = Box(NAMES, [0.10, 0.2, 0.2], [0.16, 1.8, 0.5]).latin_hypercube(points, seed=2)
    box = Box(NAMES, sampled.min(axis=0), sampled.max(axis=0))
    values = 5 * np.exp(box.scale(sampled) @ rng.normal(0, 0.3, (3, bins)))
    return Grid(box, sampled, values + 0.05 * rng.normal(size=values.shape))


class BinByBin:
    """Cubics of one bin after the other, as a loop fits and evaluates them."""

    def __init__(self, grid: Grid) -> None:
        self.box = grid.box
        fits = [np.linalg.lstsq(self.monomials(grid.points), values)[0] for values in grid.values.T]
        self.coefficients = fits

    def monomials(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = self.box.scale(points)
        chosen = [of for order in range(4) for of in combinations_with_replacement(range(3), order)]
        return np.stack([scaled[..., list(of)].prod(axis=-1) for of in chosen], axis=-1)

    def values(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([self.monomials(point) @ of_bin for of_bin in self.coefficients])


def theirs(apprentice: ModuleType, grid: Grid) -> list[Any]:
    return [
        apprentice.PolynomialApproximation(grid.points, values, order=3, pnames=NAMES)
        for values in grid.values.T
    ]


def ratio(slow: Callable[[], object], fast: Callable[[], object], repeats: int) -> float:
    """How many times the thread's time of ``fast``, repeated because it is short, ``slow`` takes."""

    def seconds(call: Callable[[], object], times: int) -> float:
        start = time.thread_time()
        for _ in range(times):
            call()
        return (time.thread_time() - start) / times

    with threadpool_limits(1):
        seconds(slow, 1), seconds(fast, repeats)
        return statistics.median(seconds(slow, 1) / seconds(fast, repeats) for _ in range(5))


@pytest.mark.benchmark
def test_building_polynomials(apprentice: ModuleType, grid: Grid) -> None:
    reference = np.array([fit._pcoeff for fit in theirs(apprentice, grid)]).T
    difference = abs(fit_polynomials(grid, 3).coefficients - reference).max()
    assert difference < 1e-10

    def ours() -> Polynomials:  # with the checks of the grid, as a user pays for them
        return fit_polynomials(Grid(grid.box, grid.points, grid.values), 3)

    faster = ratio(lambda: theirs(apprentice, grid), ours, repeats=50)
    print(f"\n{BINS} bins x {POINTS} points: {faster:.0f} times faster; coefficients within {difference:.0e}")
    assert faster >= 100


@pytest.mark.benchmark
@pytest.mark.filterwarnings("ignore:Unknown solver options")  # its maxiter, to scipy's TNC
def test_tuning(apprentice: ModuleType, grid: Grid) -> None:
    """Same starts, same objective.  apprentice squares its weights; its minimiser is the default, TNC."""
    surrogate = fit_polynomials(grid, 3)
    truth = grid.box.unscale([0.2, -0.3, 0.1])
    errors = 0.02 * surrogate.values(truth)
    data = surrogate.values(truth) + errors * np.random.default_rng(3).normal(size=BINS)
    weights = np.where(np.arange(BINS) % 5 == 0, 2.0, 1.0)
    starts = grid.box.latin_hypercube(STARTS, seed=4)
    names = np.array([f"observable#{b}" for b in range(BINS)])
    bins = apprentice.AppSet(np.array(theirs(apprentice, grid)), names)
    objective = apprentice.appset.TuningObjective2(bins, None, data, errors, weights**2)

    def slow() -> Any:
        results = []
        for start in starts:
            objective.setManualStartPoint(start)
            results.append(objective.minimize(nstart=1, nrestart=1))
        return min(results, key=lambda result: result["fun"])

    chi2 = Chi2(surrogate, data, errors=errors, weights=weights**2)
    reference, result = slow(), tune(chi2, starts=starts)
    assert chi2(reference["x"]) == pytest.approx(reference["fun"], rel=1e-10)
    assert result.chi2 == pytest.approx(reference["fun"], rel=1e-6)
    assert result.reached == STARTS
    faster = ratio(slow, lambda: tune(chi2, starts=starts), repeats=10)
    print(
        f"\ntune of {BINS} bins from {STARTS} starts: {faster:.0f} times faster; chi2 {result.chi2:.8f},"
        f" apprentice's {reference['fun']:.8f}"
    )
    assert faster >= 10


def test_bins_are_fitted_together_faster_than_one_by_one() -> None:
    """Every run of the tests fits 50 bins at 40 points."""
    grid = smooth_bins(50, 40)
    point = grid.box.unscale([0.2, -0.3, 0.1])
    np.testing.assert_allclose(
        fit_polynomials(grid, 3).values(point), BinByBin(grid).values(point), rtol=1e-10
    )
    faster = ratio(lambda: BinByBin(grid), lambda: fit_polynomials(grid, 3), repeats=10)
    print(f"\n50 bins x 40 points: {faster:.1f} times faster than bin by bin")
    assert faster > 5


def test_a_tune_is_faster_than_a_loop_over_bins() -> None:
    """Every run of the tests tunes 50 bins from one start; the loop takes gradients by differences."""
    grid = smooth_bins(50, 40)
    surrogate, loop = fit_polynomials(grid, 3), BinByBin(grid)
    truth = grid.box.unscale([0.2, -0.3, 0.1])
    errors = 0.02 * surrogate.values(truth)
    data = surrogate.values(truth) + errors * np.random.default_rng(3).normal(size=50)
    starts = grid.box.latin_hypercube(1, seed=4)

    def chi2_of(scaled: NDArray[np.float64]) -> float:
        return float((((loop.values(grid.box.unscale(scaled)) - data) / errors) ** 2).sum())

    def slow() -> Any:
        return minimize(chi2_of, grid.box.scale(starts[0]), bounds=[(-1, 1)] * 3)

    chi2 = Chi2(surrogate, data, errors=errors)
    result = tune(chi2, starts=starts)
    assert result.chi2 == pytest.approx(slow().fun, rel=1e-5)
    faster = ratio(slow, lambda: tune(chi2, starts=starts), repeats=3)
    print(f"\ntune of 50 bins: {faster:.1f} times faster than a loop over bins")
    assert faster > 5
