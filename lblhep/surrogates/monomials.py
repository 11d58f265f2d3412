"""Evaluate monomials of several variables in graded order: 1; z, y, x; zz, yz, yy, xz, xy, xx; ...

A polynomial is its coefficients in this order, which is apprentice's, so that coefficients can be exchanged.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from math import comb

import numpy as np

from lblhep.annotations import Floats


def coefficient_count(order: int, dimension: int) -> int:
    """Return how many monomials of total order at most ``order`` there are: (order + d)! / (order! d!)."""
    return comb(order + dimension, dimension)


class Monomials:
    """Evaluates the K monomials of ``dimension`` variables; it takes x (..., d) and gives values (..., K)."""

    def __init__(self, order: int, dimension: int) -> None:
        if order < 0:
            raise ValueError(f"the order of a polynomial cannot be {order}: 0 or more")
        self.order, self.dimension = order, dimension
        powers = (e for e in product(range(order + 1), repeat=dimension) if sum(e) <= order)
        self.exponents = np.array(sorted(powers, key=lambda e: (sum(e), e)))  # (K, d)

    def __len__(self) -> int:
        return len(self.exponents)

    def __call__(self, x: Floats) -> Floats:
        powers = x[..., None] ** np.arange(self.order + 1)
        values = powers[..., 0, self.exponents[:, 0]]
        for axis in range(1, self.dimension):
            values = values * powers[..., axis, self.exponents[:, axis]]
        return np.asarray(values)

    @cached_property
    def derivatives(self) -> Floats:
        """Return matrices (d, K, K) that turn coefficients into those of the derivatives."""
        position = {tuple(e): k for k, e in enumerate(self.exponents.tolist())}
        matrices = np.zeros((self.dimension, len(self), len(self)))
        for k, e in enumerate(self.exponents.tolist()):
            for j in range(self.dimension):
                if e[j]:
                    matrices[j, position[(*e[:j], e[j] - 1, *e[j + 1 :])], k] = e[j]
        return matrices
