"""Spectra of all charged particles share one number, the multiplicity, which is taken out of them here.

Thirteen of the measured spectra integrate to the mean number of charged particles.  Their published errors
hold no correlation, so a fit would see that one number thirteen times.  Here such a spectrum is divided by
its integral over the measured bins, which leaves its shape; the multiplicity itself is measured elsewhere
(``mean_n_charged``).  The common part of the published errors is not known and is left in.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lblhep.annotations import Floats, Indices

PER_PARTICLE = (
    "x_p",
    "xi_p",
    "rapidity_thrust_axis",
    "rapidity_sphericity_axis",
    "pt_in_thrust_gev",
    "pt_out_thrust_gev",
    "pt_in_sphericity_gev",
    "pt_out_sphericity_gev",
)


def integrals(bins: pd.DataFrame, values: Floats) -> Iterator[tuple[Indices, Floats]]:
    """Yield for each spectrum of charged particles its rows and the integral (...) of ``values`` (..., B)."""
    for rows, width in _spectra(bins):
        yield rows, values[..., rows] @ width


def normalised(bins: pd.DataFrame, values: Floats) -> Floats:
    """Return the values (..., B) with each of these spectra divided by its integral."""
    shapes = values.copy()
    for rows, integral in integrals(bins, values):
        shapes[..., rows] /= integral[..., None]
    return shapes


def shape_jacobian(bins: pd.DataFrame, values: Floats) -> Floats:
    """Return d normalised / d values (B, B) at ``values`` (B,)."""
    whole = np.eye(len(bins))
    for rows, width in _spectra(bins):
        whole[np.ix_(rows, rows)] = _jacobian(values[rows], width)
    return whole


def as_shapes(
    bins: pd.DataFrame, values: Floats, errors: Floats, correlation: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return values (N, B), errors (N, B) and correlation (B, B) of a grid's bins, these spectra normalised.

    The correlation of the shapes is that of the mean point, as the correlation of the spectra is pooled.

    Args:
        bins: the measured bins (B rows).
        values: contents of the bins at N points, (N, B).
        errors: their errors, (N, B).
        correlation: that of the bins at one point, (B, B).

    Returns:
        Values, errors and correlation, of the same shapes.
    """
    shape_errors = errors.copy()
    for point, (v, e) in enumerate(zip(values, errors, strict=True)):
        for rows, width in _spectra(bins):
            jacobian = _jacobian(v[rows], width) * e[rows]
            variance = np.einsum("ab,bc,ac->a", jacobian, correlation[np.ix_(rows, rows)], jacobian)
            shape_errors[point, rows] = np.sqrt(variance)
    whole = shape_jacobian(bins, values.mean(axis=0)) * np.sqrt((errors**2).mean(axis=0))
    covariance = whole @ correlation @ whole.T
    size = np.sqrt(np.diag(covariance))
    shape_correlation = covariance / np.outer(size, size)
    np.fill_diagonal(shape_correlation, 1.0)
    return normalised(bins, values), shape_errors, shape_correlation


def _spectra(bins: pd.DataFrame) -> Iterator[tuple[Indices, Floats]]:
    """Yield indices and bin widths of each spectrum."""
    chosen = bins[bins["observable"].isin(PER_PARTICLE)]
    for _, part in chosen.groupby(["experiment", "table"], sort=False):
        yield part.index.to_numpy(), (part["x_high"] - part["x_low"]).to_numpy()


def _jacobian(values: Floats, width: Floats) -> Floats:
    """Return d shape / d spectrum (b, b) at ``values`` (b,): delta_bc / I - v_b w_c / I^2."""
    integral = values @ width
    return np.eye(len(values)) / integral - np.outer(values, width) / integral**2
