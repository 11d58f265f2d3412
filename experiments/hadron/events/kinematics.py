"""A pion of kinetic energy T flies along +z onto a proton at rest; this module boosts their events.

All energies and momenta are in GeV.  ``beam_momentum``, ``centre_of_mass_energy`` and ``kinetic_energy_of``
take tensors as well as arrays, and keep gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.species import PI_PLUS, PROTON, masses
from lblhep.annotations import Floats

PION_MASS, PROTON_MASS = (float(mass) for mass in masses(np.array([PI_PLUS, PROTON])))


def beam_momentum(kinetic_energy: NDArray[Any]) -> Floats:
    """Return the pion's momentum along z in the laboratory."""
    momentum: Floats = (kinetic_energy * (kinetic_energy + 2 * PION_MASS)) ** 0.5
    return momentum


def centre_of_mass_energy(kinetic_energy: NDArray[Any]) -> Floats:
    """Return sqrt(s) of pion and proton."""
    s = (PION_MASS + PROTON_MASS) ** 2 + 2 * kinetic_energy * PROTON_MASS
    energy: Floats = s**0.5
    return energy


def kinetic_energy_of(sqrt_s: NDArray[Any]) -> Floats:
    """Return the pion's kinetic energy in the laboratory, from sqrt(s)."""
    energy: Floats = (sqrt_s**2 - (PION_MASS + PROTON_MASS) ** 2) / (2 * PROTON_MASS)
    return energy


def invariant_mass(momenta: NDArray[Any]) -> Floats:
    """Return the masses of four-momenta (..., 4), 0 where round-off makes the square negative.

    Tensors have ``lblhep.physics.decay_chain.invariant_mass``, which rounds otherwise in the last digit.
    """
    m2 = momenta[..., 3] ** 2 - (momenta[..., :3] ** 2).sum(axis=-1)
    return np.asarray(np.sqrt(np.maximum(m2, 0)))


def to_laboratory(momenta: Floats, kinetic_energy: Floats) -> Floats:
    """Boost four-momenta (particles, 4) from the centre of mass of each particle's event to the laboratory.

    ``kinetic_energy`` (particles,) is the pion's in each particle's event.
    """
    return _boost(momenta, kinetic_energy, +1)


def to_centre_of_mass(momenta: Floats, kinetic_energy: Floats) -> Floats:
    """Boost four-momenta (particles, 4) from the laboratory to the centre of mass of each particle's event.

    ``kinetic_energy`` (particles,) is the pion's in each particle's event.
    """
    return _boost(momenta, kinetic_energy, -1)


def _boost(momenta: Floats, kinetic_energy: Floats, direction: int) -> Floats:
    sqrt_s = centre_of_mass_energy(kinetic_energy)
    gamma = (kinetic_energy + PION_MASS + PROTON_MASS) / sqrt_s
    gamma_beta = direction * beam_momentum(kinetic_energy) / sqrt_s
    boosted = momenta.copy()
    boosted[:, 2] = gamma * momenta[:, 2] + gamma_beta * momenta[:, 3]
    boosted[:, 3] = gamma * momenta[:, 3] + gamma_beta * momenta[:, 2]
    return boosted
