"""Collisions and resonances break up to particle types: stable species, and resonances, which go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.processes import PROCESSES
from experiments.hadron.events.species import CODES, MASSES
from lblhep.annotations import Floats, Integers

NO_PARTICLE = -1  # the type at a place beyond the last particle
N_STABLE = len(CODES)  # types from here on are resonances
N_PROCESSES = len(PROCESSES)  # origins from here on are resonances, in the same order


@dataclass(frozen=True)
class ParticleTypes:
    """This class has K particle types: all of ``SPECIES``, then R resonances of a sample by PDG code.

    The masses (K,) are in GeV: the ``lowest``, the ``typical`` one, a median, and the ``highest`` of the
    sample. Whatever breaks up has an *origin*: a place in ``PROCESSES`` or, from ``N_PROCESSES`` on, a
    resonance.
    """

    pdg: Integers
    lowest: Floats
    typical: Floats
    highest: Floats

    def __len__(self) -> int:
        return len(self.pdg)

    @property
    def resonances(self) -> int:
        """Return R, the number of resonances."""
        return len(self) - N_STABLE

    def measured(self, resonance: Integers, mass: Floats) -> ParticleTypes:
        """Return these types with the masses (n,), GeV, of resonances (n,), given by type, of another
        sample.

        Types that the other sample lacks keep their masses.
        """
        lowest, typical, highest = self.lowest.copy(), self.typical.copy(), self.highest.copy()
        for one in np.unique(resonance):
            own = mass[resonance == one]
            lowest[one], typical[one], highest[one] = own.min(), np.median(own), own.max()
        return ParticleTypes(self.pdg, lowest, typical, highest)

    def place(self, pdg: NDArray[Any]) -> Integers:
        """Return the types (n,) of PDG codes (n,).

        Raises KeyError if a code has no type.
        """
        places = {int(code): i for i, code in enumerate(self.pdg)}
        values, inverse = np.unique(pdg, return_inverse=True)
        return np.array([places[int(code)] for code in values], dtype=np.int64)[inverse]

    def leaving_rank(self) -> Integers:
        """Return the place (K,) of each type in the chain of decays.

        Baryons leave first, then strange particles; photons and leptons leave last.  The first ones have the
        most room, and carry most of the momentum.
        """
        quarks = np.abs(self.pdg)[:, None] // np.array([10, 100, 1000]) % 10
        baryon, strange = quarks[:, 2] > 0, (quarks == STRANGE).sum(axis=1) % 2 == 1
        hadron = np.abs(self.pdg) > LEPTONS
        order = np.lexsort((np.arange(len(self)), -self.typical, ~strange, ~baryon, ~hadron))
        return np.asarray(order.argsort())


def as_origin(resonance: Any) -> Any:
    """Return the origins of resonances that are given by type."""
    return resonance - N_STABLE + N_PROCESSES


def as_type(origin: Any) -> Any:
    """Return the types of resonances that are given as origins."""
    return origin - N_PROCESSES + N_STABLE


def in_chains(
    owner: Integers, rank: NDArray[Any], owners: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Order particles by owner, and within each owner by rank; identical ones come in random order.

    Args:
        owner: The number (n,) of the event or break-up that each particle belongs to.
        rank: The place (n,) of each particle in its owner's chain.
        owners: How many owners there are.
        rng: The random numbers that order identical particles.

    Returns:
        The order (n,) of the particles, and which places of an array (owners, longest) they fill.
    """
    order = np.lexsort((rng.random(len(owner)), rank, owner))
    count = np.bincount(owner, minlength=owners)
    return order, np.arange(count.max()) < count[:, None]


STRANGE, LEPTONS = 3, 100  # the quark's digit in a PDG code; lower codes are no hadrons


def find_particle_types(pdg: Integers, mass: Floats) -> ParticleTypes:
    """Return the types of a sample whose resonances have these PDG codes (n,) and masses (n,), GeV."""
    codes = np.unique(pdg)
    masses = [mass[pdg == code] for code in codes]
    lowest, typical, highest = (
        np.concatenate([MASSES, [f(values) for values in masses]]) for f in (np.min, np.median, np.max)
    )
    return ParticleTypes(np.concatenate([CODES, codes]), lowest, typical, highest)
