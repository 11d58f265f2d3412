"""The hunt's m_jj axis, and the smooth spectrum that null pseudo-experiments are drawn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lblhep.physics.dijet_fit import DijetFit, fit_dijet
from lblhep.physics.sampling import draw_mjj
from lblhep.physics.spectrum import Binning, counts

# 2500 to 4741 GeV: above the turn-on of the selection, and as far as the background has events to learn from.
BINNING = Binning()
MASS_RANGE = (float(BINNING.fit_edges[0]), float(BINNING.fit_edges[-1]))
SMOOTH_PARAMETERS = 4  # of the curve that null masses are drawn from


def smooth_masses(observed: NDArray[np.float32], size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``size`` masses (GeV) drawn from the smooth curve fitted to ``observed``, nothing masked."""
    fit = fit_dijet(counts(observed, BINNING.fit_edges), BINNING.fit_edges, n_parameters=SMOOTH_PARAMETERS)
    return draw_mjj(fit, size, rng, *MASS_RANGE).astype(np.float32)


def fit_background(spectrum: NDArray[np.int64], window: int, n_parameters: int) -> DijetFit:
    """Fit the dijet function to a spectrum in ``BINNING.fit_edges``, the window's signal region masked."""
    used = BINNING.fit_mask(window)
    return fit_dijet(spectrum, BINNING.fit_edges, used=used, n_parameters=n_parameters)


def fitted(
    spectrum: NDArray[np.int64], window: int, n_parameters: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The fit's expectation in every bin, masked ones too, and its standard error."""
    mean, covariance = fit_background(spectrum, window, n_parameters).predict(BINNING.fit_edges)
    return mean, np.sqrt(np.diagonal(covariance))
