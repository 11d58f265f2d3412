"""The m_jj axis of the hunt divides into bins and windows, and a smooth curve is fitted to spectra on it.

Bins of equal width in ln(m) follow a detector whose resolution is a fixed fraction of m.  A window with index
i takes ``region`` consecutive bins as its signal region and ``sideband`` bins on either side of it:

    bins     0  1  2  3  4  5  6  7  8  9 ...
    window 0 [sideband][region ][sideband]
    window 1    [sideband][region ][sideband]

All intervals are half-open, low <= m < high, so that every event lies in exactly one bin.  Null
pseudo-experiments are drawn from the smooth curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import hist
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lblhep.annotations import Floats, Integers, Mask
from lblhep.physics.dijet_fit import DijetFit, fit_dijet
from lblhep.physics.sampling import draw_mjj

SMOOTH_PARAMETERS = 4  # parameters of the curve that null masses are drawn from


@dataclass(frozen=True)
class Window:
    """Places one signal region low <= m < high between its sidebands; all edges are in GeV."""

    index: int
    low: float
    high: float
    sideband_low: float
    sideband_high: float

    @property
    def centre(self) -> float:
        """Return the geometric middle of the signal region (GeV)."""
        return float(np.sqrt(self.low * self.high))

    def in_region(self, mjj: ArrayLike) -> Mask:
        m = np.asarray(mjj, dtype=np.float64)
        return np.asarray((m >= self.low) & (m < self.high))

    def in_lower_sideband(self, mjj: ArrayLike) -> Mask:
        m = np.asarray(mjj, dtype=np.float64)
        return np.asarray((m >= self.sideband_low) & (m < self.low))

    def in_upper_sideband(self, mjj: ArrayLike) -> Mask:
        m = np.asarray(mjj, dtype=np.float64)
        return np.asarray((m >= self.high) & (m < self.sideband_high))


@dataclass(frozen=True)
class Binning:
    """Divides the m_jj axis into ``bins`` bins of equal ``width`` in ln(m), from ``low`` GeV upwards.

    A window takes ``region`` bins as its signal region and ``sideband`` bins on either side.  For the fit,
    every bin is cut into ``fit_bins_per_bin`` bins.
    """

    low: float
    width: float
    bins: int
    region: int
    sideband: int
    fit_bins_per_bin: int

    def __post_init__(self) -> None:
        if not (0 < self.low < np.inf and 0 < self.width < np.inf and self.bins >= 1):
            raise ValueError(f"bins need low > 0, width > 0 and bins >= 1: {self}")
        if self.region < 1 or self.sideband < 1 or self.fit_bins_per_bin < 1 or self.n_windows < 1:
            raise ValueError(f"{self} has no room for a window")

    @property
    def n_windows(self) -> int:
        return self.bins - self.region - 2 * self.sideband + 1

    @property
    def edges(self) -> Floats:
        """Return the edges of the window bins (GeV), shape (bins + 1,)."""
        return self.fit_edges[:: self.fit_bins_per_bin]

    @property
    def fit_edges(self) -> Floats:
        """Return the edges of the fit's finer bins (GeV), shape (bins * fit_bins_per_bin + 1,)."""
        n = self.fit_bins_per_bin
        return np.asarray(self.low * np.exp(self.width / n * np.arange(self.bins * n + 1)))

    def window(self, index: int) -> Window:
        if not 0 <= index < self.n_windows:
            raise ValueError(f"window {index} does not exist: there are {self.n_windows}, from 0")
        first = index + self.sideband
        last = first + self.region
        e = self.edges
        low, high, start, stop = e[first], e[last], e[index], e[last + self.sideband]
        return Window(index, float(low), float(high), float(start), float(stop))

    def fit_mask(self, window: int) -> Mask:
        """Mark the fit bins outside the window's signal region: those that the background fit uses."""
        self.window(window)
        first, n = window + self.sideband, self.fit_bins_per_bin
        mask = np.ones(self.bins * n, dtype=np.bool_)
        mask[first * n : (first + self.region) * n] = False
        return mask


# The range is 2500 to 4741 GeV: it begins above the turn-on of the selection and ends where the background
# has no more events to learn from.  Its 16 bins of 4 % make 8 windows of 3 + 3 + 3 bins.
BINNING = Binning(low=2500.0, width=0.04, bins=16, region=3, sideband=3, fit_bins_per_bin=2)
MASS_RANGE = (float(BINNING.fit_edges[0]), float(BINNING.fit_edges[-1]))  # GeV


def counts(masses: ArrayLike) -> Integers:
    """Count events in the fit's bins, shape (bins,), by their masses (GeV); events outside are left out."""
    histogram = hist.Hist(hist.axis.Variable(BINNING.fit_edges)).fill(np.asarray(masses))
    return np.asarray(histogram.values(), dtype=np.int64)


def smooth_masses(observed: NDArray[np.float32], size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw ``size`` masses (GeV) from the smooth curve fitted to ``observed``, nothing masked."""
    fit = fit_dijet(counts(observed), BINNING.fit_edges, n_parameters=SMOOTH_PARAMETERS)
    return draw_mjj(fit, size, rng, *MASS_RANGE).astype(np.float32)


def fit_background(spectrum: NDArray[np.int64], window: int, n_parameters: int) -> DijetFit:
    """Fit the dijet function to a spectrum in ``BINNING.fit_edges``, the window's signal region masked."""
    used = BINNING.fit_mask(window)
    return fit_dijet(spectrum, BINNING.fit_edges, used=used, n_parameters=n_parameters)


def fitted(
    spectrum: NDArray[np.int64], window: int, n_parameters: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the fit's expectation in every bin, masked ones too, and its standard error."""
    mean, covariance = fit_background(spectrum, window, n_parameters).predict(BINNING.fit_edges)
    return mean, np.sqrt(np.diagonal(covariance))
