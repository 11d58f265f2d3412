"""A spectrum like that of the shipped dijets, with a known truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from lblhep.annotations import Floats, Mask
from lblhep.physics.dijet_fit import DijetFit, fit_dijet


class Region(NamedTuple):
    """A signal region from ``low`` to ``high`` (GeV); ``used`` is True for the bins outside it."""

    used: Mask
    low: float
    high: float


@pytest.fixture(scope="session")
def edges() -> Floats:
    """The edges (GeV) of 32 bins of 2 % from 2500 GeV."""
    return 2500 * np.exp(0.02 * np.arange(33))


@pytest.fixture(scope="session")
def region(edges: Floats) -> Callable[[int], Region]:
    """Signal region ``i`` takes six bins from bin 6 + 2 i."""

    def of(index: int) -> Region:
        first = 6 + 2 * index
        used = np.ones(32, dtype=bool)
        used[first : first + 6] = False
        return Region(used, edges[first], edges[first + 6])

    return of


@pytest.fixture(scope="session")
def truth(edges: Floats) -> DijetFit:
    """200,000 events of (1 - x)^14 x^-3, as a fit to its own expectation: therefore exact."""
    fine = np.array([np.geomspace(a, b, 201) for a, b in pairwise(edges)])
    x = fine / 13_000
    content = np.trapezoid((1 - x) ** 14 * x**-3, fine, axis=1)
    return fit_dijet(content / content.sum() * 200_000, edges, slack=1e6)
