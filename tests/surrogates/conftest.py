"""A small generator with a known answer: bins smooth in three parameters, and noise that correlates."""

from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Box, Grid, Polynomials
from lblhep.surrogates.monomials import Monomials

BINS = 24


@pytest.fixture(scope="session")
def box() -> Box:
    return Box(["alphaS", "bLund", "sigma"], [0.10, 0.2, 0.2], [0.16, 1.8, 0.5])


@pytest.fixture(scope="session")
def exact(box) -> Polynomials:
    """Cubics with coefficients of 1 and slopes that tell the parameters apart."""
    coefficients = np.random.default_rng(1).normal(size=(len(Monomials(3, 3)), BINS))
    coefficients[4:] *= 0.2
    coefficients[0] += 5
    return Polynomials(box, 3, coefficients)


@pytest.fixture(scope="session")
def correlation() -> np.ndarray:
    """Neighbours share events: 0.5^|distance|."""
    return 0.5 ** abs(np.subtract.outer(np.arange(BINS), np.arange(BINS)))


@pytest.fixture(scope="session")
def grid(box, exact, correlation) -> Grid:
    """64 points with errors of a few per cent, different in every bin and point, and correlated noise."""
    rng = np.random.default_rng(2)
    points = box.sobol(64, seed=3)
    values = exact.values(points)
    errors = 0.05 * np.sqrt(abs(values)) * rng.uniform(0.5, 2, values.shape)
    noise = rng.normal(size=values.shape) @ np.linalg.cholesky(correlation).T
    return Grid(box, points, values + errors * noise, errors=errors, correlation=correlation)


@pytest.fixture(scope="session")
def truth(box) -> np.ndarray:
    return box.point({"alphaS": 0.137, "bLund": 0.7, "sigma": 0.3})


def differences(function, point, box, step=1e-5):
    """Central differences of a function of a point (d,), the derivative along the last axis."""
    steps = np.diag(step * box.half_width)
    each = [(function(point + h) - function(point - h)) / (2 * h.sum()) for h in steps]
    return np.stack(each, axis=-1)


@pytest.fixture(name="differences", scope="session")
def _differences():
    return differences
