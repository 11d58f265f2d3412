"""What a network is told before each decay of the chain, in training and in sampling alike.

All of it is invariant under rotations about the beam, so events are.  Momenta of particles that have left
are given in the rest frame of the system that decays next, along the axes of the coordinates that are
predicted.  The polar axis is the beam; where resonances shape an event, after the first decay, it is the
direction of the first particle, a baryon, whose resonances with the others are then peaks of one coordinate.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from experiments.hadron.channels import NONE
from experiments.hadron.conditions import BELLS, bells
from experiments.hadron.kinematics import kinetic_energy_of
from experiments.hadron.processes import PROCESSES
from experiments.hadron.species import MASSES
from lblhep.physics.decay_chain import Step, axes, coordinates, invariant_mass, to_rest_frame

RESONANT = torch.tensor([process.is_resonant for process in PROCESSES])
SPECIES_MASSES = torch.tensor(MASSES)
SYSTEM, MOMENTUM = 7 + len(BELLS), 5  # numbers in ``Given``
# GeV.  Up to this energy of the collision resonances shape what strings leave, too.  T = 4.8 GeV lies in no
# window of recipes/hadron.yaml that is held out or validates: across the border nothing is interpolated.
BARYON_AXIS = 3.2
SMALL = 1e-3  # GeV, below which a logarithm of a momentum says nothing


class Given(NamedTuple):
    """Before decay k of N events: the pion's ``charge`` (N,); ``process`` (N,), a place in ``PROCESSES``;
    numbers about the ``system`` and the collision's energy (N, SYSTEM), of order 1; ``leaving`` (N,), the
    species of the next particle; ``staying`` (N, n), those after it (``NONE``: no particle); ``left`` (N, k),
    those before it, and their ``momenta`` (N, k, 5).
    ``kinematics`` (N, 9), GeV: the masses of the system, of the next particle and, summed, of those after it;
    the mass of the first particle, whose direction may be the polar axis, and its momentum in the system's
    rest frame (0 where it is not); the system's momentum (3) along the axes of the coordinates; and the
    cosine of polar axis and beam."""

    charge: Tensor
    process: Tensor
    system: Tensor
    leaving: Tensor
    staying: Tensor
    left: Tensor
    momenta: Tensor
    kinematics: Tensor


class Decays(NamedTuple):
    """Decay k of all events that have one: what is given, the ``coordinates`` (N, 3) to predict, and which of
    them mean something (N, 3)."""

    given: Given
    coordinates: Tensor
    meant: Tensor


def masses_of(species: Tensor) -> Tensor:
    """GeV, 0 for ``NONE``."""
    return torch.where(species == NONE, 0.0, SPECIES_MASSES.to(species.device)[species.clamp_min(0)])


def has_resonances(process: Tensor, system: Tensor, particles: Tensor) -> Tensor:
    """Whether resonances shape collisions (N,), of which particles (N, k, 4) have left the system (N, 4)."""
    return RESONANT.to(process.device)[process] | (_energy(system, particles) < BARYON_AXIS)


def _energy(system: Tensor, particles: Tensor) -> Tensor:
    """Of the collision, of which particles (N, k, 4) have left the system (N, 4), in its centre of mass."""
    return system[:, 3] + particles[..., 3].sum(dim=1)


def step_at(system: Tensor, process: Tensor, species: Tensor, particles: Tensor) -> Step:
    """The next decay of events with these species (N, n), of which ``particles`` (N, k, 4) have left and at
    least two are still there."""
    k = particles.shape[1]
    mass = masses_of(species[:, k:])
    beam = system.new_tensor([0.0, 0.0, 1.0]).expand_as(system[:, :3])
    polar, plane = beam, system[:, :3]
    if k:
        shaped = has_resonances(process, system, particles)[:, None]
        polar = torch.where(shaped, to_rest_frame(particles[:, 0], system)[:, :3], beam)
        plane = torch.where(shaped, beam, plane)
    last = (species[:, k + 1 :] != NONE).sum(dim=1) == 1
    return Step(system, axes(polar, plane), mass[:, 0], mass[:, 1:].sum(dim=1), last)


def before(step: Step, beam: Tensor, process: Tensor, species: Tensor, particles: Tensor) -> Given:
    """What is given before a decay; ``beam`` (N,) are PDG codes, ``particles`` (N, k, 4) have left."""
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
    energies = bells(kinetic_energy_of(_energy(step.system, particles)))
    momenta = to_rest_frame(particles, step.system[:, None])
    along, size = momenta[..., :3] @ step.axes.mT, momenta[..., :3].norm(dim=-1, keepdim=True)
    flight = (step.axes @ step.system[:, :3, None])[..., 0].unbind(dim=1)
    zero = torch.zeros_like(mass)
    first = [zero, zero]
    if k:
        shaped = has_resonances(process, step.system, particles)
        first = [masses_of(species[:, 0]), torch.where(shaped, size[:, 0, 0], zero)]
    return Given(
        torch.sign(beam).float(),
        process,
        torch.cat([torch.stack(about_system, dim=1), energies], dim=1).float(),
        species[:, k],
        species[:, k + 1 :],
        species[:, :k],
        torch.cat([along / size.clamp_min(SMALL), (size + SMALL).log(), momenta[..., 3:]], dim=-1).float(),
        torch.stack([mass, step.mass, step.left, *first, *flight, step.axes[:, 2, 2]], dim=1).float(),
    )


def meaningful(step: Step, k: int) -> Tensor:
    """Which coordinates of decay k mean something, (N, 3): the azimuth of a whole event is random, and where
    one particle is left it has its own mass."""
    always = torch.ones_like(step.last)
    azimuth = always if k > 0 else ~always
    return torch.stack([~step.last, always, azimuth], dim=1)


def decays(beam: Tensor, process: Tensor, sqrt_s: Tensor, species: Tensor, momenta: Tensor) -> list[Decays]:
    """Every decay of events in their centre of mass: ``species`` (N, n), ``momenta`` (N, n, 4), GeV.

    The list is by the decay's number in its chain.
    """
    system = torch.zeros_like(momenta[:, 0])
    system[:, 3] = sqrt_s
    found = []
    for k in range(species.shape[1] - 1):
        there = species[:, k + 1] != NONE
        if not there.any():
            break
        beam, process, species, momenta, system = (
            x[there] for x in (beam, process, species, momenta, system)
        )
        left, particle = momenta[:, :k], momenta[:, k]
        step = step_at(system, process, species, left)
        given = before(step, beam, process, species, left)
        found.append(Decays(given, coordinates(step, particle).float(), meaningful(step, k)))
        system = system - particle
    return found
