"""Fill bins: each event adds its own content to each of them.

The fills of an event are one row of a matrix (events, bins) over the bins of all histograms, in their order.
Means, variances and the covariance of bins that the same events fill all follow from such rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.tuning.events.shapes import Values
from lblhep.annotations import Floats


@dataclass(frozen=True)
class Histogram:
    """A histogram is one measured distribution: where it was published, what it is of, and its bin edges."""

    experiment: str
    table: str
    observable: str
    edges: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def scale(self) -> Floats:
        """Return what turns the mean fill of an event into the published value, (bins,).

        It is 1 / width, so that most values are (1/N) dN/dx; the multiplicity's are probabilities, and its
        mean is a number.
        """
        if self.observable in ("n_charged", "mean_n_charged"):
            return np.ones(len(self))
        return 1 / np.diff(self.edges)


def read_histograms(stated: Mapping[str, Mapping[str, Any]]) -> tuple[Histogram, ...]:
    """Read a card's ``histograms:``, ``experiment/table: {observable: ..., edges: [...]}``."""
    histograms = []
    for place, histogram in stated.items():
        experiment, _, table = place.partition("/")
        edges = tuple(float(edge) for edge in histogram["edges"])
        histograms.append(Histogram(experiment, table, histogram["observable"], edges))
    return tuple(histograms)


def fills(values: Values, histograms: Sequence[Histogram]) -> Floats:
    """Return what each event adds to each bin, (events, bins)."""
    rows = [_fills_of(histogram, values) for histogram in histograms]
    return np.concatenate(rows, axis=1)


def n_bins(histograms: Sequence[Histogram]) -> int:
    """Return the number of bins of all histograms."""
    return sum(len(histogram) for histogram in histograms)


def bin_columns(histograms: Sequence[Histogram]) -> dict[str, list[Any]]:
    """Return a table of the bins, in the order of the fills: whose they are, their edges and their scale."""
    return {
        "experiment": [histogram.experiment for histogram in histograms for _ in range(len(histogram))],
        "table": [histogram.table for histogram in histograms for _ in range(len(histogram))],
        "observable": [histogram.observable for histogram in histograms for _ in range(len(histogram))],
        "x_low": [edge for histogram in histograms for edge in histogram.edges[:-1]],
        "x_high": [edge for histogram in histograms for edge in histogram.edges[1:]],
        "scale": [float(scale) for histogram in histograms for scale in histogram.scale],
    }


def _fills_of(histogram: Histogram, values: Values) -> Floats:
    name = histogram.observable
    if name == "mean_n_charged":
        return values.per_event["n_charged"][:, None]
    if name == "aeec":
        return _antisymmetric(histogram, values)
    if name in values.per_pair:
        return _counted(histogram.edges, *values.per_pair[name])
    x = values.per_event[name][:, None] if name in values.per_event else values.per_particle[name]
    return _counted(histogram.edges, x)


def _antisymmetric(histogram: Histogram, values: Values) -> Floats:
    """Fill AEEC(cos chi) = EEC(cos chi) - EEC(-cos chi) for cos chi < 0: jets back to back win."""
    cosine, weight = values.per_pair["eec"]
    return _counted(histogram.edges, -abs(cosine), np.where(cosine < 0, weight, -weight))


def _counted(edges: Sequence[float], x: Floats, weight: Floats | None = None) -> Floats:
    """Return the sum of weights (default: the number) of an event's values (events, values) in each bin."""
    events, bins = len(x), len(edges) - 1
    # One bin more on either side takes what lies outside.
    index = np.searchsorted(edges, x.ravel(), side="right")
    index += np.repeat(np.arange(events) * (bins + 2), x.shape[1])
    count = np.bincount(
        index, weights=None if weight is None else weight.ravel(), minlength=events * (bins + 2)
    )
    return count.reshape(events, bins + 2)[:, 1:-1].astype(np.float64)
