"""What collisions and resonances break up to.

A channel is a process and a multiset of particles and resonances, such as {Delta++, pi0} by way of a
Delta(1620).  Whatever channel is drawn from those that the generator has made for a beam, and whatever decays
from those that it has made of a resonance, charge, baryon number and strangeness are conserved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.hadron.events.particle_types import N_PROCESSES, NO_PARTICLE, ParticleTypes
from experiments.hadron.flow.breakups import Breakups
from lblhep.annotations import Floats, Integers


@dataclass(frozen=True)
class Channels:
    """C different ones: the ``process`` (C,); the ``products`` (C, n), kinds in the chain's order, padded
    with ``NO_PARTICLE``; ``beam`` (C,), the PDG code of the pion that makes them; ``lowest`` and ``typical`` (C,),
    the sums of such masses, GeV; and how many ``times`` (C,) the sample has them."""

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
    """D decays of R resonances, by resonance and mass: the ``mass`` (D,), GeV, and the ``products`` (D, n),
    kinds padded with ``NO_PARTICLE``; resonance r has those from ``first[r]`` to ``first[r + 1]``, (R + 1,)."""

    mass: Floats
    products: Integers
    first: Integers


def find_channels(kinds: ParticleTypes, sample: Breakups) -> tuple[Channels, Integers]:
    """The channels of a sample's collisions, and the number of each collision's channel."""
    collisions = sample.of(sample.are_collisions)
    rows = np.column_stack([collisions.beam, collisions.origin, collisions.products])
    found, number, times = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    beam, process, products = found[:, 0], found[:, 1], _narrow(found[:, 2:])
    sums = (_sums(masses, products) for masses in (kinds.lowest, kinds.typical))
    return Channels(process, products, beam, *sums, times), number.ravel()


def find_resonance_decays(kinds: ParticleTypes, sample: Breakups) -> ResonanceDecays:
    """Those of a sample."""
    decays = sample.of(~sample.are_collisions)
    decays = decays.of(np.lexsort((decays.energy, decays.origin)))
    places = N_PROCESSES + np.arange(kinds.resonances + 1)
    return ResonanceDecays(decays.energy, _narrow(decays.products), np.searchsorted(decays.origin, places))


def _sums(masses: Floats, products: Integers) -> Floats:
    return np.where(products == NO_PARTICLE, 0.0, masses[products]).sum(axis=1)


def _narrow(products: Integers) -> Integers:
    """Without places that nothing fills."""
    return products[:, (products != NO_PARTICLE).any(axis=0)]
