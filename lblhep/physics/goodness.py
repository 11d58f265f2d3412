"""Judge a dijet fit by its deviance, which is calibrated on toys.

At hard cuts most bins hold 0 to 5 events and the deviance does not follow a chi-square.  So its distribution
is made: Poisson toys of the fitted curve are refitted in the same way (parametric bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lblhep.annotations import Floats
from lblhep.physics.dijet_fit import DijetFit, refit


@dataclass(frozen=True)
class Goodness:
    """Holds the p-value (k + 1) / (n + 1) of the deviance and its binomial standard error, for each spectrum
    (...)."""

    p: Floats
    error: Floats
    deviance: Floats
    ndf: int
    toys: int


def goodness_of_fit(fit: DijetFit, rng: np.random.Generator, toys: int = 200) -> Goodness:
    """Compare each fit's deviance with those of ``toys`` refitted toys; NaN where a fit did not converge.

    >>> from lblhep.physics.dijet_fit import fit_dijet
    >>> fit = fit_dijet([900, 500, 280, 150, 80], [2500, 2700, 2900, 3100, 3300, 3500])
    >>> 0 < float(goodness_of_fit(fit, np.random.default_rng(1), toys=50).p) <= 1
    True
    """
    if toys < 1:
        raise ValueError("a calibration needs toys")
    expected = np.where(fit.converged[..., None], fit.expected, 0.0)
    repeated = refit(fit, rng.poisson(expected, size=(toys, *expected.shape)).astype(np.float64))
    usable = repeated.converged.sum(axis=0)
    worse = (repeated.deviance >= fit.deviance * (1 - 1e-9)).sum(axis=0)  # equal up to round-off counts
    p = np.where(fit.converged, (worse + 1) / (usable + 1), np.nan)
    return Goodness(p, np.sqrt(p * (1 - p) / (usable + 1)), fit.deviance, fit.ndf, toys)
