"""Events of the generator, and flows of random weights over their channels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.hadron.events.arrays import Events, read_events
from experiments.hadron.events.cross_sections import CrossSections
from experiments.hadron.events.final_states import FinalStates, final_states
from experiments.hadron.events.kinematics import PION_MASS, PROTON_MASS, beam_momentum, to_centre_of_mass
from experiments.hadron.events.particle_types import ParticleTypes
from experiments.hadron.flow.breakups import Breakups, event_trees
from experiments.hadron.flow.channels import Channels, ResonanceDecays, find_channels, find_resonance_decays
from experiments.hadron.flow.whole_events import InteractionFlow
from experiments.hadron.producers import pion_proton
from lblhep.annotations import Floats
from lblhep.cards import open_sample
from lblhep.cards.ranges import EventRange

REPOSITORY = Path(__file__).parents[3]


def total_momentum(kinetic_energy: Floats) -> Floats:
    """Return the four-momentum (..., 4) = (px, py, pz, E) of pion and proton in the laboratory, GeV."""
    zero = np.zeros_like(kinetic_energy)
    energy = kinetic_energy + PION_MASS + PROTON_MASS
    return np.stack([zero, zero, beam_momentum(kinetic_energy), energy], axis=-1)


@pytest.fixture(scope="session")
def events() -> Events:
    """400 events in their centre of mass."""
    events = read_events(pion_proton(EventRange(0, 400, 3), energy=[0.5, 26]))
    energy = events.of_particles(events.kinetic_energy)
    return dataclasses.replace(events, momenta=to_centre_of_mass(events.momenta, energy))


@pytest.fixture(scope="session")
def states(events) -> FinalStates:
    return final_states(events, np.random.default_rng(1))


@pytest.fixture(scope="session")
def broken(events) -> tuple[ParticleTypes, Breakups]:
    """The events as trees."""
    return event_trees(events, np.random.default_rng(1))


@pytest.fixture(scope="session")
def inventory(broken) -> tuple[ParticleTypes, Channels, ResonanceDecays]:
    """Return what an ``InteractionFlow`` has to know of the events."""
    types, _ = broken
    return types, find_channels(*broken)[0], find_resonance_decays(*broken)


@pytest.fixture(scope="session")
def cross_sections() -> CrossSections:
    return CrossSections(open_sample(REPOSITORY, "pion-proton-sigma"))


@pytest.fixture(scope="session")
def random_flow(inventory, cross_sections) -> Callable[[float], InteractionFlow]:
    """Return flows with random weights also where training would begin with none.

    The argument is the standard deviation of the tables.
    """

    def made(std: float) -> InteractionFlow:
        torch.manual_seed(2)
        flow = InteractionFlow(*inventory, cross_sections, hidden=(16,), context=8, history=8, bins=4)
        decay, mass = flow.breakup.decay, flow.breakup.mass
        for network in (*decay.cube.conditioners, *mass.density.conditioners):
            torch.nn.init.normal_(network[-1].weight, std=0.3)
        for weight in (flow.channel.log_fugacity, flow.channel.elastic.weight):
            torch.nn.init.normal_(weight, std=0.3)
        for table in (decay.transverse_momentum.transverse, decay.transverse_momentum.recoil, mass.spectra):
            torch.nn.init.normal_(table, std=std)
        torch.nn.init.uniform_(mass.power, 0, 2)
        return flow

    return made


@pytest.fixture(scope="session")
def uniform_numbers() -> Callable[[InteractionFlow, int, int], torch.Tensor]:
    """Return a function of a flow, a number n of events and a seed, which draws (n, numbers)."""

    def drawn(flow: InteractionFlow, n: int, seed: int) -> torch.Tensor:
        random = torch.Generator().manual_seed(seed)
        return torch.rand(n, flow.numbers, generator=random, dtype=torch.float64)

    return drawn
