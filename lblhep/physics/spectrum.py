"""The m_jj axis of a bump hunt: logarithmic bins, and windows of a signal region between two sidebands.

Bins of equal width in ln(m) follow a detector whose resolution is a fixed fraction of m.  A window with index
i takes ``region`` consecutive bins as its signal region and ``sideband`` bins on either side of it:

    bins     0  1  2  3  4  5  6  7  8  9 ...
    window 0 [sideband][region ][sideband]
    window 1    [sideband][region ][sideband]

All intervals are half-open, low <= m < high, so that every event lies in exactly one bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lblhep.annotations import Floats, Integers, Mask


def log_edges(low: float, width: float, bins: int) -> Floats:
    """The ``bins + 1`` edges of bins that are ``width`` wide in ln(m), from ``low`` (GeV) upwards."""
    if not (0 < low < np.inf and 0 < width < np.inf and bins >= 1):
        raise ValueError(f"bins need low > 0, width > 0 and bins >= 1, not {low}, {width}, {bins}")
    return np.asarray(low * np.exp(width * np.arange(bins + 1)))


def bin_index(values: ArrayLike, edges: ArrayLike) -> Integers:
    """The bin of each value; -1 below the first edge (and for NaN), ``len(edges) - 1`` above the last."""
    x = np.asarray(values, dtype=np.float64)
    index = np.searchsorted(np.asarray(edges, dtype=np.float64), x, side="right") - 1
    return np.where(np.isnan(x), -1, index).astype(np.int64)


def counts(values: ArrayLike, edges: ArrayLike) -> Integers:
    """Events per bin, shape (bins,); events outside are left out."""
    index = bin_index(values, edges)
    bins = len(np.asarray(edges)) - 1
    return np.bincount(index[(index >= 0) & (index < bins)], minlength=bins).astype(np.int64)


@dataclass(frozen=True)
class Window:
    """One signal region low <= m < high between its sidebands; all edges in GeV."""

    index: int
    low: float
    high: float
    sideband_low: float
    sideband_high: float

    @property
    def centre(self) -> float:
        """The geometric middle of the signal region (GeV)."""
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
    """``bins`` logarithmic bins from ``low`` GeV, each cut into ``fit_bins_per_bin`` bins for the fit.

    The default is 2500 to 4741 GeV in 16 bins of 4 %, which makes 8 windows of 3 + 3 + 3 bins.
    """

    low: float = 2500.0
    width: float = 0.04
    bins: int = 16
    region: int = 3
    sideband: int = 3
    fit_bins_per_bin: int = 2

    def __post_init__(self) -> None:
        if self.region < 1 or self.sideband < 1 or self.fit_bins_per_bin < 1 or self.n_windows < 1:
            raise ValueError(f"{self} has no room for a window")

    @property
    def n_windows(self) -> int:
        return self.bins - self.region - 2 * self.sideband + 1

    @property
    def edges(self) -> Floats:
        """Edges of the window bins (GeV), shape (bins + 1,)."""
        return self.fit_edges[:: self.fit_bins_per_bin]

    @property
    def fit_edges(self) -> Floats:
        """Edges of the fit's finer bins (GeV), shape (bins * fit_bins_per_bin + 1,)."""
        n = self.fit_bins_per_bin
        return log_edges(self.low, self.width / n, self.bins * n)

    def window(self, index: int) -> Window:
        if not 0 <= index < self.n_windows:
            raise ValueError(f"window {index} does not exist: there are {self.n_windows}, from 0")
        first = index + self.sideband
        last = first + self.region
        e = self.edges
        low, high, start, stop = e[first], e[last], e[index], e[last + self.sideband]
        return Window(index, float(low), float(high), float(start), float(stop))

    def fit_mask(self, window: int) -> Mask:
        """True for the fit bins outside the window's signal region: those that the background fit uses."""
        self.window(window)
        first, n = window + self.sideband, self.fit_bins_per_bin
        mask = np.ones(self.bins * n, dtype=np.bool_)
        mask[first * n : (first + self.region) * n] = False
        return mask
