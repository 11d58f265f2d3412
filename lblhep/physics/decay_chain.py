"""Any final state is a chain of two-body decays: n particles become 3 (n - 1) numbers in the unit cube and
back.

A system of mass W decays into one particle and the system of all others, that one into the next particle and
the rest, and so on.  A step has three coordinates:

    mass       (W' - sum of the masses left) / (W - m - sum of the masses left), W' the mass of what is left;
    polar      theta / pi of the particle in the system's rest frame, against the step's axis;
    azimuth    phi / 2 pi there, counted from the plane of that axis and another direction.

Rest frames are reached by one boost without rotation, so z, along which the beam came, is one direction for
all.  With the direction of an earlier particle for axis, the mass of that particle with the next one depends
on the polar angle alone: a resonance of the two is a peak in one coordinate.  With z for axis that angle is,
in the first decay, a transverse momentum.

Whatever the coordinates are, the event has every particle on its mass shell with E > 0 and conserves
four-momentum: a generative model that fills the unit cube cannot violate either.  In the last step nothing
but one particle is left and the mass says nothing; the first azimuth is that of the event as a whole.

(Phase space as such a chain: F. James, CERN 68-15 (1968).)  Momenta are (px, py, pz, E), GeV, float64.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

COORDINATES = 3
MIN_ANGLE_SINE = 1e-9  # below it two directions count as parallel


class Step(NamedTuple):
    """Describes what decays, for many events (N,): ``system`` (N, 4), the ``axes`` (N, 3, 3) of the angles,
    orthonormal rows in its rest frame of which the last is the polar axis, the ``mass`` of the particle that
    leaves, the sum of the masses ``left`` behind, and whether only one particle is left (``last``, bool)."""

    system: Tensor
    axes: Tensor
    mass: Tensor
    left: Tensor
    last: Tensor


def split(step: Step, coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the particle (N, 4) and what is left of the system (N, 4), from coordinates (N, 3) in [0, 1].

    >>> system = torch.tensor([[0.0, 0.0, 0.0, 3.0]], dtype=torch.float64)
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> step = Step(system, axes(system[:, :3], system[:, :3]), one, one, torch.tensor([True]))
    >>> particle, rest = split(step, torch.full((1, 3), 0.5, dtype=torch.float64))
    >>> [round(invariant_mass(part).item(), 12) for part in (particle, rest)]
    [1.0, 1.0]
    """
    energy = invariant_mass(step.system)
    room = (energy - step.mass - step.left).clamp_min(0)
    rest_mass = torch.where(step.last, step.left, step.left + coordinates[:, 0] * room)
    size = two_body_momentum(energy, step.mass, rest_mass)
    polar, azimuth = torch.pi * coordinates[:, 1], 2 * torch.pi * coordinates[:, 2]
    turned = [polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), polar.cos()]
    direction = (torch.stack(turned, dim=1)[:, None] @ step.axes)[:, 0]
    in_rest_frame = on_shell(size[:, None] * direction, step.mass)
    particle = on_shell(_boosted(in_rest_frame, step.system, step.system[:, :3]), step.mass)
    return particle, step.system - particle


def coordinates(step: Step, particle: Tensor) -> Tensor:
    """Return the coordinates (N, 3) of a particle (N, 4) that leaves the system: the inverse of ``split``.

    >>> system = torch.tensor([[0.0, 0.0, 0.0, 3.0]], dtype=torch.float64)
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> step = Step(system, axes(system[:, :3], system[:, :3]), one, one, torch.tensor([True]))
    >>> where = torch.tensor([[0.5, 0.3, 0.8]], dtype=torch.float64)
    >>> torch.allclose(coordinates(step, split(step, where)[0]), where)
    True
    """
    energy, rest_mass = invariant_mass(step.system), invariant_mass(step.system - particle)
    room = energy - step.mass - step.left
    mass = torch.where(step.last | (room <= 0), 0.5, (rest_mass - step.left) / room)
    x, y, z = (step.axes @ to_rest_frame(particle, step.system)[:, :3, None])[..., 0].unbind(dim=1)
    polar = torch.atan2(torch.hypot(x, y), z) / torch.pi
    azimuth = torch.atan2(y, x) / (2 * torch.pi) % 1
    return torch.stack([mass, polar, azimuth], dim=1).clamp(0, 1)


