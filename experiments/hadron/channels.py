"""Final states by their species: which there are, and in what order particles leave the chain of decays.

A channel is a process and a multiset of species, such as {p, pi+, pi0} by way of a Delta(1232).  Whatever
channel is drawn from those that the generator has made for a beam, charge, baryon number and strangeness are
conserved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.hadron.events import Events, Floats, Integers
from experiments.hadron.species import CONSERVED, MASSES, PI_PLUS, SPECIES, index

NONE = -1  # the place of a species beyond the last particle
HADRONS = np.array([s.mass > 0.13 for s in SPECIES])


def leaving_rank() -> Integers:
    """The place of each species in the chain: baryons leave first, strange particles next, photons and
    leptons last.  The first ones have the most room, and carry most of the momentum."""
    _, baryon, strangeness = CONSERVED.T
    return np.lexsort((np.arange(len(SPECIES)), -MASSES, strangeness == 0, baryon == 0, ~HADRONS)).argsort()


@dataclass(frozen=True)
class FinalStates:
    """Events with their particles in the order in which they leave the chain, padded to the longest.

    ``species`` (N, n) are places in ``SPECIES``, ``NONE`` beyond the event's last particle; ``momenta``
    (N, n, 4), (px, py, pz, E) in GeV, are 0 there, in whatever frame the events were given.
    """

    species: Integers
    momenta: Floats

    @property
    def multiplicity(self) -> Integers:
        """Particles of each event, (N,)."""
        return (self.species != NONE).sum(axis=1)


def final_states(events: Events, rng: np.random.Generator) -> FinalStates:
    """Identical particles come in random order: nothing tells them apart."""
    place = index(events.pdg)
    owner = np.repeat(np.arange(len(events)), events.multiplicity)
    order = np.lexsort((rng.random(len(place)), leaving_rank()[place], owner))
    inside = np.arange(events.multiplicity.max()) < events.multiplicity[:, None]
    species = np.full(inside.shape, NONE)
    species[inside] = place[order]
    momenta = np.zeros((*inside.shape, 4))
    momenta[inside] = events.momenta[order]
    return FinalStates(species, momenta)


@dataclass(frozen=True)
class Channels:
    """C different ones: ``process`` (C,), ``species`` (C, n) in the chain's order, padded with ``NONE``;
    ``mass`` (C,), the sum of their masses in GeV; ``beam`` (C,), the PDG code of the pion that makes them."""

    process: Integers
    species: Integers
    mass: Floats
    beam: Integers

    def __len__(self) -> int:
        return len(self.species)


def find_channels(process: Integers, species: Integers) -> tuple[Channels, Integers]:
    """The channels of processes (N,) and padded final states (N, n), and the number (N,) of each one's."""
    found, number = np.unique(np.column_stack([process, species]), axis=0, return_inverse=True)
    by, rows = found[:, 0], found[:, 1:]
    there = rows != NONE
    charge = np.where(there, CONSERVED[rows, 0], 0).sum(axis=1)
    mass = np.where(there, MASSES[rows], 0.0).sum(axis=1)
    return Channels(by, rows, mass, np.where(charge == 2, PI_PLUS, -PI_PLUS)), number.ravel()
