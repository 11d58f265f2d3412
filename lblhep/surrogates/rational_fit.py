"""Fit rationals P / Q by least squares, many bins at once, Q = 1 + q . (monomials of order 1 to n).

Given q, the numerator is a linear fit; so only q is searched for (variable projection, in Kaufman's form,
whose gradient is exact), by damped Gauss-Newton steps taken in all bins together.  Conditions Q(x_c) > level
at a few points, ``cuts``, enter as a logarithmic barrier, which keeps every step inside; its weight goes to
zero.

Noise can be fitted ever better by a pole between two points, or by a factor common to P and Q, so q has a
normal prior of width ``PRIOR_WIDTH``, weighed against the bin's own mean squared residual: where that is
zero, the data being a rational, the prior has no say.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from lblhep.annotations import Floats, Indices

MAX_STEPS = 60
PRIOR_WIDTH = (
    0.3  # prior of each coefficient of Q, whose monomials lie within [-1, 1] and whose constant is 1
)
PRIOR_ROUNDS = 3  # of the fit and of its mean squared residual, in turn
BARRIER_WEIGHTS = (1e-1, 1e-3, 1e-5, 1e-7)  # weights of the barrier, in units of the mean squared residual
MIN_DENOMINATOR_AT_POINTS = 1e-6  # Q that no step may go below at a point of the grid
MERIT_TOLERANCE = 1e-11  # relative decrease of the sum of squares at which a bin is done


@dataclass(frozen=True)
class Bins:
    """Bins are what is fitted: ``y`` (B, N) with square roots of weights ``root`` (B, N).

    ``numerator`` (N, M) is an orthonormal basis of P on the points, ``denominator`` (N, k) the monomials of Q
    but for its constant; ``cuts`` (B, C, k) those at the points where Q is held above ``level``.
    """

    y: Floats
    root: Floats
    cuts: Floats
    numerator: Floats
    denominator: Floats
    noise: Floats  # (B,) mean squared residual, the unit of prior and barrier
    level: float
    barrier: float = 0.0

    def rows(self, chosen: Indices) -> Bins:
        """Return some of the bins."""
        names = ("y", "root", "cuts", "noise")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})


@dataclass(frozen=True)
class State:
    """A state has each bin at its q (B, k): numerator p (B, M), sum of squares (B,), and the merit (B,).

    The merit is what is minimised; its gradient (B, k) and curvature (B, k, k) are in q.
    """

    q: Floats
    p: Floats
    squares: Floats
    merit: Floats
    gradient: Floats
    curvature: Floats

    def rows(self, chosen: Indices) -> State:
        """Return the states of some of the bins."""
        return State(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def put(self, chosen: Indices, other: State) -> None:
        """Put other states in the place of some of the bins."""
        for field in fields(self):
            getattr(self, field.name)[chosen] = getattr(other, field.name)


def expand(bins: Bins, q: Floats) -> State:
    """Return half the sum of squares for q, plus prior and barrier, and its derivatives in q."""
    with np.errstate(all="ignore"):  # a trial step may come upon a pole: its merit is then infinite
        denominator = 1 + q @ bins.denominator.T
        scale = bins.root / denominator  # (B, N)
        normal, p = numerator(bins, scale)
        model = scale * (p @ bins.numerator.T)
        residual = bins.root * bins.y - model
        squares = (residual**2).sum(axis=1)
        # d model / dq = -tilt * denominator, less what the numerator takes up of it.
        tilt = model * scale / bins.root
        mixed = products(scale * tilt, bins.numerator, bins.denominator)
        curvature = products(tilt**2, bins.denominator, bins.denominator)
        curvature = curvature - np.swapaxes(mixed, 1, 2) @ solve(normal, mixed) + stiffness(bins, q)
        prior = bins.noise / PRIOR_WIDTH**2
        slack = slacks(bins, q)
        push = bins.noise * bins.barrier
        gradient = (residual * tilt) @ bins.denominator + prior[:, None] * q
        gradient = gradient - push[:, None] * (bins.cuts / slack[..., None]).sum(axis=1)
        merit = 0.5 * (squares + prior * (q**2).sum(axis=1)) - push * np.log(slack).sum(axis=1)
    allowed = np.isfinite(merit) & (denominator > MIN_DENOMINATOR_AT_POINTS).all(axis=1)
    return State(q, p, squares, np.where(allowed, merit, np.inf), gradient, curvature)


def stiffness(bins: Bins, q: Floats) -> Floats:
    """Return the curvature (B, k, k) of prior and barrier, which is large across a cut that is reached."""
    pushed = bins.cuts / slacks(bins, q)[..., None]
    prior = np.eye(q.shape[1]) / PRIOR_WIDTH**2
    return np.asarray(bins.noise[:, None, None] * (prior + bins.barrier * np.swapaxes(pushed, 1, 2) @ pushed))


def slacks(bins: Bins, q: Floats) -> Floats:
    """Return by how much Q is above the level at each cut, (B, C)."""
    return np.asarray(1 - bins.level + (bins.cuts @ q[..., None])[..., 0])


def numerator(bins: Bins, scale: Floats) -> tuple[Floats, Floats]:
    """Return normal matrix (B, M, M) and best coefficients (B, M) of P times ``scale`` (B, N)."""
    normal = products(scale**2, bins.numerator, bins.numerator)
    right = (scale * bins.root * bins.y) @ bins.numerator
    return normal, solve(normal, right[..., None])[..., 0]


def products(weight: Floats, left: Floats, right: Floats) -> Floats:
    """Return sum_i weight_bi left_im right_ik for all bins in one matrix product: (B, m, k)."""
    pairs = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
    return np.asarray((weight @ pairs).reshape(len(weight), left.shape[1], right.shape[1]))


def solve(matrix: Floats, right: Floats) -> Floats:
    """Solve a batch with positive matrices; rows that a pole has spoilt are NaN."""
    usable = np.isfinite(matrix).all(axis=(1, 2), keepdims=True)
    safe, eye = np.where(usable, matrix, np.eye(matrix.shape[1])), np.eye(matrix.shape[1])
    diagonal = abs(np.einsum("bjj->bj", safe))
    unit = np.sqrt(np.maximum(diagonal, 1e-16 * diagonal.max(axis=1, keepdims=True) + 1e-300))[..., None]
    # On the scale of its diagonal, where a trace more of it keeps a degenerate one from being singular.
    scaled = safe / unit / np.swapaxes(unit, 1, 2) + 1e-14 * eye
    return np.where(usable, np.linalg.solve(scaled, right / unit) / unit, np.nan)


def linear_start(bins: Bins) -> Floats:
    """Return q (B, k) of the linear problem P - y Q = 0: exact where y is a rational, else a start."""
    normal, _ = numerator(bins, bins.root)
    tilt = bins.root * bins.y
    mixed = products(bins.root * tilt, bins.numerator, bins.denominator)
    taken = solve(normal, mixed)
    curvature = products(tilt**2, bins.denominator, bins.denominator) - np.swapaxes(mixed, 1, 2) @ taken
    right = ((bins.root * bins.y) @ bins.numerator)[..., None]
    gradient = (tilt * bins.root * bins.y) @ bins.denominator - (np.swapaxes(taken, 1, 2) @ right)[..., 0]
    # What the numerator alone can describe leaves q open; a trace of damping then prefers q = 0.
    size = products(tilt**2, bins.denominator, bins.denominator)
    damping = np.trace(size, axis1=1, axis2=2)[:, None, None] * np.eye(size.shape[1])
    return -solve(curvature + 1e-13 * damping, gradient[..., None])[..., 0]


def mean_square(bins: Bins, squares: Floats) -> Floats:
    """Return the noise (B,) from sums of squared residuals, per degree of freedom of the numerator's fit."""
    return np.asarray(squares / max(bins.y.shape[1] - bins.numerator.shape[1], 1))


