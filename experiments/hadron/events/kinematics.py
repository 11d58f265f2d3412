"""A pion of kinetic energy T along +z on a proton at rest, and the same in the centre-of-mass frame; GeV.

``beam_momentum``, ``centre_of_mass_energy`` and its inverse take tensors as well as arrays, and keep
gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.species import PI_PLUS, PROTON, masses
from lblhep.annotations import Floats

PION_MASS, PROTON_MASS = (float(mass) for mass in masses(np.array([PI_PLUS, PROTON])))


def beam_momentum(kinetic_energy: NDArray[Any]) -> Floats:
    """The pion's momentum along z."""
    momentum: Floats = (kinetic_energy * (kinetic_energy + 2 * PION_MASS)) ** 0.5
    return momentum


def centre_of_mass_energy(kinetic_energy: NDArray[Any]) -> Floats:
    """sqrt(s)."""
    s = (PION_MASS + PROTON_MASS) ** 2 + 2 * kinetic_energy * PROTON_MASS
    energy: Floats = s**0.5
    return energy


def kinetic_energy_of(sqrt_s: NDArray[Any]) -> Floats:
    """The pion's, of collisions of this energy in the centre of mass."""
    energy: Floats = (sqrt_s**2 - (PION_MASS + PROTON_MASS) ** 2) / (2 * PROTON_MASS)
    return energy


def to_laboratory(momenta: Floats, kinetic_energy: Floats) -> Floats:
    """Boost four-momenta (particles, 4) from the centre of mass of each particle's event.

    ``kinetic_energy`` (particles,) is that of each particle's event.
    """
    return _boost(momenta, kinetic_energy, +1)


def to_centre_of_mass(momenta: Floats, kinetic_energy: Floats) -> Floats:
    """The inverse of ``to_laboratory``."""
    return _boost(momenta, kinetic_energy, -1)


def _boost(momenta: Floats, kinetic_energy: Floats, direction: int) -> Floats:
    sqrt_s = centre_of_mass_energy(kinetic_energy)
    gamma = (kinetic_energy + PION_MASS + PROTON_MASS) / sqrt_s
    gamma_beta = direction * beam_momentum(kinetic_energy) / sqrt_s
    boosted = momenta.copy()
    boosted[:, 2] = gamma * momenta[:, 2] + gamma_beta * momenta[:, 3]
    boosted[:, 3] = gamma * momenta[:, 3] + gamma_beta * momenta[:, 2]
    return boosted
