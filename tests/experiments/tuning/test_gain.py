"""The gain of a tune over itself: two samples of one parameter point, which differ in size alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from experiments.tuning import datasets
from experiments.tuning.datasets import GeneratorGrid, Measured, Prediction
from experiments.tuning.events.histograms import fills, read_histograms
from experiments.tuning.events.lund import MONASH, settings
from experiments.tuning.events.moments import Moments, equal_multiplicity
from experiments.tuning.events.pythia import charged_particles
from experiments.tuning.events.shapes import measure
from experiments.tuning.metrics import difference
from lblhep.cards import open_sample
from tests.experiments.tuning.conftest import REPOSITORY

PAIRS = 200
POOL = 1500
# Shapes that the same events fill, and a spectrum that is normalised.
OBSERVABLES = ["one_minus_thrust", "c_parameter", "b_sum", "b_max", "sphericity", "d2_durham", "x_p"]

Generate = Callable[[dict[str, float], object, int, int], Moments]


@pytest.fixture(scope="module")
def generate(grid: GeneratorGrid) -> Generate:
    """Events drawn from a pool of Pythia's, with replacement: independent samples of one distribution.

    Their bins are correlated as Pythia's are, and four million of them cost seconds rather than an hour.
    """
    histograms = [h for h in read_histograms(grid.histograms) if h.observable in OBSERVABLES]
    batches = charged_particles(settings(MONASH), POOL, seed=7)
    groups = [group for batch in batches for group in equal_multiplicity(*batch)]
    rows = np.concatenate([fills(measure(group), histograms) for group in groups])
    used = np.flatnonzero(grid.place["observable"].isin(OBSERVABLES))
    bins = len(grid.place)

    def draw(point: dict[str, float], histograms: object, events: int, seed: int) -> Moments:
        rng = np.random.default_rng(seed)
        times = np.bincount(rng.integers(len(rows), size=events), minlength=len(rows))
        total, squares, products = np.zeros(bins), np.zeros(bins), np.zeros((bins, bins))
        total[used] = times @ rows
        of_used = (rows * times[:, None]).T @ rows
        squares[used] = np.diag(of_used)
        products[np.ix_(used, used)] = of_used - np.outer(total[used], total[used]) / events
        return Moments(events, total, squares, products)

    return draw


@pytest.fixture(scope="module")
def grid() -> GeneratorGrid:
    return GeneratorGrid(open_sample(REPOSITORY, "z-hadrons-pythia8"))


def test_samples_of_one_point_gain_nothing_and_the_error_is_their_spread(grid, generate, monkeypatch):
    """200 pairs of 18,000 and 2,000 events.

    Their mean is zero within three of its standard errors (a correct code fails in 0.3 % of seeds), and their
    spread, known to 5 %, agrees with the stated error to 15 % (it fails in 0.5 %).  Errors summed bin by bin,
    as if other events filled each, are a third smaller.
    """
    measured = Measured(open_sample(REPOSITORY, "lep-hadronic-z"), observables=OBSERVABLES)
    monkeypatch.setattr(datasets, "generate", generate)
    monkeypatch.setattr(grid, "_rows", cache(grid._rows))  # of one set of bins, in every run
    pairs = [
        (
            grid.run(measured, MONASH, 18_000, seed=2 * pair),
            grid.run(measured, MONASH, 2_000, seed=2 * pair + 1),
        )
        for pair in range(PAIRS)
    ]
    gains, errors = np.array([difference(measured.bins, *pair) for pair in pairs]).T
    alone = np.array([difference(measured.bins, *map(without_correlation, pair))[1] for pair in pairs])
    spread = gains.std(ddof=1)
    assert abs(gains.mean()) < 3 * spread / np.sqrt(PAIRS)
    assert np.sqrt((errors**2).mean()) == pytest.approx(spread, rel=0.15)
    assert np.sqrt((alone**2).mean()) < 0.8 * np.sqrt((errors**2).mean())


def without_correlation(prediction: Prediction) -> Prediction:
    """Return the prediction as if each bin had been filled by other events."""
    return Prediction(prediction.values, np.diag(np.diag(prediction.covariance)))
