"""Measure how well surrogates predict grid points that they were not fitted to, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lblhep.annotations import Floats
from lblhep.surrogates.surrogate import Surrogate


@dataclass(frozen=True, eq=False)
class HoldOut:
    """A hold-out has ``residuals`` (N, B): predictions of points left out, less their values.

    ``errors`` (N, B) are those of the values; ``noise`` (N, B) is the variance of the residuals that they
    make, in the prediction and in the value.
    """

    residuals: Floats
    errors: Floats | None
    noise: Floats | None

    @property
    def rms(self) -> Floats:
        """Return the root mean square of the residuals over the points, (B,), in the bins' own units."""
        return np.asarray(np.sqrt((self.residuals**2).mean(axis=0)))

    @property
    def relative_rms(self) -> Floats:
        """Return the rms in units of the Monte Carlo errors, (B,): a little above 1 where only noise is left.

        (The prediction's own noise adds to the point's.)  Raises ValueError for a grid without errors.
        """
        if self.errors is None:
            raise ValueError("relative to what? the grid has no Monte Carlo errors: Grid(..., errors=...)")
        return np.asarray(np.sqrt(((self.residuals / self.errors) ** 2).mean(axis=0)))

    @property
    def misfit(self) -> Floats:
        """Return the variance (B,) of the residuals beyond noise, made by a wrong shape of the surrogates.

        To be added to the data's variance where the surrogates' covariance alone makes errors of a tune too
        short.  It is one number for the whole box, and mostly too large for a tune in its middle, because
        points at its edge, left out, are extrapolated to.  It is no bound for a single bin: of bins in which
        misfit and noise are alike, it is below the misfit's mean square over the box in a third.  On average
        over bins, on smooth functions of 3 to 5 parameters that the order misses, with 64 or 128 points:

        * where the misfit exceeds the Monte Carlo error: 1.2 to 3 times the mean square misfit in the box,
          and 2 to 4 (quadratics) or 3 to 14 times (cubics) that in the middle 60 % of each parameter;
        * where noise exceeds the misfit: up to 0.8 of the Monte Carlo variance if an eighth of the points is
          left out at once, whose noise is larger than it is taken for; less than 0 counts as 0.

        So it can be trusted as a small addition, where it stays below the data's variance in nearly all bins.
        Where it dominates, chi2 / ndf is 0.1 and errors are two to four times too long: then take a higher
        order, or a smaller box.  It leaves out that the misfit of neighbouring bins goes together.
        Raises ValueError for a grid without errors.
        """
        if self.noise is None:
            raise ValueError("what is noise, what misfit? the grid has no errors: Grid(..., errors=...)")
        return np.asarray(np.maximum((self.residuals**2 - self.noise).mean(axis=0), 0.0))

    def worst(self, count: int = 10) -> list[tuple[int, float]]:
        """Return the bins predicted worst, worst first, with ``relative_rms``, or ``rms`` without errors."""
        size = self.rms if self.errors is None else self.relative_rms
        return [(int(b), float(size[b])) for b in np.argsort(-size, kind="stable")[:count]]


def hold_out(surrogate: Surrogate, folds: int | None = None, *, seed: int = 0) -> HoldOut:
    """Leave out each point in turn, or each of ``folds`` random parts, and predict it from all the others.

    Polynomials need no refit (closed form); rationals are fitted again each time.  Raises ValueError if fewer
    than 2 folds or more than points are asked for, or if a part is too large to do without.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> points = [[0.0], [0.5], [1.0], [2.0]]
    >>> grid = Grid(Box(["a"], [0.0], [2.0]), points, points, errors=[[0.1]] * 4)
    >>> hold_out(fit_polynomials(grid, 1)).rms.round(9).tolist()  # a straight line is predicted exactly
    [0.0]
    """
    grid = surrogate.fitted_grid
    count = len(grid) if folds is None else folds
    if not 2 <= count <= len(grid):
        raise ValueError(f"{count} folds of {len(grid)} points: take 2 to {len(grid)}")
    residuals = np.empty_like(grid.values)
    for part in np.array_split(np.random.default_rng(seed).permutation(len(grid)), count):
        residuals[part] = surrogate.predict_left_out(part) - grid.values[part]
    return HoldOut(residuals, grid.errors, None if grid.errors is None else _noise(surrogate))


def _noise(surrogate: Surrogate) -> Floats:
    """Return the variance (N, B) of prediction less value at points left out; exact for linear fits.

    Prediction less value is then 1 / (1 - h) of the residual of the fit with the point, where h is the
    response of the fit at the point to the point's own value.
    """
    grid = surrogate.fitted_grid
    assert grid.errors is not None
    noise = np.empty_like(grid.values)
    for i, (point, error) in enumerate(zip(grid.points, grid.errors, strict=True)):
        loadings, _ = surrogate.loadings(point)  # (B, N)
        own = loadings[:, i]
        noise[i] = error**2 + ((loadings**2).sum(axis=1) - own**2) / (1 - own / error) ** 2
    return noise
