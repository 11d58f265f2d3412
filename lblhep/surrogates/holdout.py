"""How well surrogates predict grid points that they were not fitted to, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lblhep.surrogates.surrogate import Surrogate

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HoldOut:
    """``residuals`` (N, B): prediction of a point left out, less its value; ``errors`` (N, B) of these."""

    residuals: Floats
    errors: Floats | None

    @property
    def rms(self) -> Floats:
        """Of the residuals over the points, (B,), in the bins' own units."""
        return np.asarray(np.sqrt((self.residuals**2).mean(axis=0)))

    @property
    def relative_rms(self) -> Floats:
        """The same in units of the Monte Carlo errors, (B,): a little above 1 where nothing but noise is
        left.

        (The prediction's own noise adds to the point's.)  Raises ValueError for a grid without errors.
        """
        if self.errors is None:
            raise ValueError("relative to what? the grid has no Monte Carlo errors: Grid(..., errors=...)")
        return np.asarray(np.sqrt(((self.residuals / self.errors) ** 2).mean(axis=0)))

    def worst(self, count: int = 10) -> list[tuple[int, float]]:
        """The bins predicted worst, worst first, with their ``relative_rms``, or ``rms`` without errors."""
        size = self.rms if self.errors is None else self.relative_rms
        return [(int(b), float(size[b])) for b in np.argsort(-size, kind="stable")[:count]]


def hold_out(surrogate: Surrogate, folds: int | None = None, *, seed: int = 0) -> HoldOut:
    """Leave out each point in turn, or each of ``folds`` random parts, and predict it from all the others.

    Polynomials need no refit (closed form); rationals are fitted again each time.  Raises ValueError if fewer
    than 2 folds or more than points are asked for, or if a part is too large to do without.
    """
    grid = surrogate.fitted_grid
    count = len(grid) if folds is None else folds
    if not 2 <= count <= len(grid):
        raise ValueError(f"{count} folds of {len(grid)} points: take 2 to {len(grid)}")
    residuals = np.empty_like(grid.values)
    for part in np.array_split(np.random.default_rng(seed).permutation(len(grid)), count):
        residuals[part] = surrogate.predict_left_out(part) - grid.values[part]
    return HoldOut(residuals, grid.errors)
