"""Sum fills over events, to get means, variances and covariance of bins from a generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from experiments.tuning.events.histograms import Histogram, fills, n_bins
from experiments.tuning.events.lund import settings
from experiments.tuning.events.pythia import charged_particles
from experiments.tuning.events.shapes import measure
from lblhep.annotations import Floats

GROUP_SIZE = 250  # events measured at once: their pairs of particles fit into a processor's cache
MIN_CHARGED = 2  # charged particles; an event with fewer counts, and fills nothing


@dataclass
class Moments:
    """Moments are sums over ``events`` events: of fills and their squares (bins,), and of products (bins,
    bins).

    The products are those of the fills' deviations from the mean.
    """

    events: int
    sum: Floats
    sum_squares: Floats
    products: Floats

    def mean(self) -> Floats:
        """Return the mean fill of an event (bins,)."""
        return self.sum / self.events


def generate(
    point: Mapping[str, float], histograms: Sequence[Histogram], n_events: int, seed: int
) -> Moments:
    """Generate events at one point and sum their fills.

    Args:
        point: values of the parameters, as in ``lund.settings``.
        histograms: what to fill.
        n_events: number of events.
        seed: of Pythia, any non-negative integer.

    Returns:
        The moments of all bins, in the order of the histograms.
    """
    bins = n_bins(histograms)
    total, products = np.zeros(bins), np.zeros((bins, bins), order="F")
    for momenta, multiplicity in charged_particles(settings(point), n_events, seed):
        rows = [fills(measure(group), histograms) for group in equal_multiplicity(momenta, multiplicity)]
        row = np.concatenate(rows)
        total += row.sum(axis=0)
        products = dsyrk(1.0, row.T, beta=1.0, c=products, lower=1, overwrite_c=1)
    lower = np.tril(products)
    symmetric = lower + np.tril(lower, -1).T
    return Moments(n_events, total, np.diag(symmetric).copy(), symmetric - np.outer(total, total) / n_events)


def equal_multiplicity(momenta: Floats, multiplicity: NDArray[np.int64]) -> Iterator[Floats]:
    """Yield groups of at most ``GROUP_SIZE`` events of the same multiplicity, (events, particles, 4)."""
    first = np.concatenate([[0], np.cumsum(multiplicity)[:-1]])
    for n in np.unique(multiplicity[multiplicity >= MIN_CHARGED]):
        starts = first[multiplicity == n]
        for group in np.split(starts, range(GROUP_SIZE, len(starts), GROUP_SIZE)):
            yield momenta[group[:, None] + np.arange(n)]
