"""A network is told these numbers before each decay of the chain, in training and in sampling alike.

All of it is invariant under rotations about the beam, so events are.  Momenta of particles that have left
are given in the rest frame of the system that decays next, along the axes of the coordinates that are
predicted.  The polar axis is the beam; where a resonance breaks up, after the first decay, it is the
direction of the first particle.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from experiments.hadron.events.kinematics import kinetic_energy_of
from experiments.hadron.events.particle_types import N_PROCESSES, NO_PARTICLE
from experiments.hadron.flow.conditions import BASIS_CENTRES, gaussian_basis
from lblhep.physics.decay_chain import Step, axes, coordinates, invariant_mass, to_rest_frame

SYSTEM_INPUTS, MOMENTUM_INPUTS = 7 + len(BASIS_CENTRES), 5  # numbers in ``Given``
MOMENTUM_RESOLUTION = 1e-3  # GeV, below which a logarithm of a momentum says nothing


class Origin(NamedTuple):
    """This tuple says what breaks up, N times.

    ``charge`` (N,) is the pion's, 0 of resonances; ``index`` (N,) is a place in ``PROCESSES`` or, from
    ``N_PROCESSES`` on, a resonance; ``energy`` (N,) is that where the origin is at rest, GeV, float64.
    """

    charge: Tensor
    index: Tensor
    energy: Tensor

    @property
    def is_collision(self) -> Tensor:
        """Return which origins (N,) are collisions, bool."""
        return self.index < N_PROCESSES

    def of(self, rows: Tensor) -> Origin:
        """Return the origins that ``rows``, a mask or indices, selects."""
        return Origin(self.charge[rows], self.index[rows], self.energy[rows])

    def gaussian_basis(self) -> Tensor:
        """Return the basis in the collision's ln T, (N, len(BASIS_CENTRES)), and 0 of resonances."""
        kinetic_energy = torch.where(self.is_collision, kinetic_energy_of(self.energy), 1.0)
        return gaussian_basis(kinetic_energy) * self.is_collision[:, None]


class Given(NamedTuple):
    """This tuple has what is known before decay k of N break-ups.

    ``charge`` (N,) and ``origin`` (N,) are charge and index of ``Origin``; ``system`` (N, SYSTEM_INPUTS) are
    numbers of order 1 about the decaying system and the collision's energy; ``leaving`` (N,) is the type of
    the next particle, ``staying`` (N, n) those after it (``NO_PARTICLE``: no particle), ``left`` (N, k)
    those before it, and ``momenta`` (N, k, 5) belong to these.  ``kinematics`` (N, 6), GeV, are the masses
    of the system, of the next particle and, summed, of those after it; and the system's momentum (3) along
    the coordinates' axes.
    """

    charge: Tensor
    origin: Tensor
    system: Tensor
    leaving: Tensor
    staying: Tensor
    left: Tensor
    momenta: Tensor
    kinematics: Tensor


class Decays(NamedTuple):
    """This tuple has decay k of all break-ups that have one.

    ``given`` is what is known before, ``coordinates`` (N, 3) are to be predicted, and ``meant`` (N, 3) says
    which of them mean something.
    """

    given: Given
    coordinates: Tensor
    meant: Tensor


def step_at(system: Tensor, origin: Origin, mass: Tensor, particles: Tensor, staying: Tensor) -> Step:
    """Return the next decay of products, as ``decay_chain.split`` wants it.

    Args:
        system: The four-momenta (N, 4) of what decays, GeV.
        origin: What has broken up.
        mass: The masses (N, n) of all products, GeV.
        particles: The four-momenta (N, k, 4) of the products that have left.
        staying: How many products (N,) stay after this decay, one at least.

    Returns:
        The step, with its axes.
    """
    k = particles.shape[1]
    beam = system.new_tensor([0.0, 0.0, 1.0]).expand_as(system[:, :3])
    polar, plane = beam, system[:, :3]
    if k:
        of_collision = origin.is_collision[:, None]
        polar = torch.where(of_collision, beam, to_rest_frame(particles[:, 0], system)[:, :3])
        plane = torch.where(of_collision, plane, beam)
    return Step(system, axes(polar, plane), mass[:, k], mass[:, k + 1 :].sum(dim=1), staying == 1)


def before(step: Step, origin: Origin, products: Tensor, particles: Tensor) -> Given:
    """Return what is given before a decay.

    Args:
        step: The decay.
        origin: What has broken up.
        products: The types (N, n) of all products.
        particles: The four-momenta (N, k, 4) of the products that have left, GeV.

    Returns:
        The inputs of the network.
    """
    k = particles.shape[1]
    mass = invariant_mass(step.system)
    transverse = step.system[:, :2].norm(dim=1)
    about_system = [
        mass.log(),
        (mass - step.mass - step.left) / mass,
        step.mass / mass,
        step.left / mass,
        step.system[:, 2] / mass,
        transverse / mass,
        step.axes[:, 2, 2],
    ]
    momenta = to_rest_frame(particles, step.system[:, None])
    along, size = momenta[..., :3] @ step.axes.mT, momenta[..., :3].norm(dim=-1, keepdim=True)
    flight = (step.axes @ step.system[:, :3, None])[..., 0].unbind(dim=1)
    return Given(
        origin.charge.float(),
        origin.index,
        torch.cat([torch.stack(about_system, dim=1), origin.gaussian_basis()], dim=1).float(),
        products[:, k],
        products[:, k + 1 :],
        products[:, :k],
        torch.cat(
            [
                along / size.clamp_min(MOMENTUM_RESOLUTION),
                (size + MOMENTUM_RESOLUTION).log(),
                momenta[..., 3:],
            ],
            dim=-1,
        ).float(),
        torch.stack([mass, step.mass, step.left, *flight], dim=1).float(),
    )


def meaningful(step: Step, k: int) -> Tensor:
    """Return which coordinates of decay k mean something, (N, 3).

    The first azimuth is random, and where one particle is left it has its own mass.
    """
    always = torch.ones_like(step.last)
    azimuth = always if k > 0 else ~always
    return torch.stack([~step.last, always, azimuth], dim=1)


def decays(origin: Origin, products: Tensor, mass: Tensor, momenta: Tensor) -> list[Decays]:
    """Return every decay of break-ups, in a list by the decay's number in its chain.

    Args:
        origin: What breaks up.
        products: The types (N, n) of the products.
        mass: Their masses (N, n) in GeV.
        momenta: Their momenta (N, n, 4) in GeV where the origin is at rest.

    Returns:
        The decays; the k-th entry has those of the break-ups with more than k + 1 products.
    """
    system = torch.zeros_like(momenta[:, 0])
    system[:, 3] = origin.energy
    found = []
    for k in range(products.shape[1] - 1):
        there = products[:, k + 1] != NO_PARTICLE
        if not there.any():
            break
        origin, products, mass, momenta, system = (
            x.of(there) if isinstance(x, Origin) else x[there]
            for x in (origin, products, mass, momenta, system)
        )
        left, particle = momenta[:, :k], momenta[:, k]
        staying = (products[:, k + 1 :] != NO_PARTICLE).sum(dim=1)
        step = step_at(system, origin, mass, left, staying)
        given = before(step, origin, products, left)
        found.append(Decays(given, coordinates(step, particle).float(), meaningful(step, k)))
        system = system - particle
    return found
