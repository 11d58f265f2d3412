"""Surrogates with something in every coefficient, to be written, read and compared."""

from __future__ import annotations

import numpy as np

from lblhep.surrogates import Box, Grid, Polynomials, Rationals
from lblhep.surrogates.monomials import coefficient_count

BOX = Box(["alphaS", "avgZ", "sigma"], [0.10, 0.50, 0.2], [0.16, 0.65, 0.5])


def polynomials(order: int, bins: int, seed: int, box: Box = BOX) -> Polynomials:
    coefficients = np.random.default_rng(seed).normal(size=(coefficient_count(order, len(box)), bins))
    return Polynomials(box, order, coefficients)


def rationals(m: int, n: int, bins: int, seed: int, box: Box = BOX) -> Rationals:
    """Return rationals whose denominators lie between about 1.5 and 2.5."""
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
