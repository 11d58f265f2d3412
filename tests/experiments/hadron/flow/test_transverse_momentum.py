"""The transverse-momentum tables do to events what they say; each decay is told what it should be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.processes import place as place_of
from experiments.hadron.events.species import CODES
from experiments.hadron.flow.breakups import Breakups
from experiments.hadron.flow.conditions import BASIS_CENTRES, gaussian_basis
from experiments.hadron.flow.steps import Decays, Origin, decays
from experiments.hadron.flow.transverse_momentum import TABLE_NODES, _Decay
from experiments.hadron.flow.whole_events import InteractionFlow
from lblhep.physics.decay_chain import to_rest_frame


@pytest.fixture
def flow(inventory) -> InteractionFlow:
    """Untrained, and without weights: decays are uniform in their coordinates."""
    return InteractionFlow(*inventory, None, hidden=(16,), context=8, history=8)


@pytest.fixture(scope="module")
def collisions(broken) -> Breakups:
    _, every = broken
    return every.of(every.are_collisions)


def place(pdg: int) -> int:
    return int(np.flatnonzero(pdg == CODES)[0])


def chains_of(sample: Breakups) -> list[Decays]:
    origin = Origin(*map(torch.tensor, (np.sign(sample.beam), sample.origin, sample.energy)))
    return decays(origin, *map(torch.tensor, (sample.products, sample.mass, sample.momenta)))


def test_a_negative_weight_of_recoil_balances_transverse_momenta_of_strings(flow):
    """Two pi+ of a collision at sqrt(s) = 4.8 GeV are balanced, by 4 standard deviations of 4000 events'
    mean.

    Where they come by way of a Delta(1950), the weight does nothing.
    """
    n = 4000
    products = torch.tensor([[place(2212), place(211), place(211), place(-211)]]).expand(n, 4)
    uniform = torch.rand(n, 13, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    table, means = torch.zeros(flow.breakup.decay.transverse_momentum.n_types**2, TABLE_NODES), {}
    for code in (151, 202228):
        process = torch.full((n,), place_of(np.array([code]))[0])
        for coefficient in (0.0, -2.0, -8.0):
            table[place(211) * (flow.breakup.decay.transverse_momentum.n_types + 1)] = coefficient
            with torch.no_grad():
                flow.breakup.decay.transverse_momentum.recoil.copy_(table.flatten())
                made = flow.breakup(torch.ones(n), process, torch.full((n,), 4.8).double(), products, uniform)
            first, second = made[:, 1, :2], made[:, 2, :2]
            cosine = (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))
            means[code, coefficient] = float(cosine.mean())
    error = 4 * np.sqrt(0.5 / n)
    assert means[151, 0.0] > means[151, -2.0] + error > means[151, -8.0] + 2 * error
    assert means[202228, 0.0] == means[202228, -8.0]


def test_the_first_particle_is_the_axis_where_a_resonance_breaks_up(broken):
    """The beam is the axis of collisions, and its own cosine to it is 1."""
    _, every = broken
    for of_collisions in (True, False):
        sample = every.of((every.are_collisions == of_collisions) & (every.products[:, 2] != NO_PARTICLE))
        assert len(sample) > 10
        second = chains_of(sample)[1]
        particle, rest = (torch.tensor(sample.momenta[:, k]) for k in (0, 1))
        system = -particle + torch.tensor([0.0, 0.0, 0.0, 1.0]) * torch.tensor(sample.energy)[:, None]
        axis, other = (to_rest_frame(x, system)[:, :3] for x in (particle, rest))
        axis = torch.tensor([0.0, 0.0, 1.0]).double().expand_as(axis) if of_collisions else axis
        cosine = (axis * other).sum(dim=1) / (axis.norm(dim=1) * other.norm(dim=1))
        polar = (cosine.clamp(-1, 1).acos() / torch.pi).float()
        torch.testing.assert_close(second.coordinates[:, 1], polar, atol=1e-4, rtol=0)


def test_every_decay_of_a_collision_is_told_its_energy_and_a_resonance_is_not(events, broken, collisions):
    _, every = broken
    kinetic_energy = torch.tensor(events.kinetic_energy)
    for k, decay in enumerate(chains_of(collisions)):
        there = torch.tensor(collisions.products[:, k + 1] != NO_PARTICLE)
        expected = gaussian_basis(kinetic_energy[there]).float()
        torch.testing.assert_close(decay.given.system[:, -len(BASIS_CENTRES) :], expected)
    for decay in chains_of(every.of(~every.are_collisions)):
        assert not decay.given.system[:, -len(BASIS_CENTRES) :].any()
        assert not decay.given.charge.any()


def test_the_kinematics_of_a_decay_are_those_of_the_event(collisions):
    """Transverse momenta from the coordinates, against those of the particles."""
    momenta, kept = torch.tensor(collisions.momenta), torch.arange(len(collisions))
    for k, decay in enumerate(chains_of(collisions)[:3]):
        kept = kept[collisions.products[kept, k + 1] != NO_PARTICLE]
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
