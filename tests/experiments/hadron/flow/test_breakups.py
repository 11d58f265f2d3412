"""Events as trees: what each break-up has, and what resonances of the sample decay to."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import N_STABLE, NO_PARTICLE, as_origin, as_type
from experiments.hadron.events.species import CODES
from experiments.hadron.flow.breakups import PROTON_DISSOCIATION, event_trees
from experiments.hadron.flow.cascade import Cascade, boosted
from experiments.hadron.flow.channels import ResonanceDecays
from lblhep.physics.decay_chain import on_shell, to_rest_frame


def test_a_breakup_is_at_rest_and_has_the_energy_of_what_breaks_up(events, broken):
    types, every = broken
    total = every.momenta.sum(axis=1)
    assert abs(total[:, :3]).max() < 1e-9  # GeV
    np.testing.assert_allclose(total[:, 3], every.energy, atol=1e-9)
    m2 = every.momenta[..., 3] ** 2 - (every.momenta[..., :3] ** 2).sum(axis=-1)
    np.testing.assert_allclose(m2, every.mass**2, atol=1e-9)
    n = len(events)
    np.testing.assert_allclose(every.energy[:n], centre_of_mass_energy(events.kinetic_energy))
    np.testing.assert_array_equal(every.event[:n], np.arange(n))
    assert every.are_collisions.sum() == n
    np.testing.assert_array_equal(np.sort(every.event[n:]), every.event[n:])
    resonance = as_type(every.origin[n:])
    np.testing.assert_array_equal(types.pdg[resonance], events.resonances.pdg)
    within = (types.lowest[resonance], every.energy[n:], types.highest[resonance])
    assert (np.diff(within, axis=0) >= -1e-9).all()


def test_every_particle_is_a_product_once(events, broken):
    types, every = broken
    products = every.products[every.products != NO_PARTICLE]
    stable = types.pdg[products[products < N_STABLE]]
    np.testing.assert_array_equal(np.sort(stable), np.sort(events.pdg))
    assert (products >= N_STABLE).sum() == len(events.resonances.pdg) > 100
    # Baryons leave first, but for a pion that a dissociating proton has scattered.
    baryon = (np.abs(types.pdg[every.products]) // 1000 % 10 > 0) & (every.products != NO_PARTICLE)
    scattered = np.zeros(len(every), dtype=bool)
    scattered[: len(events)] = (events.process == PROTON_DISSOCIATION) & ~baryon[: len(events), 0]
    assert not (baryon[:, 1:] & ~baryon[:, :-1])[~scattered].any()
    first, beam = every.products[scattered, 0], every.beam[scattered]
    assert scattered.sum() > 3
    np.testing.assert_array_equal(types.pdg[first], beam)
    pz = np.where(every.products == every.products[:, :1], every.momenta[..., 2], -np.inf)
    assert (pz.argmax(axis=1) == 0)[scattered].all()


def test_identical_particles_come_in_random_order(events):
    """The first of two pi+ of a collision is the faster one about as often as the second."""
    _, every = event_trees(events, np.random.default_rng(8))
    plus = np.flatnonzero(CODES == 211)[0]
    row, place = np.nonzero((every.products[:, 1:] == plus) & (every.products[:, :-1] == plus))
    energy = every.momenta[..., 3]
    first = energy[row, place] > energy[row, place + 1]
    assert first.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(row)))


def test_resonances_decay_as_those_of_the_sample_that_are_as_heavy(inventory, broken):
    """They go to p pi0, n pi+, ... as often as the sample's Delta+ of the same masses.

    Below the mass of n pi+ they never go to that.
    """
    types, every = broken
    cascade = Cascade(torch.nn.Identity(), torch.nn.Identity(), *inventory)
    delta, p, n, pi_plus, pi_0 = types.place(np.array([2214, 2212, 2112, 211, 111])).tolist()
    sample = every.of(every.origin == as_origin(delta))
    mass, repeated = np.repeat(sample.energy, 200), len(sample) * 200
    kind = torch.full((repeated,), delta - N_STABLE)
    uniform = torch.rand(repeated, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    drawn = cascade.drawn(kind, torch.tensor(mass), uniform).numpy()
    for pair in ((p, pi_0), (n, pi_plus)):
        share = (sample.products[:, :2] == pair).all(axis=1).mean()
        assert 0.1 < share < 0.9
        # Of the sample, 4 standard deviations: each mass is drawn for among its lighter neighbours.
        error = 4 * np.sqrt(share * (1 - share) / len(sample))
        assert (drawn[:, :2] == pair).all(axis=1).mean() == pytest.approx(share, abs=error)
    light = np.full(repeated, types.lowest[n] + types.lowest[pi_plus] - 1e-4)
    drawn = cascade.drawn(kind, torch.tensor(light), uniform).numpy()
    assert (drawn[:, 0] != NO_PARTICLE).all()
    assert not (drawn[:, :2] == (n, pi_plus)).all(axis=1).any()


def test_a_resonance_that_is_lighter_than_all_decays_as_the_lightest(inventory):
    types, _, decays = inventory
    cascade = Cascade(torch.nn.Identity(), torch.nn.Identity(), *inventory)
    kind, half = torch.arange(types.resonances), torch.full((types.resonances,), 0.5, dtype=torch.float64)
    drawn = cascade.drawn(kind, torch.tensor(decays.mass[decays.first[:-1]] - 1e-12), half)
    np.testing.assert_array_equal(drawn.numpy(), decays.products[decays.first[:-1]])


def test_all_that_resonances_leave_has_a_place(inventory):
    """There are as many places as the longest of all channels leaves, every resonance to its longest decay.

    The deepest chain of resonances has its generations.
    """
    _, channels, decays = inventory
    cascade = Cascade(torch.nn.Identity(), torch.nn.Identity(), *inventory)

    def leaves(kind: int) -> int:
        if kind < N_STABLE:
            return int(kind != NO_PARTICLE)
        return max(sum(leaves(int(k)) for k in row) for row in ways(kind))

    def ways(kind: int) -> np.ndarray:
        first, last = decays.first[kind - N_STABLE : kind - N_STABLE + 2]
        return np.unique(decays.products[first:last], axis=0)

    def generations(kind: int) -> int:
        return 0 if kind < N_STABLE else 1 + max(generations(int(k)) for row in ways(kind) for k in row)

    assert cascade.places == max(sum(leaves(int(k)) for k in row) for row in channels.products)
    assert cascade.depth == max(generations(int(k)) for row in channels.products for k in row) >= 2


def test_generations_do_not_depend_on_how_light_resonances_were_seen_to_be(inventory):
    """The lightest of the first is lighter than any of the second, to which a heavier one decays."""
    types, channels, _ = inventory
    stable = 1
    decays = ResonanceDecays(
        mass=np.array([1.2, 1.5, 1.3]),
        products=np.array([[stable, stable], [N_STABLE + 1, stable], [stable, stable]]),
        first=np.array([0, 2, *[3] * (types.resonances - 1)]),
    )
    channels = dataclasses.replace(channels, products=np.array([[N_STABLE, NO_PARTICLE]]))
    cascade = Cascade(torch.nn.Identity(), torch.nn.Identity(), types, channels, decays)
    assert (cascade.places, cascade.depth) == (3, 2)
    circle = dataclasses.replace(decays, products=np.array([[1, 1], [N_STABLE + 1, 1], [N_STABLE, 1]]))
    with pytest.raises(ValueError, match="in a circle"):
        Cascade(torch.nn.Identity(), torch.nn.Identity(), types, channels, circle)


def test_boosted_is_the_way_back_from_the_rest_frame():
    random = torch.Generator().manual_seed(1)
    momenta = on_shell(torch.randn(50, 3, generator=random).double(), torch.full((50,), 0.3).double())
    system = on_shell(2 * torch.randn(50, 3, generator=random).double(), torch.full((50,), 1.7).double())
    moved = boosted(momenta[:, None], system)
    torch.testing.assert_close(to_rest_frame(moved, system[:, None])[:, 0], momenta)
