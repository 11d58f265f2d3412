"""The baseline that needs no model: training events of nearly the same energy, their momenta rescaled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events import Floats

NEWTON_STEPS = 50
PRECISION = 1e-13  # relative, of the energy


def nearest(
    kinetic_energy: NDArray[Any], beam: NDArray[Any], at: float, n: int, pion: int
) -> NDArray[np.intp]:
    """The ``n`` events of this pion that are nearest in ln T to the kinetic energy ``at`` (GeV)."""
    candidates = np.flatnonzero(beam == pion)
    if len(candidates) < n:
        raise ValueError(f"{n} events of pion {pion} to replay, but there are {len(candidates)}")
    distance = abs(np.log(kinetic_energy[candidates] / at))
    return candidates[np.argsort(distance, kind="stable")[:n]]


def rescaled(momenta: Floats, mass: Floats, sqrt_s: Floats) -> Floats:
    """Events (N, n, 4) in their centre of mass, three-momenta scaled so that the energy is ``sqrt_s`` (N,).

    ``mass`` (N, n) in GeV, 0 for padding.  Momentum stays 0 and every particle on its mass shell.  The factor
    is Newton's solution of sum sqrt(m^2 + (x p)^2) = sqrt(s), a convex function.  Raises ValueError if the
    masses alone exceed ``sqrt_s``.
    """
    if (mass.sum(axis=1) > sqrt_s).any():
        raise ValueError("an event's masses exceed the energy that it is to be scaled to")
    p2 = (momenta[..., :3] ** 2).sum(axis=-1)
    x = np.ones(len(momenta))
    for _ in range(NEWTON_STEPS):
        energy = np.sqrt(mass**2 + x[:, None] ** 2 * p2)
        excess = energy.sum(axis=1) - sqrt_s
        if (abs(excess) < PRECISION * sqrt_s).all():
            break
        slope = x * np.divide(p2, energy, out=np.zeros_like(p2), where=energy > 0).sum(axis=1)
        x = np.where(slope > 0, np.maximum(x - excess / np.where(slope > 0, slope, 1), x / 2), x)
    energy = np.sqrt(mass**2 + x[:, None] ** 2 * p2)
    return np.concatenate([x[:, None, None] * momenta[..., :3], energy[..., None]], axis=-1)


def openable(mass_sum: Floats, sqrt_s: Floats) -> NDArray[np.bool_]:
    """Which events can be replayed at the new energy at all."""
    return np.asarray(mass_sum < sqrt_s)
