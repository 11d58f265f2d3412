"""Whole events: what the chain of decays knows of them, and what even an untrained flow cannot violate."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.channels import NONE, find_channels
from experiments.hadron.events import Events
from experiments.hadron.flow import InteractionFlow
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import place
from experiments.hadron.species import CONSERVED, MASSES, PROTON, conserved
from experiments.hadron.steps import decays


@pytest.fixture(scope="module")
def flow(random_flow) -> InteractionFlow:
    return random_flow(1.0)


def known_of(events: Events) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What ``decays`` wants to know of collisions."""
    sqrt_s = torch.tensor(centre_of_mass_energy(events.kinetic_energy))
    return torch.tensor(events.beam), torch.tensor(place(events.process)), sqrt_s


def rotated(momenta: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z, energy = np.moveaxis(momenta, -1, 0)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z, energy], axis=-1)


def test_final_states_keep_every_particle_and_baryons_leave_first(events, states):
    total = states.momenta.sum(axis=1)
    np.testing.assert_allclose(total, events.sums(events.momenta), atol=1e-12)
    baryon = np.where(states.species == NONE, 0, CONSERVED[states.species, 1])
    assert (abs(baryon[:, 0]) == 1).all()
    np.testing.assert_array_equal((states.species != NONE).sum(axis=1), events.multiplicity)


def test_the_channels_of_a_sample_conserve_what_the_beam_brought(events, processes, states):
    channels, number = find_channels(processes, states.species)
    np.testing.assert_array_equal(channels.process[number], processes)
    np.testing.assert_array_equal(channels.species[number], states.species)
    np.testing.assert_array_equal(channels.beam[number], events.beam)
    there = channels.species != NONE
    sums = np.where(there[..., None], CONSERVED[channels.species], 0).sum(axis=1)
    np.testing.assert_array_equal(sums, conserved(channels.beam) + conserved(np.array(PROTON)))


def test_what_is_given_and_predicted_is_the_same_after_a_rotation_about_the_beam(events, states):
    known = known_of(events)
    species = torch.tensor(states.species)
    one, other = (
        decays(*known, species, torch.tensor(momenta))
        for momenta in (states.momenta, rotated(states.momenta, 1.0))
    )
    for k, (a, b) in enumerate(zip(one, other, strict=True)):
        for x, y in zip(a.given, b.given, strict=True):
            torch.testing.assert_close(x, y, rtol=0, atol=1e-4)
        difference = (a.coordinates - b.coordinates).abs()
        difference[:, 2] = torch.minimum(difference[:, 2], 1 - difference[:, 2])
        # The one azimuth that turns is not predicted.
        assert not (a.meant[:, 2].any() and k == 0)
        # Counted from a transverse momentum, an azimuth means nothing where that is round-off.
        assert (difference * a.meant).quantile(0.99) < 1e-4


def test_every_decay_of_every_event_is_there_once(events, states):
    found = decays(*known_of(events), torch.tensor(states.species), torch.tensor(states.momenta))
    assert sum(len(d.meant) for d in found) == (events.multiplicity - 1).sum()
    two_body = int((events.multiplicity == 2).sum())
    # Of two particles cos(theta*) alone is to be learned.
    assert int((found[0].meant == torch.tensor([False, True, False])).all(dim=1).sum()) == two_body > 0


def test_an_untrained_flow_conserves_everything(flow, even_numbers):
    """As no network can: four-momentum, mass shells, charge, baryon number, strangeness."""
    n = 3000
    energy = torch.logspace(np.log10(0.5), np.log10(26), n, dtype=torch.float64)
    beam = torch.tensor(np.resize([211, -211], n))
    sqrt_s = torch.tensor(centre_of_mass_energy(energy.numpy()))
    with torch.no_grad():
        _, species, momenta = flow(energy, beam, even_numbers(flow, n, seed=1))
    there = (species != NONE).numpy()
    place, p = species.numpy(), momenta.numpy()
    total = p.sum(axis=1)
    assert abs(total[:, :3]).max() < 1e-6
    assert abs(total[:, 3] - sqrt_s.numpy()).max() < 1e-6
    m2 = p[..., 3] ** 2 - (p[..., :3] ** 2).sum(axis=-1)
    assert abs(m2 - np.where(there, MASSES[place], 0) ** 2).max() < 1e-9
    assert (p[..., 3][there] >= 0).all()
    sums = np.where(there[..., None], CONSERVED[place], 0).sum(axis=1)
    np.testing.assert_array_equal(sums, conserved(beam.numpy()) + conserved(np.array(PROTON)))


def test_an_event_gives_back_the_even_numbers_that_it_was_drawn_with(flow, even_numbers):
    """What training sees of an event is what sampling was given, in every decay, the last ones too."""
    n = 2000
    energy = torch.full((n,), 5.0, dtype=torch.float64)
    beam = torch.full((n,), 211)
    sqrt_s = torch.tensor(centre_of_mass_energy(energy.numpy()))
    even, kept = even_numbers(flow, n, seed=4), torch.arange(n)
    with torch.no_grad():
        process, species, momenta = flow(energy, beam, even)
        found = decays(beam, process, sqrt_s, species, momenta)
        assert len(found) > 3
        for k, decay in enumerate(found):
            kept = kept[species[kept, k + 1] != NONE]
            context = flow.decay.given(decay.given)
            weights = flow.decay.universal.weights(decay.given, context)
            for i in range(3):
                integral = flow.decay.cube.integral(i, decay.coordinates, context, weights)
                away = (integral - even[kept, 1 + 3 * k + i]).abs()[decay.meant[:, i]]
                # float32, amplified where a density is steep
                assert len(away) == 0 or away.quantile(0.99) < 1e-3, (k, i)
