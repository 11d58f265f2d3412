"""This module holds the particles that events leave, by species, in arrays that are padded to the longest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.hadron.events.arrays import Events
from experiments.hadron.events.particle_types import NO_PARTICLE, find_particle_types, in_chains
from experiments.hadron.events.species import SPECIES, index
from lblhep.annotations import Floats, Integers

LEAVING_RANK = find_particle_types(np.zeros(0, dtype=np.int64), np.zeros(0)).leaving_rank()
HADRONS = np.array([s.mass > 0.13 for s in SPECIES])


@dataclass(frozen=True)
class FinalStates:
    """This class holds events with their particles in the order in which they leave the chain of decays.

    ``species`` (N, n) are places in ``SPECIES``, ``NO_PARTICLE`` beyond the event's last particle;
    ``momenta`` (N, n, 4), (px, py, pz, E) in GeV, are 0 there.  The frame is that of the events that were
    given.
    """

    species: Integers
    momenta: Floats

    @property
    def multiplicity(self) -> Integers:
        """Return the number of particles of each event, (N,)."""
        return (self.species != NO_PARTICLE).sum(axis=1)


def final_states(events: Events, rng: np.random.Generator) -> FinalStates:
    """Return the final states of events; identical particles come in random order."""
    place = index(events.pdg)
    owner = np.repeat(np.arange(len(events)), events.multiplicity)
    order, inside = in_chains(owner, LEAVING_RANK[place], len(events), rng)
    species = np.full(inside.shape, NO_PARTICLE)
    species[inside] = place[order]
    momenta = np.zeros((*inside.shape, 4))
    momenta[inside] = events.momenta[order]
    return FinalStates(species, momenta)
