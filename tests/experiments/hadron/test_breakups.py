"""Events as trees: what each break-up has, and what resonances of the sample decay to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.breakups import breakups
from experiments.hadron.cascade import Cascade, flying
from experiments.hadron.kinds import FROM_RESONANCES, NONE, STABLE
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.species import CODES
from lblhep.physics.decay_chain import on_shell, to_rest_frame


def test_a_breakup_is_at_rest_and_has_the_energy_of_what_breaks_up(events, broken):
    kinds, every = broken
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
    resonance = every.origin[n:] - FROM_RESONANCES + STABLE
    np.testing.assert_array_equal(kinds.pdg[resonance], events.resonances.pdg)
    within = (kinds.lowest[resonance], every.energy[n:], kinds.highest[resonance])
    assert (np.diff(within, axis=0) >= -1e-9).all()


def test_every_particle_is_a_product_once(events, broken):
    kinds, every = broken
    products = every.products[every.products != NONE]
    stable = kinds.pdg[products[products < STABLE]]
    np.testing.assert_array_equal(np.sort(stable), np.sort(events.pdg))
    assert (products >= STABLE).sum() == len(events.resonances.pdg) > 100
    # Baryons leave first.
    baryon = np.abs(kinds.pdg[every.products]) // 1000 % 10 > 0
    later = baryon[:, 1:] & (every.products[:, 1:] != NONE)
    assert not (later & ~baryon[:, :-1]).any()


def test_identical_particles_come_in_random_order(events):
    """Of collisions with two pi+ the first is the faster one about as often as the second."""
    _, every = breakups(events, np.random.default_rng(8))
    plus = np.flatnonzero(CODES == 211)[0]
    row, place = np.nonzero((every.products[:, 1:] == plus) & (every.products[:, :-1] == plus))
    energy = every.momenta[..., 3]
    first = energy[row, place] > energy[row, place + 1]
    assert first.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(row)))


def test_resonances_decay_as_often_as_in_the_sample_where_there_is_room(inventory, broken):
    """Delta+ of 1.3 GeV as the sample's; below the mass of n pi+ to p pi0 and p gamma alone."""
    kinds, every = broken
    cascade = Cascade(torch.nn.Identity(), torch.nn.Identity(), *inventory)
    delta, p, n, pi_plus, pi_0 = kinds.place(np.array([2214, 2212, 2112, 211, 111])).tolist()
    own = every.products[every.origin == delta - STABLE + FROM_RESONANCES]
    counts = {pair: int((own[:, :2] == pair).all(axis=1).sum()) for pair in ((p, pi_0), (n, pi_plus))}
    assert counts[p, pi_0] > counts[n, pi_plus] > 10
    draws = 20_000
    even = torch.linspace(0, 1, draws + 1, dtype=torch.float64)[:-1]
    kind = torch.full((draws,), delta - STABLE)
    for mass, among in ((1.3, len(own)), (1.0785, len(own) - counts[n, pi_plus])):
        drawn = cascade.drawn(kind, torch.full((draws,), mass, dtype=torch.float64), even)
        for pair, count in counts.items():
            share = (drawn[:, :2] == torch.tensor(pair)).all(dim=1).double().mean()
            closed = pair == (n, pi_plus) and mass < 1.1
            assert share == pytest.approx(0 if closed else count / among, abs=1e-3)


def test_all_that_resonances_leave_has_a_place(inventory):
    """As many as the longest of all channels leaves, every resonance to its longest decay."""
    _, channels, decays = inventory
    cascade = Cascade(torch.nn.Identity(), torch.nn.Identity(), *inventory)

    def leaves(kind: int) -> int:
        if kind < STABLE:
            return int(kind != NONE)
        ways = [
            row
            for row, n in zip(decays.products[kind - STABLE], decays.often[kind - STABLE], strict=True)
            if n
        ]
        return max(sum(leaves(int(k)) for k in row) for row in ways)

    assert cascade.places == max(sum(leaves(int(k)) for k in row) for row in channels.products)
    assert cascade.depth >= 2


def test_flying_is_the_way_back_from_the_rest_frame():
    random = torch.Generator().manual_seed(1)
    momenta = on_shell(torch.randn(50, 3, generator=random).double(), torch.full((50,), 0.3).double())
    system = on_shell(2 * torch.randn(50, 3, generator=random).double(), torch.full((50,), 1.7).double())
    mass = torch.full((50,), 1.7).double()
    moved = flying(momenta[:, None], system, mass)
    torch.testing.assert_close(to_rest_frame(moved, system[:, None])[:, 0], momenta)
