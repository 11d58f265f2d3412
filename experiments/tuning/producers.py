"""Produce a grid of generator points with their histograms, which a tune starts from.

An event range lies at one point, and ranges go round the points, so that a production cut short after any
round is a smaller grid of the same events.  A range becomes a table of one row a bin, with the sums of its
fills; the ranges are then merged into one row a bin, with lists over points.  The covariance of bins, which
at 64 points would be 64 matrices, is kept as one correlation matrix beside each point's variances.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from experiments.tuning.events.histograms import bin_columns, read_histograms
from experiments.tuning.events.moments import Moments, generate
from lblhep.annotations import Floats
from lblhep.cards.ranges import EventRange
from lblhep.surrogates import Box

# Far below the statistical errors, and above what another machine's round-off could change.
SUM_DIGITS = 4
CORRELATION_DIGITS = 4
PARAMETER_DIGITS = 6  # a point is known by the numbers that a table shows


def sobol_design(limits: Mapping[str, Sequence[float]], points: int, seed: int) -> list[dict[str, float]]:
    """Return ``points`` scrambled Sobol points in the box ``{name: [low, high]}``, rounded to six digits.

    Raises ValueError unless ``points`` is a power of 2, which keeps the sequence balanced.
    """
    low, high = zip(*limits.values(), strict=True)
    box = Box(list(limits), low, high)
    design = box.sobol(points, seed).round(PARAMETER_DIGITS)
    return [dict(zip(box.names, map(float, point), strict=True)) for point in design]


def z_hadrons(
    events: EventRange,
    *,
    box: Mapping[str, Sequence[float]],
    points: int,
    design_seed: int,
    events_per_range: int,
    histograms: Mapping[str, Mapping[str, Any]],
) -> pa.Table:
    """Make one range of hadronic Z decays at its point: sums over its events.

    Args:
        events: the range, which must have ``events_per_range`` events.
        box: low and high end of each parameter.
        points: number of points of the design, a power of 2.
        design_seed: seed of the design.
        events_per_range: the card's ``range``.
        histograms: the card's histograms.

    Returns:
        A row for each bin: ``point``, ``events``, ``sum``, ``sum_squares`` and ``products``.

    Raises:
        ValueError: if the range has another size.
    """
    number, rest = divmod(events.start, events_per_range)
    if rest or len(events) != events_per_range:
        raise ValueError(f"events_per_range is {events_per_range}: it must be the card's `range`")
    point = number % points
    parameters = sobol_design(box, points, design_seed)[point]
    moments = generate(parameters, read_histograms(histograms), len(events), events.seed)
    products = pa.array(moments.products.astype(np.float32).ravel())
    return pa.table(
        {
            "point": np.full(len(moments.sum), point),
            "events": np.full(len(moments.sum), len(events)),
            "sum": moments.sum,
            "sum_squares": moments.sum_squares,
            "products": pa.FixedSizeListArray.from_arrays(products, len(moments.sum)),
        }
    )


def merged_grid(
    parts: Iterable[pa.Table],
    *,
    box: Mapping[str, Sequence[float]],
    points: int,
    design_seed: int,
    events_per_range: int,
    histograms: Mapping[str, Mapping[str, Any]],
) -> pa.Table:
    """Merge the ranges into a row for each bin: sums as lists over points, and the pooled correlation.

    The design is stored with the sums, the same list in every row, because a later version of scipy may
    scramble otherwise.

    Args:
        parts: the tables of the ranges (``z_hadrons``).
        box: low and high end of each parameter.
        points: number of points of the design.
        design_seed: seed of the design.
        events_per_range: the card's ``range``; the merge does not use it.
        histograms: the card's histograms.

    Returns:
        The grid, with the columns of the data card.

    Raises:
        ValueError: if a point has no events.
    """
    design = sobol_design(box, points, design_seed)
    columns = bin_columns(read_histograms(histograms))
    bins = len(columns["x_low"])
    events = np.zeros(points, dtype=np.int64)
    total, squares = np.zeros((bins, points)), np.zeros((bins, points))
    pooled = PooledCorrelation()
    for part in parts:
        point, moments = _read(part)
        events[point] += moments.events
        total[:, point] += moments.sum
        squares[:, point] += moments.sum_squares
        pooled.add(moments)
    if not events.all():
        raise ValueError(f"{(events == 0).sum()} of {points} points have no events: too few ranges")
    return pa.table(
        {
            **columns,
            "events": [events] * bins,
            "sum": list(total.round(SUM_DIGITS)),
            "sum_squares": list(squares.round(SUM_DIGITS)),
            "correlation": list(pooled.matrix().round(CORRELATION_DIGITS).astype(np.float32)),
            **{name: [[point[name] for point in design]] * bins for name in box},
        }
    )


def _read(part: pa.Table) -> tuple[int, Moments]:
    """Return a range's point and moments, from its table."""
    bins = len(part)
    total, squares = (part[name].to_numpy() for name in ("sum", "sum_squares"))
    products = part["products"].combine_chunks().flatten().to_numpy().reshape(bins, bins)
    moments = Moments(part["events"][0].as_py(), total, squares, products.astype(np.float64))
    return part["point"][0].as_py(), moments


class PooledCorrelation:
    """The pooled correlation is the mean of the ranges' correlation matrices.

    A bin that is empty in a range has no correlation there: that range adds a row of zeros, and the sum is
    brought back to a unit diagonal, which keeps it positive semi-definite.
    """

    def __init__(self) -> None:
        self._sum: Floats | float = 0.0

    def add(self, moments: Moments) -> None:
        """Add the moments of a range."""
        self._sum = self._sum + _to_unit_diagonal(moments.products)

    def matrix(self) -> Floats:
        """Return the correlation (bins, bins); it is 1 on the diagonal, also of bins never filled."""
        matrix = _to_unit_diagonal(np.asarray(self._sum))
        np.fill_diagonal(matrix, 1.0)
        return matrix


def _to_unit_diagonal(products: Floats) -> Floats:
    """Return the matrix scaled so that its diagonal is 1, or 0 where it was."""
    deviation = np.sqrt(np.diag(products))
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    scaled: Floats = products * inverse * inverse[:, None]
    return scaled
