"""Every surrogate offers values and slopes in all bins, and the covariance left by the grid's noise.

A fit is linear in small changes of the generator's values y: coefficients of bin b move by A_b dy_b,
``response`` (B, K, N).  At one point of the grid the bins fluctuate with errors s_bi and correlation C, and
different points are independent, so with the gradient g_b(p) of the surrogate's value in its coefficients

    cov[f_b(p), f_c(p)] = C_bc sum_i U_bi U_ci,     U_bi(p) = (g_b(p) . A_b)_i s_bi :

an elementwise product of the correlation with a matrix of rank N.  U, the ``loadings``, is all that is kept;
the covariance of all coefficients, (B K)^2 numbers, is never made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from lblhep.annotations import Floats
from lblhep.surrogates.box import Box
from lblhep.surrogates.grid import Grid


class Surrogate(ABC):
    """A surrogate is B functions of d parameters, fitted to a grid (None if read from elsewhere).

    Parameters are in their own units; outside the box every method raises ValueError.
    """

    box: Box
    grid: Grid | None

    @property
    @abstractmethod
    def bins(self) -> int:
        """Return the number of bins."""

    @abstractmethod
    def values(self, points: ArrayLike) -> Floats:
        """Return contents (..., B) at points (..., d)."""

    @abstractmethod
    def gradients(self, points: ArrayLike) -> Floats:
        """Return derivatives (..., B, d) at points (..., d)."""

    @abstractmethod
    def only(self, bins: ArrayLike) -> Surrogate:
        """Return the surrogates of some bins: indices or a mask (B,)."""

    @abstractmethod
    def predict_left_out(self, rows: ArrayLike) -> Floats:
        """Return values (n, B) at the grid's points ``rows`` (n,) of a fit to all its other points."""

    @property
    @abstractmethod
    def response(self) -> Floats:
        """Return d coefficients / d values of the grid, (B, K, N), or (1, K, N) where the bins share it."""

    @abstractmethod
    def coefficient_gradients(self, point: ArrayLike) -> tuple[Floats, Floats]:
        """Return d value / d coefficients (B, K) at a point (d,), and its slope (B, K, d).

        Axis 0 is 1 if the bins share it.
        """

    @property
    def fitted_grid(self) -> Grid:
        """Return the grid of the fit; raise ValueError if there is none."""
        if self.grid is None:
            raise ValueError(
                "these surrogates were read without their grid: fit the grid to validate or propagate"
            )
        return self.grid

    def loadings(self, point: ArrayLike) -> tuple[Floats, Floats]:
        """Return U (B, N) of the module's text at a point (d,), and its derivatives (B, N, d)."""
        errors = self.fitted_grid.errors
        if errors is None:
            raise ValueError("a covariance needs the grid's Monte Carlo errors: Grid(..., errors=...)")
        gradient, slope = self.coefficient_gradients(point)
        value = (gradient[:, None] @ self.response)[:, 0] * errors.T
        derivative = np.swapaxes(self.response, 1, 2) @ slope * errors.T[..., None]
        return value, derivative

    def covariance(self, point: ArrayLike) -> Floats:
        """Return the covariance (B, B) of the values at a point (d,), from the noise of the grid."""
        loadings, _ = self.loadings(point)
        return np.asarray(self.correlation * (loadings @ loadings.T))

    def variance(self, point: ArrayLike) -> Floats:
        """Return the variance (B,) of the values at a point (d,): the diagonal of ``covariance``."""
        loadings, _ = self.loadings(point)
        return np.asarray((loadings**2).sum(axis=1))

    @property
    def correlation(self) -> Floats:
        """Return the correlation of the bins at one point of the grid, (B, B)."""
        given = self.fitted_grid.correlation
        return np.eye(self.bins) if given is None else given
