"""Prove, not sample, that a polynomial stays above a level on the whole box [-1, 1]^d.

In the Bernstein basis of a box a polynomial lies between its smallest and its largest coefficient, and the
coefficients at the corners are its values there.  So the smallest coefficient is a lower bound; if it is too
low, the box is halved by de Casteljau's rule, which tightens the bound quadratically, until every piece is
above the level or one corner is below it.  For a linear polynomial the coefficients are the corner values:
the first look is exact.  (Garloff, Lect. Notes Comput. Sci. 212 (1986) 37.)
"""

from __future__ import annotations

from math import comb

import numpy as np

from lblhep.annotations import Floats, Mask
from lblhep.surrogates.monomials import Monomials

MAX_COEFFICIENTS = (
    20_000_000  # coefficients of undecided pieces held together (160 MB); the rest counts as not proven
)
MAX_HALVINGS = 40  # in each variable


def prove_above(coefficients: Floats, monomials: Monomials, level: float) -> tuple[Mask, Floats]:
    """Prove for each polynomial of ``coefficients`` (K, B) that it is at least ``level`` on [-1, 1]^d.

    Returns the answers (B,) and, where it is not, a point (B, d) where it is below: the lowest corner found,
    or the middle of an undecided piece if the search was given up, which is rare and errs on the safe side.
    """
    bins, n, d = coefficients.shape[1], monomials.order, monomials.dimension
    proven, lowest = np.ones(bins, dtype=np.bool_), np.zeros((bins, d))
    pieces = (coefficients.T @ _to_bernstein(monomials)).reshape(bins, *(n + 1,) * d)
    owner, corner, width = np.arange(bins), np.full((bins, d), -1.0), np.full(d, 2.0)
    corners = np.array(list(np.ndindex(*(2,) * d)), dtype=np.float64)  # (2^d, d)
    halves = _de_casteljau(n)
    for halving in range(MAX_HALVINGS * d):
        undecided = pieces.reshape(len(pieces), -1).min(axis=1) < level
        pieces, owner, corner = pieces[undecided], owner[undecided], corner[undecided]
        ends = pieces[(slice(None), *np.ix_(*[[0, n]] * d))].reshape(len(pieces), 2**d)
        value, which = ends.min(axis=1, initial=np.inf), ends.argmin(axis=1) if len(pieces) else owner
        hit = np.flatnonzero(value < level)
        hit = hit[np.argsort(-value[hit])]  # so that the lowest is written last
        proven[owner[hit]] = False
        lowest[owner[hit]] = corner[hit] + width * corners[which[hit]]
        going_on = proven[owner]
        pieces, owner, corner = pieces[going_on], owner[going_on], corner[going_on]
        if not len(pieces):
            return proven, lowest
        if pieces.size > MAX_COEFFICIENTS:
            break
        axis = halving % d
        width[axis] /= 2
        shift = np.where(np.arange(d) == axis, width, 0.0)
        pieces = np.concatenate([_along(pieces, half, axis + 1) for half in halves])
        owner, corner = np.tile(owner, 2), np.concatenate([corner, corner + shift])
    proven[owner] = False
    lowest[owner] = corner + width / 2
    return proven, lowest


def _to_bernstein(monomials: Monomials) -> Floats:
    """Return the Bernstein coefficients of each monomial on [-1, 1]^d, (K, (n + 1)^d)."""
    n = monomials.order
    # x = 2 t - 1 and t^i = sum_j C(j, i) / C(n, i) B_j(t); one variable, (n + 1, n + 1).
    in_t = [[comb(e, i) * 2.0**i * (-1) ** (e - i) for i in range(n + 1)] for e in range(n + 1)]
    to_basis = [[comb(j, i) / comb(n, i) for j in range(n + 1)] for i in range(n + 1)]
    single = np.array(in_t) @ np.array(to_basis)
    rows = np.ones((len(monomials), 1))
    for exponent in monomials.exponents.T:
        rows = (rows[:, :, None] * single[exponent][:, None]).reshape(len(rows), -1)
    return rows


def _de_casteljau(n: int) -> tuple[Floats, Floats]:
    """Return matrices that give the coefficients on the lower and on the upper half of an interval."""
    lower = np.array([[comb(j, i) / 2**j for i in range(n + 1)] for j in range(n + 1)])
    return lower, lower[::-1, ::-1]


def _along(pieces: Floats, matrix: Floats, axis: int) -> Floats:
    return np.asarray(np.moveaxis(np.tensordot(pieces, matrix, axes=(axis, 1)), -1, axis))
