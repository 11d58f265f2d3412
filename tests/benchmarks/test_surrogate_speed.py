"""Surrogates and tunes against pyapprentice 1.1: the same numbers, and how many times faster.

``pytest tests/benchmarks/test_surrogate_speed.py -s`` prints the ratios; without apprentice it is skipped.
Install it with ``pip install --no-deps pyapprentice==1.1 --target DIR`` and set ``PYTHONPATH=DIR`` for the
test.  What it needs for numpy 2 is mended here: ``np.Infinity`` and ``np.float`` are gone.  numba, which it
can use, is absent.

500 bins of cubics of 3 parameters at 100 points, no weights, as apprentice fits.  One thread; the thread's
own time; both warmed up and timed in turn; the median of the ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from lblhep.surrogates import Box, Chi2, Grid, Polynomials, fit_polynomials, tune

pytestmark = pytest.mark.benchmark

BINS, POINTS, STARTS = 500, 100, 20
NAMES = ["alphaS", "bLund", "sigma"]


@pytest.fixture(scope="module")
def apprentice() -> ModuleType:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(np, "Infinity", np.inf, raising=False)
        patched.setattr(np, "float", float, raising=False)
        yield pytest.importorskip("apprentice")


@pytest.fixture(scope="module")
def grid() -> Grid:
    """Smooth bins with noise, in the smallest box around the points: that is what apprentice scales with."""
    rng = np.random.default_rng(1)
    points = Box(NAMES, [0.10, 0.2, 0.2], [0.16, 1.8, 0.5]).latin_hypercube(POINTS, seed=2)
    box = Box(NAMES, points.min(axis=0), points.max(axis=0))
    values = 5 * np.exp(box.scale(points) @ rng.normal(0, 0.3, (3, BINS)))
    return Grid(box, points, values + 0.05 * rng.normal(size=values.shape))


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


def test_building_polynomials(apprentice: ModuleType, grid: Grid) -> None:
    reference = np.array([fit._pcoeff for fit in theirs(apprentice, grid)]).T
    difference = abs(fit_polynomials(grid, 3).coefficients - reference).max()
    assert difference < 1e-10

    def ours() -> Polynomials:  # with the checks of the grid, as a user pays for them
        return fit_polynomials(Grid(grid.box, grid.points, grid.values), 3)

    faster = ratio(lambda: theirs(apprentice, grid), ours, repeats=50)
    print(f"\n{BINS} bins x {POINTS} points: {faster:.0f} times faster; coefficients within {difference:.0e}")
    assert faster >= 100


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