def axes(polar: Tensor, plane: Tensor) -> Tensor:
    """Return orthonormal rows (N, 3, 3), of which the last lies along ``polar`` (N, 3), and the first in its
    plane with ``plane``.

    Where the two are parallel, or ``plane`` is 0, the first lies in the plane of ``polar`` and x, or y; where
    ``polar`` is 0, z stands for it.

    >>> z = torch.tensor([[0.0, 0.0, 2.0]])
    >>> axes(z, torch.tensor([[1.0, 0.0, 1.0]]))[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x, y, z = torch.eye(3, dtype=polar.dtype, device=polar.device).unbind()
    length = polar.norm(dim=1, keepdim=True)
    last = torch.where(length > 0, polar / length.clamp_min(1e-300), z)
    spare = torch.where(last[:, :1].abs() < 0.9, x, y)
    across, other = (v - (v * last).sum(dim=1, keepdim=True) * last for v in (plane, spare))
    size = across.norm(dim=1, keepdim=True)
    small = size <= MIN_ANGLE_SINE * plane.norm(dim=1, keepdim=True)
    first = torch.where(small, other, across / torch.where(small, 1.0, size))
    first = first / first.norm(dim=1, keepdim=True)
    return torch.stack([first, torch.linalg.cross(last, first), last], dim=1)


def two_body_momentum(energy: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the momentum of two particles of these masses in the rest frame of their system of this
    energy.

    >>> two_body_momentum(torch.tensor(5.0), torch.tensor(3.0), torch.tensor(0.0)).item()
    1.600000023841858
    """
    above, below = energy**2 - (first + second) ** 2, energy**2 - (first - second) ** 2
    return (above.clamp_min(0) * below).sqrt() / (2 * energy)


def invariant_mass(momenta: Tensor) -> Tensor:
    """Return sqrt(E^2 - p^2) of four-momenta (..., 4) in GeV, 0 where round-off makes the square negative.

    >>> invariant_mass(torch.tensor([3.0, 0.0, 0.0, 5.0])).item()
    4.0
    """
    return (momenta[..., 3] ** 2 - (momenta[..., :3] ** 2).sum(-1)).clamp_min(0).sqrt()


def on_shell(momentum: Tensor, mass: Tensor) -> Tensor:
    """Return four-momenta (N, 4) of particles with three-momenta (N, 3) and masses (N,).

    >>> on_shell(torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([4.0])).tolist()
    [[3.0, 0.0, 0.0, 5.0]]
    """
    energy = ((momentum**2).sum(-1) + mass**2).sqrt()
    return torch.cat([momentum, energy[..., None]], dim=-1)


def to_rest_frame(momenta: Tensor, system: Tensor) -> Tensor:
    """Return the four-momenta (..., 4) in the rest frame of ``system`` (..., 4), by one boost without
    rotation.

    >>> system = torch.tensor([[3.0, 0.0, 0.0, 5.0]], dtype=torch.float64)
    >>> to_rest_frame(system, system).tolist()
    [[0.0, 0.0, 0.0, 4.0]]
    """
    mass = invariant_mass(system)
    energy = system[..., 3] * momenta[..., 3] - (system[..., :3] * momenta[..., :3]).sum(-1)
    return torch.cat([_boosted(momenta, system, -system[..., :3]), (energy / mass)[..., None]], dim=-1)


def _boosted(momenta: Tensor, system: Tensor, direction: Tensor) -> Tensor:
    """Return the three-momenta (..., 3) of ``momenta`` (..., 4) after the boost from rest to ``direction``
    (..., 3), the system's three-momentum or its opposite."""
    mass = invariant_mass(system)
    along = (momenta[..., :3] * direction).sum(-1)
    factor = (along / (system[..., 3] + mass) + momenta[..., 3]) / mass
    return momenta[..., :3] + factor[..., None] * direction
