"""This table has the particles that a pion-proton collision leaves, with masses and conserved numbers.

Masses are Pythia's (rounded to 10 keV), whatever generator made the events.  A particle is left if it does
not decay by the strong force (c tau > 1e-9 mm): pi0, eta and Sigma0 are left.  K0 and its antiparticle are
kept as such, since K0S and K0L have no strangeness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lblhep.annotations import Floats, Integers

PI_PLUS, PI_MINUS, PROTON = 211, -211, 2212


@dataclass(frozen=True)
class Species:
    """This class has a particle's PDG code, mass in GeV, charge (in e), baryon number and strangeness."""

    pdg: int
    name: str
    mass: float
    charge: int
    baryon: int
    strangeness: int

    def conjugate(self) -> Species:
        """Return the antiparticle."""
        return Species(
            -self.pdg, f"anti-{self.name}", self.mass, -self.charge, -self.baryon, -self.strangeness
        )


OWN_ANTIPARTICLES = (
    Species(22, "gamma", 0.0, 0, 0, 0),
    Species(111, "pi0", 0.13498, 0, 0, 0),
    Species(221, "eta", 0.54785, 0, 0, 0),
)
PARTICLES = (
    Species(11, "e-", 0.000511, -1, 0, 0),
    Species(13, "mu-", 0.10566, -1, 0, 0),
    Species(211, "pi+", 0.13957, 1, 0, 0),
    Species(311, "K0", 0.49761, 0, 0, 1),
    Species(321, "K+", 0.49368, 1, 0, 1),
    Species(2112, "n", 0.93957, 0, 1, 0),
    Species(2212, "p", 0.93827, 1, 1, 0),
    Species(3112, "Sigma-", 1.19745, -1, 1, -1),
    Species(3122, "Lambda", 1.11568, 0, 1, -1),
    Species(3212, "Sigma0", 1.19264, 0, 1, -1),
    Species(3222, "Sigma+", 1.18937, 1, 1, -1),
    Species(3312, "Xi-", 1.32171, -1, 1, -2),
    Species(3322, "Xi0", 1.31486, 0, 1, -2),
    Species(3334, "Omega-", 1.67245, -1, 1, -3),
)
SPECIES = tuple(
    sorted((*OWN_ANTIPARTICLES, *PARTICLES, *(s.conjugate() for s in PARTICLES)), key=lambda s: s.pdg)
)
CODES: Integers = np.array([s.pdg for s in SPECIES])
MASSES: Floats = np.array([s.mass for s in SPECIES])  # GeV
CONSERVED: Integers = np.array([(s.charge, s.baryon, s.strangeness) for s in SPECIES])


def index(pdg: NDArray[Any]) -> NDArray[np.intp]:
    """Return the places of PDG codes (any shape) in ``SPECIES``; a ValueError names unknown codes."""
    place = np.minimum(np.searchsorted(CODES, pdg), len(CODES) - 1)
    unknown = np.unique(pdg[CODES[place] != pdg])
    if len(unknown):
        raise ValueError(
            f"no such species: {', '.join(map(str, unknown))}; experiments/hadron/events/species.py"
        )
    return place


def masses(pdg: NDArray[Any]) -> Floats:
    """Return the masses, in GeV, of an array of PDG codes, in its shape."""
    found: Floats = MASSES[index(pdg)]
    return found


def conserved(pdg: NDArray[Any]) -> Integers:
    """Return charge, baryon number and strangeness of PDG codes (...), in the shape (..., 3)."""
    found: Integers = CONSERVED[index(pdg)]
    return found
