"""Collisions and what they led to: the form in which samples are replayed, modelled and compared."""

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
    """N collisions: the pion's kinetic energy (N,) in GeV, its PDG code (N,), the process as a place in
    ``PROCESSES`` (N,), and the final states in the centre of mass."""

    kinetic_energy: Floats
    beam: Integers
    process: Integers
    states: FinalStates

    def __len__(self) -> int:
        return len(self.beam)

    @property
    def sqrt_s(self) -> Floats:
        """(N,), GeV."""
        return centre_of_mass_energy(self.kinetic_energy)

    @property
    def beam_momentum(self) -> Floats:
        """(N,), GeV, in the laboratory."""
        return beam_momentum(self.kinetic_energy)

    def of(self, rows: NDArray[Any]) -> Interactions:
        """Some of them: a mask or indices."""
        chosen = FinalStates(self.states.species[rows], self.states.momenta[rows])
        return Interactions(self.kinetic_energy[rows], self.beam[rows], self.process[rows], chosen)

    def laboratory(self) -> FinalStates:
        """The final states where the proton was at rest."""
        there = self.states.species != NO_PARTICLE
        energy = np.repeat(self.kinetic_energy, self.states.multiplicity)
        momenta = np.zeros_like(self.states.momenta)
        momenta[there] = to_laboratory(self.states.momenta[there], energy)
        return dataclasses.replace(self.states, momenta=momenta)


def interactions(events: Events, rng: np.random.Generator) -> Interactions:
    """From events in the laboratory; ``rng`` puts identical particles in random order."""
    energy = events.of_particles(events.kinetic_energy)
    at_rest = dataclasses.replace(events, momenta=to_centre_of_mass(events.momenta, energy))
    process = place(events.process)
    return Interactions(events.kinetic_energy, events.beam, process, final_states(at_rest, rng))


def near(kinetic_energy: Floats, centres: Sequence[float], half_width: float) -> NDArray[np.bool_]:
    """Which energies (N,) lie within ``half_width`` in ln T of one of the ``centres`` (GeV)."""
    distance = abs(np.log(kinetic_energy[:, None] / np.asarray(centres)))
    return np.asarray((distance < half_width).any(axis=1))
