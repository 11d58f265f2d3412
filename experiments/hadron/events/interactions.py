"""This module holds collisions and what they led to, as samples are modelled and compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.arrays import Events
from experiments.hadron.events.final_states import FinalStates, final_states
from experiments.hadron.events.kinematics import (
    beam_momentum,
    centre_of_mass_energy,
    to_centre_of_mass,
    to_laboratory,
)
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.processes import place
from lblhep.annotations import Floats, Integers


@dataclass(frozen=True)
class Interactions:
    """This class holds N collisions with their final states in the centre of mass.

    ``kinetic_energy`` (N,) is the pion's, in GeV; ``beam`` (N,) is its PDG code; ``process`` (N,) is a place
    in ``PROCESSES``.
    """

    kinetic_energy: Floats
    beam: Integers
    process: Integers
    states: FinalStates

    def __len__(self) -> int:
        return len(self.beam)

    @property
    def sqrt_s(self) -> Floats:
        """Return the energies (N,) in the centre of mass, in GeV."""
        return centre_of_mass_energy(self.kinetic_energy)

    @property
    def beam_momentum(self) -> Floats:
        """Return the pions' momenta (N,) in the laboratory, in GeV."""
        return beam_momentum(self.kinetic_energy)

    def of(self, rows: NDArray[Any]) -> Interactions:
        """Return the collisions that ``rows``, a mask or indices, selects."""
        chosen = FinalStates(self.states.species[rows], self.states.momenta[rows])
        return Interactions(self.kinetic_energy[rows], self.beam[rows], self.process[rows], chosen)

    def laboratory(self) -> FinalStates:
        """Return the final states in the laboratory, where the proton was at rest."""
        there = self.states.species != NO_PARTICLE
        energy = np.repeat(self.kinetic_energy, self.states.multiplicity)
        momenta = np.zeros_like(self.states.momenta)
        momenta[there] = to_laboratory(self.states.momenta[there], energy)
        return dataclasses.replace(self.states, momenta=momenta)


def interactions(events: Events, rng: np.random.Generator) -> Interactions:
    """Return the interactions of events in the laboratory; ``rng`` orders identical particles."""
    energy = events.of_particles(events.kinetic_energy)
    at_rest = dataclasses.replace(events, momenta=to_centre_of_mass(events.momenta, energy))
    process = place(events.process)
    return Interactions(events.kinetic_energy, events.beam, process, final_states(at_rest, rng))


def near(kinetic_energy: Floats, centres: Sequence[float], half_width: float) -> NDArray[np.bool_]:
    """Return which energies (N,) lie within ``half_width`` in ln T of one of the ``centres`` (GeV)."""
    distance = abs(np.log(kinetic_energy[:, None] / np.asarray(centres)))
    return np.asarray((distance < half_width).any(axis=1))
