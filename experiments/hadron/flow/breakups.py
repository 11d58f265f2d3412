"""Events are trees here: the collision breaks up to particles and resonances, and each resonance in turn.

What a resonance does knows nothing of the collision: it is the same at every energy.  A model that learns
the break-ups one by one need not learn which masses the resonances leave among the particles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.hadron.events.arrays import FROM_COLLISION, Events
from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import (
    N_PROCESSES,
    NO_PARTICLE,
    ParticleTypes,
    as_origin,
    as_type,
    find_particle_types,
    in_chains,
)
from experiments.hadron.events.processes import place
from experiments.hadron.events.species import MASSES, index
from lblhep.annotations import Floats, Integers
from lblhep.physics.decay_chain import invariant_mass, to_rest_frame

PROTON_DISSOCIATION = 154  # a code of ``experiments.hadron.events.processes``


@dataclass(frozen=True)
class Breakups:
    """This class has B break-ups, each seen where its origin is at rest.

    ``event`` (B,) is the row of its event; ``beam`` (B,) the pion's PDG code, 0 of resonances; ``origin``
    (B,) and ``energy`` (B,), GeV, say what breaks up; ``products`` (B, n) are particle types in the order in
    which they leave the chain, padded with ``NO_PARTICLE``; ``mass`` (B, n) and ``momenta`` (B, n, 4), GeV,
    are the products'.
    """

    event: Integers
    beam: Integers
    origin: Integers
    energy: Floats
    products: Integers
    mass: Floats
    momenta: Floats

    def __len__(self) -> int:
        return len(self.event)

    def of(self, rows: NDArray[Any]) -> Breakups:
        """Return the break-ups that ``rows``, a mask or indices, selects."""
        return Breakups(**{name: values[rows] for name, values in vars(self).items()})

    @property
    def are_collisions(self) -> NDArray[np.bool_]:
        """Return which break-ups (B,) are those of collisions, not of resonances."""
        return np.asarray(self.origin < N_PROCESSES)

    @property
    def resonances(self) -> tuple[Integers, Floats]:
        """Return the particle type and the mass, GeV, of each resonance that breaks up."""
        rows = ~self.are_collisions
        return as_type(self.origin[rows]), self.energy[rows]


def event_trees(events: Events, rng: np.random.Generator) -> tuple[ParticleTypes, Breakups]:
    """Return the particle types and all break-ups of a sample in its centre of mass.

    The collisions come first.  ``rng`` puts identical particles in random order.
    """
    resonances, n = events.resonances, len(events)
    of_particles, of_resonances = (
        np.repeat(np.arange(n), np.diff(offsets)) for offsets in (events.offsets, resonances.offsets)
    )
    parents = (
        _numbered(events.parent, events, of_particles),
        _numbered(resonances.parent, events, of_resonances),
    )
    momenta = _of_resonances(events, *parents)
    mass = np.asarray(invariant_mass(torch.from_numpy(momenta)))
    types = find_particle_types(resonances.pdg, mass)
    # Every particle and every resonance is a product: of its event's collision, or of a resonance.
    event, parent = np.concatenate([of_particles, of_resonances]), np.concatenate(parents)
    owner = np.where(parent == FROM_COLLISION, event, n + parent)
    products = types.place(np.concatenate([events.pdg, resonances.pdg]))
    rank = types.leaving_rank()[products]
    scattered = _scattered_pions(events, products, owner, np.concatenate([events.momenta, momenta]))
    order, there = in_chains(owner, np.where(scattered, -1, rank), n + len(mass), rng)

    def padded(values: NDArray[Any], fill: float) -> NDArray[Any]:
        rows = np.full((*there.shape, *values.shape[1:]), fill, dtype=values.dtype)
        rows[there] = values[order]
        return rows

    resonance = products[len(of_particles) :]
    energy = np.concatenate([centre_of_mass_energy(events.kinetic_energy), mass])
    collisions = np.zeros((n, 4))
    collisions[:, 3] = energy[:n]
    system = np.concatenate([collisions, momenta])
    own_mass = np.concatenate([MASSES[products[: len(of_particles)]], mass])
    return types, Breakups(
        event=np.concatenate([np.arange(n), of_resonances]),
        beam=np.concatenate([events.beam, np.zeros_like(of_resonances)]),
        origin=np.concatenate([place(events.process), as_origin(resonance)]),
        energy=energy,
        products=padded(products, NO_PARTICLE),
        mass=padded(own_mass, 0),
        momenta=_at_rest(padded(np.concatenate([events.momenta, momenta]), 0), system),
    )


def _scattered_pions(
    events: Events, products: Integers, owner: Integers, momenta: Floats
) -> NDArray[np.bool_]:
    """Return which products leave first although they are no baryons.

    It is the fastest pion of the beam's charge where the proton dissociates.  What stays is then the system
    that the proton has become.
    """
    n = len(events)
    of_collision = owner < n
    event = np.where(of_collision, owner, 0)
    dissociates = events.process[event] == PROTON_DISSOCIATION
    own = np.flatnonzero(of_collision & dissociates & (products == index(events.beam)[event]))
    own = own[np.lexsort((-momenta[own, 2], owner[own]))]
    _, first = np.unique(owner[own], return_index=True)
    scattered = np.zeros(len(owner), dtype=np.bool_)
    scattered[own[first]] = True
    return scattered


def _of_resonances(events: Events, of_particles: Integers, parent: Integers) -> Floats:
    """Return the momenta (R, 4) of all resonances, from the parents of particles and resonances."""
    depth, higher = np.zeros(len(parent), dtype=np.int64), parent
    while (there := higher != FROM_COLLISION).any():
        depth += there
        higher = np.where(there, parent[higher], FROM_COLLISION)
    momenta = np.zeros((len(parent), 4))
    from_one = of_particles != FROM_COLLISION
    np.add.at(momenta, of_particles[from_one], events.momenta[from_one])
    for level in range(int(depth.max(initial=0)), 0, -1):
        rows = depth == level
        np.add.at(momenta, parent[rows], momenta[rows])
    return momenta


def _numbered(parent: Integers, events: Events, event: Integers) -> Integers:
    """Return parents by number among all resonances of the sample, not of their event."""
    return np.where(parent == FROM_COLLISION, FROM_COLLISION, parent + events.resonances.offsets[event])


def _at_rest(momenta: Floats, system: Floats) -> Floats:
    return np.asarray(to_rest_frame(torch.from_numpy(momenta), torch.from_numpy(system)[:, None]))


def first_of_each(sample: Breakups, n: int) -> NDArray[np.bool_]:
    """Return a mask of all collisions, and of the first ``n`` break-ups of each resonance.

    Resonances decay alike at all energies, so the first ones do.
    """
    order = np.argsort(sample.origin, kind="stable")
    first = np.searchsorted(sample.origin[order], sample.origin)
    number = np.empty(len(sample), dtype=np.int64)
    number[order] = np.arange(len(sample))
    return sample.are_collisions | (number - first < n)
