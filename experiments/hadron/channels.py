"""What collisions and resonances break up to, and final states by their species.

A channel is a process and a multiset of particles and resonances, such as {Delta++, pi0} by way of a
Delta(1620).  Whatever channel is drawn from those that the generator has made for a beam, and whatever decays
from those that it has made of a resonance, charge, baryon number and strangeness are conserved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.hadron.breakups import Breakups
from experiments.hadron.events import Events, Floats, Integers
from experiments.hadron.kinds import FROM_RESONANCES, NONE, STABLE, Kinds, find_kinds
from experiments.hadron.species import SPECIES, index

STABLE_KINDS = find_kinds(np.zeros(0, dtype=np.int64), np.zeros(0))
HADRONS = np.array([s.mass > 0.13 for s in SPECIES])


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
    order = np.lexsort((rng.random(len(place)), STABLE_KINDS.leaving_rank()[place], owner))
    inside = np.arange(events.multiplicity.max()) < events.multiplicity[:, None]
    species = np.full(inside.shape, NONE)
    species[inside] = place[order]
    momenta = np.zeros((*inside.shape, 4))
    momenta[inside] = events.momenta[order]
    return FinalStates(species, momenta)


@dataclass(frozen=True)
class Channels:
    """C different ones: the ``process`` (C,); the ``products`` (C, n), kinds in the chain's order, padded
    with ``NONE``; ``beam`` (C,), the PDG code of the pion that makes them; ``lowest`` and ``typical`` (C,),
    the sums of such masses, GeV."""

    process: Integers
    products: Integers
    beam: Integers
    lowest: Floats
    typical: Floats

    def __len__(self) -> int:
        return len(self.products)


@dataclass(frozen=True)
class ResonanceDecays:
    """Up to Q of each of R resonances: the ``products`` (R, Q, n), kinds padded with ``NONE``; how ``often``
    (R, Q) a sample has them, and the ``lowest`` (R, Q) sum of their masses, GeV."""

    products: Integers
    often: Integers
    lowest: Floats


def find_channels(kinds: Kinds, sample: Breakups) -> tuple[Channels, Integers]:
    """The channels of a sample's collisions, and the number of each collision's channel."""
    collisions = sample.of(sample.are_collisions)
    rows = np.column_stack([collisions.beam, collisions.origin, collisions.products])
    found, number = np.unique(rows, axis=0, return_inverse=True)
    beam, process, products = found[:, 0], found[:, 1], _narrow(found[:, 2:])
    sums = (_sums(masses, products) for masses in (kinds.lowest, kinds.typical))
    return Channels(process, products, beam, *sums), number.ravel()


def find_resonance_decays(kinds: Kinds, sample: Breakups) -> ResonanceDecays:
    """Those of a sample's resonances."""
    resonances = sample.of(~sample.are_collisions)
    rows = np.column_stack([resonances.origin - FROM_RESONANCES, resonances.products])
    found, often = np.unique(rows, axis=0, return_counts=True)
    origin, products = found[:, 0], _narrow(found[:, 1:])
    first = np.searchsorted(origin, origin)
    at = origin, np.arange(len(found)) - first
    shape = (len(kinds) - STABLE, int(at[1].max(initial=0)) + 1)
    decays = ResonanceDecays(
        np.full((*shape, products.shape[1]), NONE), np.zeros(shape, dtype=np.int64), np.zeros(shape)
    )
    decays.products[at], decays.often[at], decays.lowest[at] = products, often, _sums(kinds.lowest, products)
    return decays


def _sums(masses: Floats, products: Integers) -> Floats:
    return np.where(products == NONE, 0.0, masses[products]).sum(axis=1)


def _narrow(products: Integers) -> Integers:
    """Without places that nothing fills."""
    return products[:, (products != NONE).any(axis=0)]
