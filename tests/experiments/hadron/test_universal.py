"""Weights of masses and transverse momenta do to events what they say, at any energy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.channels import Channels, find_channels
from experiments.hadron.conditions import BELLS, bells
from experiments.hadron.events import read_events
from experiments.hadron.flow import InteractionFlow
from experiments.hadron.interactions import Interactions, interactions
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import place as place_of
from experiments.hadron.producers import pion_proton
from experiments.hadron.species import CODES, SPECIES
from experiments.hadron.steps import decays
from experiments.hadron.universal import COMPONENTS, HIGHEST_MASS, NODES, _Decay
from lblhep.cards.ranges import EventRange
from lblhep.physics.decay_chain import invariant_mass

PEAK, WIDTH = 0.2, 0.05  # GeV


@pytest.fixture(scope="module")
def sample() -> Interactions:
    events = read_events(pion_proton(EventRange(0, 600, 3), energy=[0.6, 26]))
    return interactions(events, np.random.default_rng(1))


@pytest.fixture
def flow(sample) -> InteractionFlow:
    """Untrained, and without weights: decays are even in their coordinates."""
    channels, _ = find_channels(sample.process, sample.states.species)
    flow = InteractionFlow(channels, None, hidden=(16,), context=8, history=8)
    torch.nn.init.zeros_(flow.decay.universal.masses)
    return flow


def place(pdg: int) -> int:
    return int(np.flatnonzero(pdg == CODES)[0])


def nodes(highest: float) -> torch.Tensor:
    return highest * (torch.arange(NODES) / (NODES - 1)) ** 2


@pytest.mark.parametrize("energy", [1.2, 2.0])
def test_a_pairs_weight_is_a_resonance_at_the_same_mass_at_every_energy(flow, energy):
    """p pi+ pi-: the proton leaves first, so pi+ with it is an angle, and pi+ pi- a mass."""
    p, plus, minus = place(2212), place(211), place(-211)
    beam = torch.full((4000,), -211)
    sqrt_s = torch.full((4000,), float(np.sqrt(1.1**2 + 2 * energy * 0.938))).double()
    species = torch.tensor([[p, plus, minus]]).expand(4000, 3)
    even = torch.rand(4000, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for pair, columns in (((p, plus), (0, 1)), ((plus, minus), (1, 2))):
        table = torch.zeros(len(SPECIES) ** 2, NODES)
        table[min(pair) * len(SPECIES) + max(pair)] = -(((nodes(HIGHEST_MASS) - PEAK) / WIDTH) ** 2) / 2
        with torch.no_grad():
            flow.decay.universal.masses.copy_(table.clamp_min(-20).flatten().expand(COMPONENTS, -1))
            made = flow.momenta(beam, sqrt_s, torch.zeros(4000).long(), species, even)
        threshold = sum(SPECIES[i].mass for i in pair)
        excess = invariant_mass(made[:, columns[0]] + made[:, columns[1]]) - threshold
        # Cells of either coordinate are some 20 MeV wide.
        assert excess.median() == pytest.approx(PEAK, abs=0.05)
        assert (abs(excess - PEAK) < 0.2).float().mean() > 0.85


def test_components_of_a_pairs_mass_are_as_large_as_they_weigh(flow):
    """Two peaks of the mass of pi+ pi-, equally wide: a quarter in one, three in the other; 4 standard
    deviations of 4000 events' share."""
    p, plus, minus = place(2212), place(211), place(-211)
    beam, sqrt_s = torch.full((4000,), -211), torch.full((4000,), 2.5).double()
    species = torch.tensor([[p, plus, minus]]).expand(4000, 3)
    even = torch.rand(4000, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    tables = torch.full((COMPONENTS, len(SPECIES) ** 2, NODES), -30.0)
    for component, peak in enumerate((0.4, 0.9)):
        table = -(((nodes(HIGHEST_MASS) - peak) / WIDTH) ** 2) / 2
        tables[component, min(plus, minus) * len(SPECIES) + max(plus, minus)] = table
    with torch.no_grad():
        flow.decay.universal.masses.copy_(tables.clamp_min(-30).flatten(1))
        flow.decay.universal.mixture.bias[:COMPONENTS] = torch.tensor([0.25, 0.75, 1e-9]).log()
        made = flow.momenta(beam, sqrt_s, torch.zeros(4000).long(), species, even)
    excess = invariant_mass(made[:, 1] + made[:, 2]) - 2 * SPECIES[plus].mass
    error = 4 * np.sqrt(0.25 * 0.75 / 4000)
    assert (excess < 0.65).double().mean() == pytest.approx(0.25, abs=error)


def test_a_negative_weight_of_recoil_balances_transverse_momenta(flow):
    """Of a nondiffractive collision at 12 GeV, two pi+; 4 standard deviations of 4000 events' mean."""
    process = torch.full((4000,), place_of(np.array([151]))[0])
    beam = torch.full((4000,), 211)
    species = torch.tensor([[place(2212), place(211), place(211), place(-211)]]).expand(4000, 4)
    even = torch.rand(4000, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    table, means = torch.zeros(len(SPECIES) ** 2, NODES), []
    for strength in (0.0, -2.0, -8.0):
        table[place(211) * (len(SPECIES) + 1)] = strength
        with torch.no_grad():
            flow.decay.universal.recoil.copy_(table.flatten())
            made = flow.momenta(beam, torch.full((4000,), 4.8).double(), process, species, even)
        first, second = made[:, 1, :2], made[:, 2, :2]
        cosine = (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))
        means.append(float(cosine.mean()))
    error = 4 * np.sqrt(0.5 / 4000)
    assert means[0] > means[1] + error > means[2] + 2 * error


def test_the_first_particle_is_the_axis_in_resonances_at_any_energy_and_in_strings_of_low_energy():
    """Resonances end above sqrt(s) = 3.2 GeV, where strings have the beam for axis."""
    species = torch.tensor([[place(2212), place(211), place(211), place(-211)]])
    for energy, code, expected in ((5.5, 202228, True), (5.5, 151, False), (4.0, 151, True)):
        process = torch.tensor(place_of(np.array([code])))
        sqrt_s = centre_of_mass_energy(torch.tensor([energy]).double())
        even = torch.full((1, 9), 0.4, dtype=torch.float64)
        beam = torch.tensor([211])
        flow = InteractionFlow(one_channel(species, process), None, hidden=(8,), context=4, history=4)
        with torch.no_grad():
            momenta = flow.momenta(beam, sqrt_s, process, species, even)
        for k, decay in enumerate(decays(beam, process, sqrt_s, species, momenta)):
            assert bool(decay.given.kinematics[0, 4] > 0) == (expected and k > 0)


def one_channel(species: torch.Tensor, process: torch.Tensor) -> Channels:
    return find_channels(process.numpy(), species.numpy())[0]


def test_every_decay_is_told_the_energy_of_the_collision(sample):
    beam, process = torch.tensor(sample.beam), torch.tensor(sample.process)
    momenta, species = torch.tensor(sample.states.momenta), torch.tensor(sample.states.species)
    for k, decay in enumerate(decays(beam, process, torch.tensor(sample.sqrt_s), species, momenta)):
        there = species[:, k + 1] >= 0
        expected = bells(torch.tensor(sample.kinetic_energy)[there]).float()
        torch.testing.assert_close(decay.given.system[:, -len(BELLS) :], expected)


def test_the_kinematics_of_a_decay_are_those_of_the_event(sample):
    """Transverse momenta and masses from the coordinates, against those of the particles."""
    beam, process = torch.tensor(sample.beam), torch.tensor(sample.process)
    momenta, species = torch.tensor(sample.states.momenta), torch.tensor(sample.states.species)
    kept = torch.arange(len(beam))
    for k, decay in enumerate(decays(beam, process, torch.tensor(sample.sqrt_s), species, momenta)[:3]):
        kept = kept[(species[kept, k + 1] >= 0)]
        u = decay.coordinates
        found = _Decay(decay.given, u[:, 0])
        cosine, azimuth = (torch.pi * u[:, 1:2]).cos(), 2 * torch.pi * u[:, 2:]
        transverse, forwards = found.transverse(cosine, azimuth)
        particle = momenta[kept, k]
        torch.testing.assert_close(
            transverse[:, 0].double(), torch.hypot(particle[:, 0], particle[:, 1]), atol=2e-3, rtol=1e-2
        )
        clear = particle[:, 2].abs() > 1e-2
        assert (forwards[:, 0].bool() == (particle[:, 2] > 0))[clear].all()
        if k:
            slow = found.momentum[:, 0] > 0
            assert 0 < slow.sum() < len(slow)
            mass = invariant_mass(momenta[kept, 0] + particle)[slow]
            excess = found.excess(found.leaving, cosine) + found.first + found.leaving
            torch.testing.assert_close(excess[slow, 0].double(), mass, atol=2e-3, rtol=1e-3)
