"""pyapprentice 1.1, where it is installed, and surrogates with something in every coefficient.

``pip install --no-deps pyapprentice==1.1 --target DIR`` and ``PYTHONPATH=DIR`` let the comparisons run.  What
numpy 2 took from it is mended here.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from lblhep.surrogates import Box, Grid, Polynomials, Rationals
from lblhep.surrogates.monomials import coefficient_count

BOX = Box(["alphaS", "avgZ", "sigma"], [0.10, 0.50, 0.2], [0.16, 0.65, 0.5])


@pytest.fixture(scope="session")
def apprentice() -> ModuleType:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(np, "Infinity", np.inf, raising=False)
        patched.setattr(np, "float", float, raising=False)
        yield pytest.importorskip("apprentice")


def polynomials(order: int, bins: int, seed: int, box: Box = BOX) -> Polynomials:
    coefficients = np.random.default_rng(seed).normal(size=(coefficient_count(order, len(box)), bins))
    return Polynomials(box, order, coefficients)


def rationals(m: int, n: int, bins: int, seed: int, box: Box = BOX) -> Rationals:
    """With a denominator between about 1.5 and 2.5."""
    bottom = polynomials(n, bins, seed + 1, box).coefficients * 0.05
    bottom[0] = 2.0
    return Rationals(polynomials(m, bins, seed, box), Polynomials(box, n, bottom))


def ids(bins: int) -> list[str]:
    return [f"/ALEPH_1996_S3486095/d{1 + b // 7:02d}-x01-y01#{b % 7}" for b in range(bins)]


def smooth_grid(bins: int, points: int = 40) -> Grid:
    """Noisy bins, in the smallest box around the points: that is what apprentice scales with."""
    rng = np.random.default_rng(1)
    where = BOX.latin_hypercube(points, seed=2)
    box = Box(BOX.names, where.min(axis=0), where.max(axis=0))
    values = 5 * np.exp(box.scale(where) @ rng.normal(0, 0.3, (3, bins)))
    return Grid(box, where, values + 0.05 * rng.normal(size=values.shape), errors=np.full(values.shape, 0.05))
