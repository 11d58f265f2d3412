"""Fit the dijet functions to binned m_jj spectra by their Poisson likelihood, many spectra at a time.

Each bin's expectation is the integral of f over it; bins of the signal region are masked.  The normalisation
is profiled analytically (the curve holds as many events as the fitted bins do), which leaves a multinomial
likelihood of the shape.  It is maximised by Fisher scoring with step halving, for all spectra in one program.

Each orthonormal coefficient of the shape has a Gaussian constraint about a typical QCD spectrum, of width
``slack`` = 1: a factor e at rms over the range.  It weighs as much as one event.  Beside dozens of events it
is nothing; with fewer it keeps the shape finite and the test for an excess calibrated (with ten times the
slack, a few events fix exponents far from any spectrum, and 3 sigma come up ten times too often).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from lblhep.annotations import Floats, Mask
from lblhep.physics.dijet_shape import EXPONENTS, SQRT_S, BinIntegrals, DijetShape

SLACK = 1.0  # width of the constraint of each orthonormal coefficient
MAX_STEPS = 100  # a fit usually takes 4 to 6
# A fit has converged when one more step would raise ln L by less: 4e-5 standard deviations from the maximum.
LOG_LIKELIHOOD_TOLERANCE = 1e-9


@dataclass(frozen=True)
class DijetFit:
    """Holds the fits of spectra with leading shape (...), which is () for a single one.

    A fit that did not converge has ``converged`` False and NaN in every result, so that it cannot pass
    unseen.
    """

    shape: DijetShape
    edges: Floats  # (n + 1,) GeV
    used: Mask  # (n,) the bins that were fitted
    counts: Floats  # (..., n) all bins, as given
    slack: float
    theta: Floats  # (..., k) coefficients of the shape's orthonormal terms
    theta_covariance: Floats  # (..., k, k)
    converged: Mask  # (...)

    @property
    def events(self) -> Floats:
        """Return the number of events in the fitted bins, (...)."""
        return np.asarray(self.counts[..., self.used].sum(axis=-1))

    @property
    def ndf(self) -> int:
        return int(self.used.sum()) - self.shape.n_parameters

    @cached_property
    def expected(self) -> Floats:
        """Return the expected counts of all bins of the fit, masked ones too, (..., n)."""
        return self.predict(self.edges)[0]

    @cached_property
    def deviance(self) -> Floats:
        """Return -2 ln of the likelihood ratio to the saturated model, over the fitted bins, (...)."""
        return deviance(self.counts[..., self.used], self.expected[..., self.used])

    @property
    def parameters(self) -> dict[str, Floats]:
        """Return ln p0 (p0 in events per GeV; -inf without events), p1, p2, ..., each (...)."""
        exponents = self.shape.exponents(self.theta)
        norm, _ = self._norm
        with np.errstate(divide="ignore"):
            ln_p0 = np.log(self.events / norm) - exponents @ self.shape.mean
        named = {name: exponents[..., i] for i, name in enumerate(EXPONENTS[: exponents.shape[-1]])}
        return {"ln_p0": np.asarray(ln_p0)} | {name: named[name] for name in sorted(named)}

    @property
    def parameter_covariance(self) -> Floats:
        """Return the covariance of ``parameters`` in their order, (..., k + 1, k + 1)."""
        _, slope = self._norm
        exponents = np.broadcast_to(self.shape.mixing, (*slope.shape[:-1], *self.shape.mixing.shape))
        ln_p0 = -slope - self.shape.mean @ self.shape.mixing
        k = slope.shape[-1]
        order = sorted(range(k), key=lambda i: EXPONENTS[i])
        jacobian = np.concatenate([ln_p0[..., None, :], exponents[..., order, :]], axis=-2)
        covariance = jacobian @ self.theta_covariance @ jacobian.swapaxes(-1, -2)
        covariance[..., 0, 0] += 1 / np.maximum(self.events, 1.0)
        return np.asarray(covariance)

    def predict(self, edges: ArrayLike) -> tuple[Floats, Floats]:
        """Return the expected counts (..., m) of any bins (edges in GeV) and their covariance (..., m, m).

        The covariance is the fit's, without the counts' own fluctuation.  A spectrum without any event
        predicts 0 with the uncertainty of one event, as an on-off measurement with an empty off region has.
        """
        integral, slope = self.shape_integrals(edges)
        norm, norm_slope = self._norm
        share = integral / norm[..., None]
        relative = slope - norm_slope[..., None, :]
        at_least_one = np.maximum(self.events, 1.0)[..., None]
        covariance = relative @ self.theta_covariance @ relative.swapaxes(-1, -2)
        covariance = covariance + 1 / at_least_one[..., None]
        scale = at_least_one * share
        return self.events[..., None] * share, covariance * scale[..., :, None] * scale[..., None, :]

    def count(self, low: float, high: float) -> tuple[Floats, Floats]:
        """Return the expected count b in low <= m < high (GeV) and its standard error sigma_b, each (...)."""
        pieces = max(1, int(np.ceil(np.log(high / low) / 0.1)))  # narrow enough for the quadrature
        mean, covariance = self.predict(np.geomspace(low, high, pieces + 1))
        return np.asarray(mean.sum(axis=-1)), np.sqrt(covariance.sum(axis=(-2, -1)))

    def shape_integrals(self, edges: ArrayLike) -> tuple[Floats, Floats]:
        """Return the integrals of exp(theta . terms) over bins (..., m), unnormalised, and their relative
        gradients."""
        e = np.asarray(edges, dtype=np.float64)
        lead, k, bins = self.theta.shape[:-1], self.theta.shape[-1], len(e) - 1
        integral, slope = BinIntegrals.of(self.shape, e)(self.theta.reshape(-1, k))
        return integral.reshape(*lead, bins), slope.reshape(*lead, bins, k)

    @cached_property
    def _norm(self) -> tuple[Floats, Floats]:
        """Return the integral of exp(theta . terms) over the fitted bins, (...), and its relative gradient,
        (..., k)."""
        integral, slope = self.shape_integrals(self.edges)
        integral, slope = integral[..., self.used], slope[..., self.used, :]
        norm = integral.sum(axis=-1)
        return np.asarray(norm), (integral[..., None] * slope).sum(axis=-2) / norm[..., None]


def fit_dijet(
    counts: ArrayLike,
    edges: ArrayLike,
    *,
    used: ArrayLike | None = None,
    n_parameters: int = 3,
    sqrt_s: float = SQRT_S,
    slack: float = SLACK,
) -> DijetFit:
    """Fit each spectrum of ``counts`` by the dijet function.

    Args:
        counts: spectra (..., n).
        edges: the bins' edges (n + 1,) in GeV.
        used: which bins are fitted (n,); all, if None.
        n_parameters: 3, 4 or 5.
        sqrt_s: the collider's energy in GeV.
        slack: the width of the constraint of each orthonormal coefficient.

    Raises:
        ValueError: a used count is negative or not finite, or fewer bins are used than there are parameters.

    >>> fit = fit_dijet([900, 500, 280, 150, 80], [2500, 2700, 2900, 3100, 3300, 3500])
    >>> bool(fit.converged), fit.ndf
    (True, 2)
    """
    e, n = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if e.ndim != 1 or len(e) < 2 or not (np.all(np.diff(e) > 0) and e[0] > 0 and np.isfinite(e[-1])):
        raise ValueError("edges must be positive and increase")
    bins = len(e) - 1
    mask = np.ones(bins, dtype=np.bool_) if used is None else np.asarray(used, dtype=np.bool_)
    if mask.shape != (bins,) or n.ndim < 1 or n.shape[-1] != bins:
        raise ValueError(f"{bins} bins, but counts of shape {n.shape} and a mask of shape {mask.shape}")
    if mask.sum() < n_parameters:
        raise ValueError(f"{mask.sum()} bins cannot determine {n_parameters} parameters")
    fitted = n[..., mask]
    if not (np.all(np.isfinite(fitted)) and np.all(fitted >= 0)):
        raise ValueError("counts must be finite and not negative")
    if not slack > 0:
        raise ValueError(f"slack must be positive, not {slack}")
    shape = DijetShape.over(e, n_parameters, sqrt_s)
    integrals = BinIntegrals.of(shape, e).only(mask)
    theta, covariance, converged = _maximise(fitted.reshape(-1, fitted.shape[-1]), integrals, shape, slack)
    lead, k = n.shape[:-1], n_parameters - 1
    return DijetFit(
        shape=shape,
        edges=e,
        used=mask,
        counts=n,
        slack=slack,
        theta=theta.reshape(*lead, k),
        theta_covariance=covariance.reshape(*lead, k, k),
        converged=converged.reshape(lead),
    )


def refit(fit: DijetFit, counts: ArrayLike) -> DijetFit:
    """Fit other spectra (..., n) exactly as ``fit`` was made.

    >>> fit = fit_dijet([900, 500, 280, 150, 80], [2500, 2700, 2900, 3100, 3300, 3500])
    >>> refit(fit, [[890, 510, 270, 160, 70], [900, 500, 280, 150, 80]]).converged.tolist()
    [True, True]
    """
    shape = fit.shape
    return fit_dijet(
        counts,
        fit.edges,
        used=fit.used,
        n_parameters=shape.n_parameters,
        sqrt_s=shape.sqrt_s,
        slack=fit.slack,
    )


def deviance(counts: Floats, expected: Floats) -> Floats:
    """Return the Poisson deviance of counts (..., n) from expectations (..., n), summed over the last
    axis.

    >>> float(deviance(np.array([3.0, 5.0]), np.array([3.0, 5.0])))
    0.0
    """
    saturated = xlogy(counts, counts) - xlogy(counts, expected)
    return np.asarray(2 * (expected - counts + saturated).sum(axis=-1))


def _maximise(
    counts: Floats, integrals: BinIntegrals, shape: DijetShape, slack: float
) -> tuple[Floats, Floats, Mask]:
    """Maximise the likelihood of spectra (t, n) by Fisher scoring: theta (t, k), its covariance (t, k, k),
    converged (t,)."""
    spectra, k = len(counts), len(shape.typical)
    theta = np.full((spectra, k), np.nan)
    covariance = np.full((spectra, k, k), np.nan)
    converged = np.zeros(spectra, dtype=np.bool_)

    # Spectra still moving: their rows, positions, scores there, and the fraction of the next step to try.
    rows, here = np.arange(spectra), np.tile(shape.typical, (spectra, 1))
    log_l, gradient, information = _score(here, counts, integrals, shape, slack)
    fraction = np.ones(spectra)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        done = 0.5 * (step * gradient).sum(axis=1) < LOG_LIKELIHOOD_TOLERANCE
        theta[rows[done]], converged[rows[done]] = here[done], True
        covariance[rows[done]] = np.linalg.inv(information[done])
        if done.any():
            rows, here, step, fraction = rows[~done], here[~done], step[~done], fraction[~done]
            log_l, gradient, information = log_l[~done], gradient[~done], information[~done]
        if not len(rows):
            break
        there = here + fraction[:, None] * step
        new_log_l, new_gradient, new_information = _score(there, counts[rows], integrals, shape, slack)
        # The last term is round-off; a NaN from an overflow compares False and halves the step.
        better = new_log_l >= log_l - 1e-13 * abs(log_l)
        here = np.where(better[:, None], there, here)
        log_l = np.where(better, new_log_l, log_l)
        gradient = np.where(better[:, None], new_gradient, gradient)
        information = np.where(better[:, None, None], new_information, information)
        fraction = np.where(better, 1.0, fraction / 2)
    return theta, covariance, converged


def _score(
    theta: Floats, counts: Floats, integrals: BinIntegrals, shape: DijetShape, slack: float
) -> tuple[Floats, Floats, Floats]:
    """Return the constrained ln L of the shape (t,), its gradient (t, k) and the expected information (t, k,
    k)."""
    integral, slope = integrals(theta)
    events = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = integral / integral.sum(axis=1, keepdims=True)
        pull = (theta - shape.typical) / slack
        log_l = xlogy(counts, share).sum(axis=1) - 0.5 * (pull**2).sum(axis=1)
        gradient = ((counts - events * share)[..., None] * slope).sum(axis=1) - pull / slack
        centred = slope - (share[..., None] * slope).sum(axis=1, keepdims=True)
        weighted = (events * share)[..., None] * centred
        information = weighted.swapaxes(1, 2) @ centred + np.eye(theta.shape[1]) / slack**2
    return log_l, gradient, information
