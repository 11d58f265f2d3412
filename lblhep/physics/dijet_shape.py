"""Evaluate the usual dijet functions, in coordinates in which they are easy to fit.

    f(x) = p0 (1 - x)^p1 x^-(p2 + p3 ln x + p4 ln^2 x),      x = m / sqrt(s)

with 3, 4 or 5 parameters (CMS arXiv:1911.03947, ATLAS arXiv:1910.08447).  ln f is linear in the exponents,
but over a realistic range its terms are all but parallel: p1 and p2 are correlated by 0.999.  ``DijetShape``
subtracts from each term its mean over the fit range and makes the terms orthonormal there (QR), so that the
coefficients ``theta`` are a slope, a curvature, ... of ln f, each of rms 1 over the range and nearly
uncorrelated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lblhep.annotations import Floats

SQRT_S = 13_000.0  # GeV
EXPONENTS = ("p2", "p1", "p3", "p4")  # the order of the terms: a 3-parameter function has the first two
# A typical QCD spectrum, x^-5 (1 - x)^10, about what fits to LHC dijets find.
TYPICAL_EXPONENTS = np.array([5.0, 10.0, 0.0, 0.0])
# Gauss-Legendre points per bin: relative error of a bin's integral below 1e-8 for bins up to 20 % wide.
POINTS, POINT_WEIGHTS = np.polynomial.legendre.leggauss(4)


@dataclass(frozen=True)
class DijetShape:
    """Holds the k = n_parameters - 1 orthonormal terms of ln f over a fit range."""

    n_parameters: int
    sqrt_s: float  # GeV
    mean: Floats  # (k,) mean of the plain terms over the fit range
    mixing: Floats  # (k, k) orthonormal terms = (plain terms - mean) @ mixing; exponents = theta @ mixing.T
    typical: Floats  # (k,) theta of the typical spectrum

    @classmethod
    def over(cls, edges: Floats, n_parameters: int, sqrt_s: float = SQRT_S) -> DijetShape:
        """Make the terms orthonormal over all bins between ``edges`` (GeV), uniformly in ln m."""
        if n_parameters not in (3, 4, 5):
            raise ValueError(f"the dijet functions have 3, 4 or 5 parameters, not {n_parameters}")
        if not edges[-1] < sqrt_s:
            raise ValueError(f"the last edge, {edges[-1]} GeV, must lie below sqrt(s) = {sqrt_s} GeV")
        log_m, half_width = _points(edges)
        plain = _plain_terms(log_m, n_parameters, sqrt_s).reshape(-1, n_parameters - 1)
        share = (half_width * POINT_WEIGHTS).reshape(-1, 1)
        share = share / share.sum()
        mean = (share * plain).sum(axis=0)
        r = np.linalg.qr(np.sqrt(share) * (plain - mean), mode="r")
        return cls(n_parameters, sqrt_s, mean, np.linalg.inv(r), r @ TYPICAL_EXPONENTS[: n_parameters - 1])

    def terms(self, log_m: Floats) -> Floats:
        """Return the orthonormal terms at ln(m / GeV), shape (*log_m.shape, k)."""
        plain = _plain_terms(log_m, self.n_parameters, self.sqrt_s)
        return np.asarray((plain - self.mean) @ self.mixing)

    def exponents(self, theta: Floats) -> Floats:
        """Return the exponents (p2, p1, p3, ...)[:k] of coefficients theta, both (..., k)."""
        return np.asarray(theta @ self.mixing.T)


@dataclass(frozen=True)
class BinIntegrals:
    """Integrates exp(theta . terms) dm over bins; it is prepared once and evaluated for many theta."""

    terms: Floats  # (n, q, k) at the quadrature points
    log_weight: Floats  # (n, q) ln of the points' weights in GeV

    @classmethod
    def of(cls, shape: DijetShape, edges: Floats) -> BinIntegrals:
        log_m, half_width = _points(edges)
        return cls(shape.terms(log_m), np.log(half_width * POINT_WEIGHTS) + log_m)  # dm = m d(ln m)

    def only(self, used: NDArray[np.bool_]) -> BinIntegrals:
        return BinIntegrals(self.terms[used], self.log_weight[used])

    def __call__(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return the integrals (t, n) and d ln(integral) / d theta (t, n, k) for theta (t, k).

        Wild theta overflow to inf and NaN without a warning; the fit refuses such steps.
        """
        n, q, k = self.terms.shape
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            exponent = (theta @ self.terms.reshape(n * q, k).T).reshape(-1, n, q) + self.log_weight
            value = np.exp(exponent)
            integral = value.sum(axis=-1)
            gradient = np.matmul(value.transpose(1, 0, 2), self.terms).transpose(1, 0, 2)
            return integral, gradient / integral[..., None]


def _points(edges: Floats) -> tuple[Floats, Floats]:
    """Return the quadrature points in ln m, (n, q), and the bins' half widths in ln m, (n, 1)."""
    log_e = np.log(edges)
    half_width = 0.5 * np.diff(log_e)[:, None]
    return 0.5 * (log_e[1:] + log_e[:-1])[:, None] + half_width * POINTS, half_width


def _plain_terms(log_m: Floats, n_parameters: int, sqrt_s: float) -> Floats:
    """Return d ln f / d(p2, p1, p3, p4): -ln x, ln(1 - x), -ln^2 x, -ln^3 x; shape (*log_m.shape, k)."""
    log_x = log_m - np.log(sqrt_s)
    terms = (-log_x, np.log1p(-np.exp(log_x)), -(log_x**2), -(log_x**3))
    return np.stack(terms[: n_parameters - 1], axis=-1)
