"""What a collision or a resonance breaks up to: species that are left, and resonances, which go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.processes import PROCESSES
from experiments.hadron.events.species import CODES, MASSES
from lblhep.annotations import Floats, Integers

NO_PARTICLE = -1  # the kind at a place beyond the last particle
N_STABLE = len(CODES)  # kinds from here on are resonances
N_PROCESSES = len(PROCESSES)  # origins from here on are resonances, in the same order


@dataclass(frozen=True)
class ParticleTypes:
    """K of them: ``SPECIES``, and after them the R resonances of a sample, by PDG code.

    Masses (K,) in GeV: the ``lowest``, the ``typical`` one, a median, and the ``highest`` of the sample.
    What breaks up, an *origin*, is a place in ``PROCESSES`` or, from ``N_PROCESSES`` on, a resonance.
    """

    pdg: Integers
    lowest: Floats
    typical: Floats
    highest: Floats

    def __len__(self) -> int:
        return len(self.pdg)

    @property
    def resonances(self) -> int:
        """R."""
        return len(self) - N_STABLE

    def measured(self, kind: Integers, mass: Floats) -> ParticleTypes:
        """The same, with the masses (n,), GeV, of resonances of a ``kind`` (n,) in another sample; those
        that it has none of stay as they are."""
        lowest, typical, highest = self.lowest.copy(), self.typical.copy(), self.highest.copy()
        for resonance in np.unique(kind):
            own = mass[kind == resonance]
            lowest[resonance], typical[resonance] = own.min(), np.median(own)
            highest[resonance] = own.max()
        return ParticleTypes(self.pdg, lowest, typical, highest)

    def place(self, pdg: NDArray[Any]) -> Integers:
        """The kinds (n,) of PDG codes (n,).  Raises KeyError if there is no such kind."""
        places = {int(code): i for i, code in enumerate(self.pdg)}
        values, inverse = np.unique(pdg, return_inverse=True)
        return np.array([places[int(code)] for code in values], dtype=np.int64)[inverse]

    def leaving_rank(self) -> Integers:
        """The place of each kind in the chain of decays: baryons leave first, strange ones next, photons and
        leptons last.  The first ones have the most room, and carry most of the momentum."""
        quarks = np.abs(self.pdg)[:, None] // np.array([10, 100, 1000]) % 10
        baryon, strange = quarks[:, 2] > 0, (quarks == STRANGE).sum(axis=1) % 2 == 1
        hadron = np.abs(self.pdg) > LEPTONS
        order = np.lexsort((np.arange(len(self)), -self.typical, ~strange, ~baryon, ~hadron))
        return np.asarray(order.argsort())


def as_origin(resonance: Any) -> Any:
    """ParticleTypes of resonances as what breaks up."""
    return resonance - N_STABLE + N_PROCESSES


def as_kind(origin: Any) -> Any:
    """The reverse."""
    return origin - N_PROCESSES + N_STABLE


def in_chains(
    owner: Integers, rank: NDArray[Any], owners: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Particles (n,) one owner after another, each one's by rank, identical ones in random order; and which
    places of an array (owners, longest) they fill."""
    order = np.lexsort((rng.random(len(owner)), rank, owner))
    count = np.bincount(owner, minlength=owners)
    return order, np.arange(count.max()) < count[:, None]


STRANGE, LEPTONS = 3, 100  # the quark's digit in a PDG code; lower codes are no hadrons


def find_particle_types(pdg: Integers, mass: Floats) -> ParticleTypes:
    """Those of a sample with resonances of these PDG codes (n,) and masses (n,), GeV."""
    codes = np.unique(pdg)
    masses = [mass[pdg == code] for code in codes]
    lowest, typical, highest = (
        np.concatenate([MASSES, [f(values) for values in masses]]) for f in (np.min, np.median, np.max)
    )
    return ParticleTypes(np.concatenate([CODES, codes]), lowest, typical, highest)
