"""A grid holds what the generator gave: bin contents at points of a box, with their Monte Carlo errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lblhep.annotations import Floats
from lblhep.surrogates.box import Box


class Grid:
    """A grid has ``values`` (N, B) of B bins at ``points`` (N, d), and standard ``errors``, (N, B) or (N, 1).

    Bins filled by the same events fluctuate together.  Different points have different events.

    Args:
        box: the box of the parameters.
        points: where the generator was run, (N, d).
        values: contents of the bins, (N, B).
        errors: their standard errors, (N, B) or (N, 1); None if they are not known.
        correlation: of the bins at one point, pooled over points, (B, B); None means independent bins.

    Raises:
        ValueError: for shapes that do not fit, values that are not finite, points outside the box,
            errors that are not positive, and what cannot be a correlation.

    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> len(grid), grid.bins
    (3, 2)
    """

    def __init__(
        self,
        box: Box,
        points: ArrayLike,
        values: ArrayLike,
        *,
        errors: ArrayLike | None = None,
        correlation: ArrayLike | None = None,
    ) -> None:
        self.box = box
        self.points: Floats = np.asarray(points, dtype=np.float64)
        self.values: Floats = np.asarray(values, dtype=np.float64)
        if self.points.ndim != 2 or self.values.ndim != 2 or len(self.points) != len(self.values):
            raise ValueError(
                f"points of shape {self.points.shape} and values of shape {self.values.shape}: expected"
                " (points, parameters) and (points, bins)"
            )
        if not np.isfinite(self.values).all():
            point, column = np.argwhere(~np.isfinite(self.values))[0]
            raise ValueError(f"bin {column} at point {point} is not finite: leave the bin or the point out")
        self.x = box.scale(self.points)  # in [-1, 1]
        self.errors = None if errors is None else _errors(errors, self.values.shape)
        self.correlation = None if correlation is None else checked_correlation(correlation, self.bins)

    @property
    def bins(self) -> int:
        """Return the number of bins."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.points)

    def at(self, rows: ArrayLike) -> Grid:
        """Return the grid at some of its points: indices or a mask (N,)."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        errors = None if self.errors is None else self.errors[chosen]
        return Grid(
            self.box, self.points[chosen], self.values[chosen], errors=errors, correlation=self.correlation
        )

    def only(self, bins: ArrayLike) -> Grid:
        """Return the grid of some of its bins: indices or a mask (B,)."""
        chosen = np.arange(self.bins)[np.asarray(bins)]
        correlation = None if self.correlation is None else self.correlation[np.ix_(chosen, chosen)]
        errors = None if self.errors is None else self.errors[:, chosen]
        return Grid(self.box, self.points, self.values[:, chosen], errors=errors, correlation=correlation)

    def weights(self) -> Floats:
        """Return least-squares weights 1 / error^2, (N, B), or (N, 1) where bins share them; else 1."""
        if self.errors is None:
            return np.ones((len(self), 1))
        weights = self.errors**-2
        relative = weights / weights.mean(axis=0)
        # A bin's weights may be scaled without changing its fit, so bins in proportion are fitted as one.
        return relative[:, :1] if np.allclose(relative, relative[:, :1], rtol=1e-12, atol=0) else weights


def checked_correlation(correlation: ArrayLike, bins: int) -> Floats:
    """Return a correlation matrix (B, B); raise ValueError if it cannot be one."""
    matrix = np.asarray(correlation, dtype=np.float64)
    if matrix.shape != (bins, bins):
        raise ValueError(f"a correlation of shape {matrix.shape} for {bins} bins: expected {(bins, bins)}")
    if not (
        np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1) and abs(matrix).max() <= 1 + 1e-9
    ):
        raise ValueError("a correlation is symmetric with 1 on its diagonal and nothing beyond +-1")
    return matrix


def _errors(errors: ArrayLike, shape: tuple[int, int]) -> Floats:
    given = np.asarray(errors, dtype=np.float64)
    if given.shape not in (shape, (shape[0], 1)):
        raise ValueError(
            f"errors of shape {given.shape} for values of shape {shape}: expected that, or one column"
        )
    if not (np.isfinite(given) & (given > 0)).all():
        point, column = np.argwhere(~(np.isfinite(given) & (given > 0)))[0]
        raise ValueError(
            f"the error of bin {column} at point {point} is {given[point, column]:g}: a bin that no event"
            " filled needs a floor, such as the error of one event (numpy.maximum(errors, floor))"
        )
    return np.broadcast_to(given, shape)
