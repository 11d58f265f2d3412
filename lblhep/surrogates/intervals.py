"""Intervals, contours and eigentunes say how far parameters can go before chi2 rises by a stated value.

All of them walk along rays from the minimum and look for the rise: along +- one parameter (profile
intervals), along directions in the plane of two (contours), with all others refitted at each step; along the
eigenvectors of the covariance with nothing refitted (eigentunes, of Professor, arXiv:0907.2973).  Rays of one
kind are walked together.  A ray that meets a bound before the rise ends there, and says so.

Where noise of the surrogates' slopes makes ``Tune.covariance`` larger than the Hessian's, the rise that
bounds an interval or a contour is larger by the same factor, in each ray's direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from scipy.stats import chi2 as chi2_distribution

from lblhep.annotations import Floats, Indices, Mask
from lblhep.surrogates.descent import descend
from lblhep.surrogates.tuning import Tune

ONE_SIGMA = erf(1 / sqrt(2))  # 0.683
RISE_TOLERANCE = 1e-7  # relative, of the root of the rise
MAX_STEPS = 60
MINIMUM_TOLERANCE = 1e-4  # by which a refit may undercut the minimum before it counts as another one


@dataclass(frozen=True)
class Interval:
    """An interval of one parameter has two ends in its units; at a bound, chi2 has not risen to the level."""

    low: float
    high: float
    low_at_bound: bool
    high_at_bound: bool


def hessian_interval(tune: Tune, name: str, level: float = ONE_SIGMA) -> Interval:
    """Return value +- error times the normal quantile, cut at the bounds.

    Raises ValueError for a parameter that is fixed or at a bound, where there is no parabola, and if the
    Hessian is not positive definite.

    >>> from lblhep.surrogates import Box, Chi2, Grid, fit_polynomials, tune
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> found = tune(Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1]))
    >>> interval = hessian_interval(found, "a", level=0.95)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.304, 0.696)
    """
    j = _free(tune, name)
    if not tune.inside[j]:
        raise ValueError(f"{name} is at a bound: its Hessian interval has no meaning; use profile_interval")
    half = sqrt(_covariance(tune)[j, j] * _rise(level, 1))
    low, high = tune.values[j] - half, tune.values[j] + half
    return Interval(
        float(max(low, tune.low[j])), float(min(high, tune.high[j])), low < tune.low[j], high > tune.high[j]
    )


def profile_interval(tune: Tune, name: str, level: float = ONE_SIGMA) -> Interval:
    """Return where chi2, minimised over all other parameters, has risen by the quantile for one of them.

    Raises ValueError for a fixed parameter, if the Hessian is not positive definite, and if a refit finds a
    minimum below the tune's.

    >>> from lblhep.surrogates import Box, Chi2, Grid, fit_polynomials, tune
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> found = tune(Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1]))
    >>> interval = profile_interval(found, "a")
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.4, 0.6)
    """
    j = _free(tune, name)
    rays = np.zeros((2, len(tune.values)))
    rays[:, j] = np.array([-1, 1]) * np.sqrt(_scale(tune)[j, j])
    held = np.arange(len(tune.values)) == j
    points, at_bound = _walk(tune, rays, held, _rise(level, 1) * _stretch(tune, rays, held))
    return Interval(float(points[0, j]), float(points[1, j]), bool(at_bound[0]), bool(at_bound[1]))


def contour(
    tune: Tune, first: str, second: str, level: float = ONE_SIGMA, *, directions: int = 48
) -> tuple[Floats, Mask]:
    """Return the region of two parameters at ``level`` (two degrees of freedom), as points around it.

    Args:
        tune: the tune.
        first: name of one parameter.
        second: name of the other.
        level: confidence level, between 0 and 1.
        directions: the number n of points, evenly spread on the ellipse of the Hessian.

    Returns:
        The points (n, 2), and which of them are at a bound, (n,).

    Raises:
        ValueError: as ``profile_interval``.

    >>> from lblhep.surrogates import Box, Chi2, Grid, fit_polynomials, tune
    >>> box = Box(["a", "b"], [-1.0, -1.0], [1.0, 1.0])
    >>> surrogate = fit_polynomials(Grid(box, box.sobol(8, 1), box.sobol(8, 1)), 1)  # two bins, a and b
    >>> points, at_bound = contour(tune(Chi2(surrogate, [0.0, 0.0], errors=[0.1, 0.1])), "a", "b")
    >>> bool(((points**2).sum(axis=1).round(5) == 0.02296).all())  # 2.296 times 0.1 squared
    True
    """
    i, j = _free(tune, first), _free(tune, second)
    if i == j:
        raise ValueError(f"a contour needs two parameters, not {first} twice")
    angle = 2 * np.pi * np.arange(directions) / directions
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rays = np.zeros((directions, len(tune.values)))
    rays[:, [i, j]] = circle @ np.linalg.cholesky(_scale(tune)[np.ix_([i, j], [i, j])]).T
    held = np.isin(np.arange(len(tune.values)), [i, j])
    points, at_bound = _walk(tune, rays, held, _rise(level, 2) * _stretch(tune, rays, held))
    return points[:, [i, j]], at_bound


def eigentunes(tune: Tune, delta_chi2: float = 1.0) -> tuple[Floats, Mask]:
    """Return two points for each eigenvector of the covariance, minus and plus, the largest variance first.

    The eigenvectors are those in the box's coordinates, scaled to [-1, 1], so that no choice of units enters;
    parameters that are fixed or at a bound stay.  Each point is where chi2 has risen by ``delta_chi2``, or
    the bound before it, as the second array (2 k,) says.  Raises ValueError if the Hessian is not positive
    definite.

    >>> from lblhep.surrogates import Box, Chi2, Grid, fit_polynomials, tune
    >>> box = Box(["a"], [0.0], [2.0])
    >>> grid = Grid(box, [[0.0], [1.0], [2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], errors=[[0.1]] * 3)
    >>> found = tune(Chi2(fit_polynomials(grid, 1), data=[0.5, 1.0], errors=[0.1, 0.1]))
    >>> points, at_bound = eigentunes(found)
    >>> points.round(4).tolist()
    [[0.4], [0.6]]
    """
    if not delta_chi2 > 0:
        raise ValueError(f"delta_chi2 must be positive, not {delta_chi2}")
    inside = np.flatnonzero(tune.inside)
    if not len(inside):
        return np.empty((0, len(tune.values))), np.empty(0, dtype=np.bool_)
    unit = tune.objective.box.half_width[inside]
    variance, vectors = np.linalg.eigh(_covariance(tune)[np.ix_(inside, inside)] / np.outer(unit, unit))
    steps = (vectors * np.sqrt(variance)).T[::-1] * unit  # one standard deviation each, largest first
    rays = np.zeros((2 * len(inside), len(tune.values)))
    rays[:, inside] = np.stack([-steps, steps], axis=1).reshape(len(rays), len(inside))
    everything = np.ones(len(tune.values), dtype=np.bool_)
    return _walk(tune, rays, everything, np.full(len(rays), delta_chi2))


def _free(tune: Tune, name: str) -> int:
    j = tune.objective.box.index(name)
    if not tune.free[j]:
        raise ValueError(f"{name} was fixed in this tune: it has no interval")
    return j


def _rise(level: float, dimensions: int) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return float(chi2_distribution.ppf(level, dimensions))


def _stretch(tune: Tune, rays: Floats, held: Mask) -> Floats:
    """Return the Hessian's rise of chi2 along each ray (R, d) where ``Tune.covariance`` says one, (R,)."""
    chosen = np.flatnonzero(held & tune.inside)
    if len(chosen) < held.sum():  # a parameter at a bound: there is no covariance to go by
        return np.ones(len(rays))
    block = np.ix_(chosen, chosen)
    ray = rays[:, chosen].T
    by_hessian, by_covariance = (
        (ray * np.linalg.solve(matrix[block], ray)).sum(axis=0)
        for matrix in (tune.hessian_covariance, tune.covariance)
    )
    return np.asarray(by_hessian / by_covariance)


def _covariance(tune: Tune) -> Floats:
    """Return ``tune.covariance``; raise ValueError where it is NaN."""
    if np.isnan(tune.covariance).any():
        raise ValueError(
            "the Hessian is not positive definite at the tune's minimum: fix the parameter that chi2 does not"
            " depend on, or tune with more starts"
        )
    return tune.covariance


def _scale(tune: Tune) -> Floats:
    """Return the covariance (d, d), with a tenth of the range as error where it has none."""
    stand_in = np.where(tune.inside, 0.0, ((tune.high - tune.low) / 10) ** 2)
    return np.asarray(_covariance(tune) + np.diag(stand_in))


def _walk(tune: Tune, rays: Floats, held: Mask, rise: Floats) -> tuple[Floats, Mask]:
    """Return points (R, d) along ``rays`` (R, d) where chi2 has risen by ``rise`` (R,).

    A ray is about one standard deviation long.

    Parameters not ``held`` (d,) are refitted.  The root of the rise is nearly linear in the distance t, so
    false position in it (the Illinois rule) needs few steps.  Returns which rays ended at a bound as well.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(rays > 0, (tune.high - tune.values) / rays, (tune.low - tune.values) / rays)
    last = np.where(rays == 0, np.inf, room).min(axis=1)  # t at the first bound
    points = np.tile(tune.values, (len(rays), 1))

    def excess(rows: Indices, t: Floats) -> Floats:
        start = np.where(held, tune.values + t[:, None] * rays[rows], points[rows])
        start = np.clip(start, tune.low, tune.high)
        ends = descend(tune.objective, start, tune.low, tune.high, tune.free & ~held)
        points[rows] = ends.points
        risen = ends.values - tune.minimum
        if (risen < -MINIMUM_TOLERANCE).any():
            raise ValueError(
                f"a refit lies {-risen.min():.3g} below the tune's minimum: tune again with more starts"
            )
        return np.asarray(np.sqrt(np.maximum(risen, 0)) - np.sqrt(rise[rows]))

    near, far = np.zeros(len(rays)), np.minimum(np.sqrt(rise), last)
    at_near = -np.sqrt(rise)
    at_far = excess(np.arange(len(rays)), far)
    while len(short := np.flatnonzero((at_far < 0) & (far < last))):
        near[short], at_near[short] = far[short], at_far[short]
        far[short] = np.minimum(2 * far[short], last[short])
        at_far[short] = excess(short, far[short])
    at_bound = at_far < 0
    rows = np.flatnonzero(at_far > 0)
    for _ in range(MAX_STEPS):
        t = near[rows] - at_near[rows] * (far[rows] - near[rows]) / (at_far[rows] - at_near[rows])
        here = excess(rows, t)
        above = here > 0
        # The end that stays has its height halved, so that it does not stay for ever.
        at_near[rows] = np.where(above, at_near[rows] / 2, here)
        at_far[rows] = np.where(above, here, at_far[rows] / 2)
        near[rows], far[rows] = np.where(above, near[rows], t), np.where(above, t, far[rows])
        rows = rows[abs(here) > RISE_TOLERANCE * np.sqrt(rise[rows])]
        if not len(rows):
            break
    return points, at_bound
