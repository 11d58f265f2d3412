"""Find the parameters that describe the data best: by many starts, the best of them finished by iminuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from iminuit import Minuit
from numpy.typing import ArrayLike, NDArray

from lblhep.annotations import Floats, Mask
from lblhep.surrogates.descent import descend
from lblhep.surrogates.objective import Chi2
from lblhep.surrogates.score import score

REACHED_TOLERANCE = 1e-3  # in chi2, between a start's end and the best


@dataclass(frozen=True, eq=False)
class Tune:
    """A tune is the minimum of ``objective`` at ``values`` (d,), parameters in their own units.

    ``hessian_covariance`` (d, d) is 2 H^-1 of the parameters that are neither fixed nor at a bound, 0 in the
    others; ``covariance`` (d, d) is the same, but for a chi2 with the surrogates' covariance and without ln
    det Sigma, where it holds the noise of their slopes (``score``). ``minimum`` is the objective there,
    ``chi2`` the same without ln det Sigma; ``ndf`` counts bins of positive weight less parameters not fixed.
    ``at_bound`` (d,) is -1 at the lower bound, 1 at the upper, else 0. ``reached`` of the ``starts`` ended
    within 0.001 of the minimum: few of many mean that more may be hidden. ``valid`` is iminuit's verdict on
    the minimum.
    """

    objective: Chi2
    values: Floats
    covariance: Floats
    hessian_covariance: Floats
    minimum: float
    chi2: float
    ndf: int
    low: Floats
    high: Floats
    free: Mask
    at_bound: NDArray[np.int_]
    starts: int
    reached: int
    valid: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the parameters."""
        return self.objective.box.names

    @property
    def errors(self) -> Floats:
        """Return standard errors (d,), from ``covariance``; 0 for parameters that are fixed or at a bound."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def inside(self) -> Mask:
        """Return which parameters (d,) are neither fixed nor at a bound."""
        return np.asarray(self.free & (self.at_bound == 0))


def tune(
    objective: Chi2,
    *,
    starts: int | ArrayLike = 20,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 0,
) -> Tune:
    """Minimise ``objective`` in its box, or in narrower ``bounds``, with some parameters ``fixed``.

    Args:
        objective: the chi2 to be minimised.
        starts: points (S, d), or a number of them drawn as a Latin hypercube.
        fixed: values of parameters that are not fitted.
        bounds: low and high end of parameters, within the box.
        seed: of the starts that are drawn.

    Returns:
        The lowest minimum, finished by iminuit.

    Raises:
        KeyError: for an unknown parameter.
        ValueError: for bounds or values outside the box, if no parameter is left to fit, and if there are
            fewer bins than free parameters.

    >>> from lblhep.surrogates import Box, Grid, fit_polynomials
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> found = tune(Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1]))
    >>> found.values.round(6).tolist(), found.errors.round(6).tolist()
    ([0.5], [0.1])
    """
    box = objective.box
    low, high, free = _limits(objective, fixed or {}, bounds or {})
    if not isinstance(starts, int):
        first = np.array(starts, dtype=np.float64)
        box.scale(first)  # says which start is outside the box, or of the wrong shape
        first = np.atleast_2d(first)
    else:
        first = box.latin_hypercube(starts, seed)
        first = low + (first - box.low) / (box.high - box.low) * (high - low)
    minima = descend(objective, np.clip(first, low, high), low, high, free)
    best = int(np.nanargmin(minima.values))
    values, valid = _finish(objective, minima.points[best], low, high, free)
    minimum = float(objective(values))
    at_bound = np.where(free, (values >= high).astype(int) - (values <= low), 0)
    inside = free & (at_bound == 0)
    hessian_covariance = _hessian_covariance(objective, values, inside)
    return Tune(
        objective=objective,
        values=values,
        covariance=_covariance(objective, values, inside, hessian_covariance),
        hessian_covariance=hessian_covariance,
        minimum=minimum,
        chi2=objective.quadratic(values),
        ndf=len(objective.used) - int(free.sum()),
        low=low,
        high=high,
        free=free,
        at_bound=at_bound,
        starts=len(first),
        reached=int((minima.values < minimum + REACHED_TOLERANCE).sum()),
        valid=valid,
    )


def _limits(
    objective: Chi2, fixed: Mapping[str, float], bounds: Mapping[str, tuple[float, float]]
) -> tuple[Floats, Floats, Mask]:
    """Return low and high ends (d,), equal where fixed, and which parameters are free (d,)."""
    box = objective.box
    low, high, free = box.low.copy(), box.high.copy(), np.ones(len(box), dtype=np.bool_)
    for name, (a, b) in bounds.items():
        j = box.index(name)
        if not box.low[j] <= a < b <= box.high[j]:
            raise ValueError(
                f"bounds {a} to {b} of {name} must increase and lie within the box, {box.low[j]:g} to"
                f" {box.high[j]:g}: surrogates hold only inside"
            )
        low[j], high[j] = a, b
    for name, value in fixed.items():
        j = box.index(name)
        if not box.low[j] <= value <= box.high[j]:
            raise ValueError(f"{name} = {value} is outside the box, {box.low[j]:g} to {box.high[j]:g}")
        low[j] = high[j] = value
        free[j] = False
    if not free.any():
        raise ValueError("all parameters are fixed: leave at least one to fit")
    if len(objective.used) < free.sum():
        raise ValueError(f"{len(objective.used)} bins cannot determine {free.sum()} parameters: fix some")
    return low, high, free


def _finish(objective: Chi2, start: Floats, low: Floats, high: Floats, free: Mask) -> tuple[Floats, bool]:
    """Return iminuit's minimum from ``start`` if it is lower, and whether iminuit finds it valid.

    A parameter that rests at a bound is held there: Minuit's transformation of limits has no slope at them.
    """
    resting = (start <= low) | (start >= high)
    if not (free & ~resting).any():
        return start, True
    minuit = Minuit(lambda p: float(objective(p)), start, grad=objective.gradient, name=objective.box.names)
    minuit.limits = list(zip(low, high, strict=True))
    minuit.fixed = ~free | resting
    minuit.errors = 0.05 * (objective.box.high - objective.box.low)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.migrad()
    end = np.clip(np.array(minuit.values), low, high)
    return (end if float(objective(end)) < float(objective(start)) else start), bool(minuit.valid)


def _covariance(objective: Chi2, values: Floats, inside: Mask, hessian_covariance: Floats) -> Floats:
    """Return H^-1 V H^-1 with the score's covariance V where the surrogates' covariance is in the chi2."""
    if not objective.sigma.fit_covariance or objective.log_det:
        return hessian_covariance
    variance = np.where(np.outer(inside, inside), score(objective, values).variance, 0.0)
    return np.asarray(hessian_covariance @ variance @ hessian_covariance)


def _hessian_covariance(objective: Chi2, values: Floats, inside: Mask) -> Floats:
    """Return 2 H^-1 of the parameters ``inside``; NaN there if H is not positive definite."""
    covariance, block = np.zeros((len(values), len(values))), np.ix_(inside, inside)
    hessian = objective.hessian(values)[block]
    if (np.linalg.eigvalsh(hessian) > 0).all():
        covariance[block] = 2 * np.linalg.inv(hessian)
    else:
        covariance[block] = np.nan
    return covariance
