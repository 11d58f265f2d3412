"""This module finds what collisions and resonances break up to in a sample.

A channel is a process and a multiset of particles and resonances, such as {Delta++, pi0} by way of a
Delta(1620).  Whatever channel is drawn from those that the generator has made for a beam, and whatever
decays from those that it has made of a resonance, charge, baryon number and strangeness are conserved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.hadron.events.particle_types import N_PROCESSES, NO_PARTICLE, ParticleTypes
from experiments.hadron.flow.breakups import Breakups
from lblhep.annotations import Floats, Integers


@dataclass(frozen=True)
class Channels:
    """This class has C different channels.

    ``process`` (C,) is a place in ``PROCESSES``; ``products`` (C, n) are particle types in the chain's
    order, padded with ``NO_PARTICLE``; ``beam`` (C,) is the PDG code of the pion that makes them; ``lowest``
    and ``typical`` (C,) are the sums of the products' masses of that name, GeV; ``times`` (C,) says how
    often the sample has each.
    """

    process: Integers
    products: Integers
    beam: Integers
    lowest: Floats
    typical: Floats
    times: Integers

    def __len__(self) -> int:
        return len(self.products)


@dataclass(frozen=True)
class ResonanceDecays:
    """This class has D decays of R resonances, sorted by resonance and mass.

    ``mass`` (D,) is in GeV; ``products`` (D, n) are particle types padded with ``NO_PARTICLE``; resonance r
    has the decays from ``first[r]`` to ``first[r + 1]``, (R + 1,).
    """

    mass: Floats
    products: Integers
    first: Integers


def find_channels(types: ParticleTypes, sample: Breakups) -> tuple[Channels, Integers]:
    """Return the channels of a sample's collisions, and the number of each collision's channel."""
    collisions = sample.of(sample.are_collisions)
    rows = np.column_stack([collisions.beam, collisions.origin, collisions.products])
    found, number, times = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    beam, process, products = found[:, 0], found[:, 1], _narrow(found[:, 2:])
    sums = (_sums(masses, products) for masses in (types.lowest, types.typical))
    return Channels(process, products, beam, *sums, times), number.ravel()


def find_resonance_decays(types: ParticleTypes, sample: Breakups) -> ResonanceDecays:
    """Return the decays of all resonances of a sample."""
    decays = sample.of(~sample.are_collisions)
    decays = decays.of(np.lexsort((decays.energy, decays.origin)))
    places = N_PROCESSES + np.arange(types.resonances + 1)
    return ResonanceDecays(decays.energy, _narrow(decays.products), np.searchsorted(decays.origin, places))


def _sums(masses: Floats, products: Integers) -> Floats:
    return np.where(products == NO_PARTICLE, 0.0, masses[products]).sum(axis=1)


def _narrow(products: Integers) -> Integers:
    """Return the products without the places that nothing fills."""
    return products[:, (products != NO_PARTICLE).any(axis=0)]
