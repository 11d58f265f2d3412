"""A spectrum like that of the shipped dijets, with a known truth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lblhep.physics.dijet_fit import DijetFit, fit_dijet
from lblhep.physics.spectrum import Binning


@pytest.fixture(scope="session")
def binning() -> Binning:
    return Binning()


@pytest.fixture(scope="session")
def truth(binning: Binning) -> DijetFit:
    """200,000 events of (1 - x)^14 x^-3, as a fit to its own expectation: therefore exact."""
    e = binning.fit_edges
    fine = np.array([np.geomspace(a, b, 201) for a, b in pairwise(e)])
    x = fine / 13_000
    content = np.trapezoid((1 - x) ** 14 * x**-3, fine, axis=1)
    return fit_dijet(content / content.sum() * 200_000, e, slack=1e6)