def minimise(bins: Bins, q: Floats) -> State:
    """Minimise from q (B, k), which must satisfy the cuts."""
    best = expand(bins, q)
    rows, damping = np.arange(len(q)), np.full(len(q), 1e-3)
    for _ in range(MAX_STEPS):
        here, part = best.rows(rows), bins.rows(rows)
        size = np.trace(here.curvature, axis1=1, axis2=2) / q.shape[1]
        shift = (damping * size)[:, None, None] * np.eye(q.shape[1])
        step = -solve(here.curvature + shift, here.gradient[..., None])[..., 0]
        step = np.where(np.isfinite(step), step, 0.0) * _within(part, here.q, step)[:, None]
        there = expand(part, here.q + step)
        better = there.merit < here.merit
        best.put(rows[better], there.rows(np.flatnonzero(better)))
        # Where neither point is allowed, both merits are infinite: no gain to speak of.
        gain = np.subtract(here.merit, there.merit, out=np.full(len(better), np.inf), where=better)
        damping = np.where(better, damping / 8, damping * 8)
        total = 0.5 * ((part.root * part.y) ** 2).sum(axis=1)
        done = (gain <= MERIT_TOLERANCE * abs(here.merit) + 1e-30 * total) | (damping > 1e8)
        rows, damping = rows[~done], damping[~done]
        if not len(rows):
            break
    return best


def minimise_freely(bins: Bins, q: Floats) -> tuple[Bins, State]:
    """Minimise without cuts from q (B, k), or from the polynomial q = 0 where that is better.

    Returns the bins with their noise as well.
    """
    flat, given = (expand(bins, start) for start in (np.zeros_like(q), q))
    with np.errstate(divide="ignore", invalid="ignore"):  # a perfect fit has log 0, bins of zeros 0 / 0
        gain = bins.y.shape[1] * np.log(flat.squares / given.squares)
    better = gain > (q**2).sum(axis=1) / PRIOR_WIDTH**2  # false for a NaN, of a pole
    q, squares = np.where(better[:, None], q, 0.0), np.where(better, given.squares, flat.squares)
    for _ in range(PRIOR_ROUNDS):
        bins = replace(bins, noise=mean_square(bins, squares))
        state = minimise(bins, q)
        q, squares = state.q, state.squares
    return bins, state


def minimise_inside(bins: Bins, q: Floats) -> tuple[Bins, State]:
    """Minimise under the cuts from anywhere: q is first drawn towards 0, which satisfies all of them.

    Returns the bins with their last barrier as well.
    """
    at_cuts, at_points = (bins.cuts @ q[..., None])[..., 0], q @ bins.denominator.T
    drop = np.minimum(at_cuts.min(axis=1), at_points.min(axis=1))
    reach = 0.9 * (1 - bins.level)
    q = q * np.minimum(1.0, reach / np.maximum(-drop, reach))[:, None]
    for barrier in BARRIER_WEIGHTS:
        bins = replace(bins, barrier=barrier)
        state = minimise(bins, q)
        q = state.q
    return bins, state


def _within(bins: Bins, q: Floats, step: Floats) -> Floats:
    """Return the fraction (B,) of a step that uses up at most 95 % of any slack."""
    slack, change = slacks(bins, q), (bins.cuts @ step[..., None])[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(change < 0, 0.95 * slack / -change, np.inf)
    return np.asarray(np.minimum(reach.min(axis=1, initial=np.inf), 1.0))
