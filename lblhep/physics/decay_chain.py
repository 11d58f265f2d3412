"""Any final state as a chain of two-body decays: n particles are 3 (n - 1) numbers in the unit cube and back.

A system of mass W decays into one particle and the system of all others, that one into the next particle and
the rest, and so on.  A step has three coordinates:

    mass       (W' - sum of the masses left) / (W - m - sum of the masses left), W' the mass of what is left;
    polar      (1 + cos theta) / 2 of the particle in the system's rest frame, against the beam's axis;
    azimuth    phi / 2 pi there, counted from the transverse momentum of the system.

Rest frames are reached by one boost without rotation, so the beam's axis is the same in all.  Whatever the
coordinates are, the event has every particle on its mass shell with E > 0 and conserves four-momentum: a
generative model that fills the unit cube cannot violate either.  In the last step nothing but one particle is
left and the mass says nothing; the first azimuth is that of the event as a whole.

(Phase space as such a chain: F. James, CERN 68-15 (1968).)  Momenta are (px, py, pz, E), GeV, float64.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

COORDINATES = 3


class Step(NamedTuple):
    """What decays, for many events (N,): ``system`` (N, 4), the ``mass`` of the particle that leaves, the sum
    of the masses ``left`` behind, and whether only one particle is left (``last``, bool)."""

    system: Tensor
    mass: Tensor
    left: Tensor
    last: Tensor


def split(step: Step, coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """The particle (N, 4) and what is left of the system (N, 4), from coordinates (N, 3) in [0, 1]."""
    energy = invariant_mass(step.system)
    room = (energy - step.mass - step.left).clamp_min(0)
    rest_mass = torch.where(step.last, step.left, step.left + coordinates[:, 0] * room)
    size = two_body_momentum(energy, step.mass, rest_mass)
    cosine = 2 * coordinates[:, 1] - 1
    sine = ((1 - cosine) * (1 + cosine)).clamp_min(0).sqrt()
    azimuth = 2 * torch.pi * coordinates[:, 2] + _azimuth(step.system)
    direction = torch.stack([sine * azimuth.cos(), sine * azimuth.sin(), cosine], dim=1)
    momentum = _boost(size[:, None] * direction, step.mass, step.system)
    particle = on_shell(momentum, step.mass)
    return particle, step.system - particle


def coordinates(step: Step, particle: Tensor) -> Tensor:
    """The coordinates (N, 3) of a particle (N, 4) that leaves the system: the inverse of ``split``."""
    energy, rest_mass = invariant_mass(step.system), invariant_mass(step.system - particle)
    room = energy - step.mass - step.left
    mass = torch.where(step.last | (room <= 0), 0.5, (rest_mass - step.left) / room)
    momentum = _boost(particle[:, :3], step.mass, step.system * particle.new_tensor([-1, -1, -1, 1]))
    polar = (1 + momentum[:, 2] / momentum.norm(dim=1).clamp_min(1e-300)) / 2
    turned = torch.atan2(momentum[:, 1], momentum[:, 0]) - _azimuth(step.system)
    return torch.stack([mass, polar, (turned / (2 * torch.pi)) % 1], dim=1).clamp(0, 1)


def two_body_momentum(energy: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The momentum of two particles of these masses in the rest frame of their system of this energy."""
    above, below = energy**2 - (first + second) ** 2, energy**2 - (first - second) ** 2
    return (above.clamp_min(0) * below).sqrt() / (2 * energy)


def invariant_mass(momenta: Tensor) -> Tensor:
    """sqrt(E^2 - p^2), 0 where round-off makes it negative."""
    return (momenta[..., 3] ** 2 - (momenta[..., :3] ** 2).sum(-1)).clamp_min(0).sqrt()


def on_shell(momentum: Tensor, mass: Tensor) -> Tensor:
    """(N, 4) from three-momenta (N, 3) and masses (N,)."""
    energy = ((momentum**2).sum(-1) + mass**2).sqrt()
    return torch.cat([momentum, energy[..., None]], dim=-1)


def _azimuth(system: Tensor) -> Tensor:
    """The azimuth of the system's transverse momentum; 0 for one at rest."""
    x, y = system[:, 0], system[:, 1]
    at_rest = (x == 0) & (y == 0)
    return torch.where(at_rest, 0.0, torch.atan2(y, torch.where(at_rest, 1.0, x)))


def _boost(momentum: Tensor, mass: Tensor, system: Tensor) -> Tensor:
    """Three-momenta (N, 3), given in the rest frame of ``system`` (N, 4), where that moves as it does."""
    energy = ((momentum**2).sum(-1) + mass**2).sqrt()
    direction, system_mass = system[:, :3], invariant_mass(system)
    along = (momentum * direction).sum(-1)
    factor = (along / (system[:, 3] + system_mass) + energy) / system_mass
    return momentum + factor[:, None] * direction
