"""Take damped Gauss-Newton (Levenberg-Marquardt) steps from many starts at once, inside bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lblhep.annotations import Floats, Mask
from lblhep.surrogates.objective import Chi2

MAX_STEPS = 200
MIN_DECREASE = 1e-13  # decrease of chi2 that a step promises, below which it is not worth taking
CHI2_TOLERANCE = 1e-12  # relative


@dataclass(frozen=True, eq=False)
class Minima:
    """Minima are where each start came to rest: ``points`` (S, d) and ``values`` (S,)."""

    points: Floats
    values: Floats


def descend(chi2: Chi2, starts: Floats, low: Floats, high: Floats, free: Mask) -> Minima:
    """Minimise from many starts at once, inside bounds.

    A parameter at a bound stays there as long as the gradient pushes it outwards.

    Args:
        chi2: the function, of parameters in their own units.
        starts: where to begin, (S, d).
        low: lower bounds, (d,).
        high: upper bounds, (d,).
        free: which parameters move, (S, d) or (d,).

    Returns:
        The place where each start came to rest.
    """
    points, free = starts.copy(), np.broadcast_to(free, starts.shape)
    values = np.full(len(points), np.nan)
    rows, here, damping = np.arange(len(points)), chi2.expand(points), np.full(len(points), 1e-3)
    value, gradient, curvature = here.value, here.gradient, here.curvature
    for _ in range(MAX_STEPS):
        p = points[rows]
        outwards = ((p <= low) & (gradient > 0)) | ((p >= high) & (gradient < 0))
        moving = free[rows] & ~outwards
        step = np.clip(p + _step(gradient, curvature, moving, damping), low, high) - p
        promised = -(gradient * step).sum(axis=1) - 0.5 * np.einsum("sj,sjk,sk->s", step, curvature, step)
        # Clipping can make a step that promises nothing: more damping turns it towards the gradient.
        done = (abs(promised) <= MIN_DECREASE) | (damping > 1e12)
        values[rows[done]] = value[done]
        if done.all():
            break
        going = ~done
        rows, p, step, damping = rows[going], p[going], step[going], damping[going]
        value, gradient, curvature = value[going], gradient[going], curvature[going]
        there = chi2.expand(p + step)
        better = there.value <= value + CHI2_TOLERANCE * abs(value)
        points[rows[better]] += step[better]
        value = np.where(better, there.value, value)
        gradient = np.where(better[:, None], there.gradient, gradient)
        curvature = np.where(better[:, None, None], there.curvature, curvature)
        damping = np.where(better, damping / 10, damping * 10)
    else:
        values[rows] = value
    return Minima(points, values)


def _step(gradient: Floats, curvature: Floats, moving: Mask, damping: Floats) -> Floats:
    """Solve (curvature + damping * its diagonal) step = -gradient in the moving parameters of each start."""
    both = moving[:, :, None] & moving[:, None, :]
    diagonal = np.einsum("sjj->sj", curvature)
    # Parameters that the bins do not depend on have curvature 0: the largest one's scale stands in.
    scale = np.maximum(diagonal, 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-300)
    eye = np.eye(gradient.shape[1])
    damped = np.where(both, curvature, 0.0) + eye * np.where(moving, damping[:, None] * scale, 1.0)[:, None]
    return np.asarray(-np.linalg.solve(damped, np.where(moving, gradient, 0.0)[..., None])[..., 0])
