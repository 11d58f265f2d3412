"""Draw m_jj afresh from a fitted spectrum.

Events that keep their features but get a new, independent m_jj are an exact null hypothesis: no feature can
tell the signal region from the sidebands, and the spectrum is known to be smooth.
"""

from __future__ import annotations

import numpy as np

from lblhep.annotations import Floats
from lblhep.physics.dijet_fit import DijetFit

# Cells of the tabulated cumulative spectrum.  Within one (1e-4 in ln m for the usual range, 0.2 GeV) the
# density is taken as constant: off by at most 0.05 % at a cell's ends, and exact over every cell.
MASS_CELLS = 8192


def draw_mjj(fit: DijetFit, size: int, rng: np.random.Generator, low: float, high: float) -> Floats:
    """Draw ``size`` values of m_jj (GeV) in low <= m < high, distributed as the curve of a single fit.

    The number of events is the caller's: draw it from a Poisson distribution if it should fluctuate.

    Args:
        fit: one fitted spectrum.
        size: how many values to draw.
        rng: draws the random numbers.
        low: the lower end in GeV.
        high: the upper end in GeV, excluded.

    Raises:
        ValueError: the fit is of several spectra, did not converge, or holds no event.

    >>> from lblhep.physics.dijet_fit import fit_dijet
    >>> fit = fit_dijet([900, 500, 280, 150, 80], [2500, 2700, 2900, 3100, 3300, 3500])
    >>> masses = draw_mjj(fit, 1000, np.random.default_rng(1), 2500, 3500)
    >>> bool((masses >= 2500).all() and (masses < 3500).all())
    True
    """
    if fit.theta.ndim != 1:
        raise ValueError("draw from one fitted spectrum at a time")
    if not bool(fit.converged) or fit.events == 0:
        raise ValueError("cannot draw from a fit that did not converge or that holds no event")
    edges = np.geomspace(low, high, MASS_CELLS + 1)
    content, _ = fit.shape_integrals(edges)
    cumulative = np.concatenate([[0.0], np.cumsum(content)])
    drawn = np.interp(rng.random(size) * cumulative[-1], cumulative, edges)
    return np.asarray(np.minimum(drawn, np.nextafter(high, low)))
