"""Channels share as cross-sections and branching ratios say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.processes import UNKNOWN, place
from experiments.hadron.events.species import MASSES, index
from experiments.hadron.flow.branching import ChannelModel
from experiments.hadron.flow.channels import Channels
from experiments.hadron.flow.conditions import collision_inputs

ENERGY = torch.tensor([1.2], dtype=torch.float64)
NONDIFFRACTIVE = 151
DELTA_1232, DELTA_1950 = place(np.array([2224, 202228]))
CHANNEL_WEIGHTS, ELASTIC = (0.3, -0.5, 0.8, 0.1), 1.1


@pytest.fixture
def channels() -> Channels:
    """Make channels of pi+ p: by way of Delta(1232) p pi+ pi0; by way of Delta(1950) three more.

    These are p pi+ pi0, n pi+ pi+ and p pi+ eta eta, which is closed at 1.2 GeV.
    """
    pdg = [[2212, 211, 111, 0], [2212, 211, 111, 0], [2112, 211, 211, 0], [2212, 211, 221, 221]]
    species = np.array([[index(np.array([code]))[0] if code else NO_PARTICLE for code in row] for row in pdg])
    mass = np.where(species == NO_PARTICLE, 0.0, MASSES[species]).sum(axis=1)
    process, pion, times = np.array([DELTA_1232, *[DELTA_1950] * 3]), np.full(4, 211), np.array([5, 3, 2, 1])
    return Channels(process, species, pion, mass, mass, times)


def model_of(channels, cross_sections) -> ChannelModel:
    """Make a model with a fixed weight of each channel, and ``ELASTIC`` of Delta(1950) -> p pi+, at every
    energy.
    """
    model = ChannelModel(channels, (4,), cross_sections)
    with torch.no_grad():
        model.log_channel_weight[:] = torch.tensor(CHANNEL_WEIGHTS)
        model.elastic.bias[DELTA_1950] = ELASTIC
    return model


def weights(channels) -> np.ndarray:
    """Return channel weights times three-body phase space, by hand; 0 of the channel that is closed."""
    sqrt_s = float(centre_of_mass_energy(ENERGY))
    is_open = channels.lowest < sqrt_s
    return np.where(is_open, np.exp(CHANNEL_WEIGHTS) * np.maximum(1 - channels.typical / sqrt_s, 0) ** 2, 0)


def shares(model, pion=211) -> np.ndarray:
    """Return the probabilities of all channels, of a pion of 1.2 GeV."""
    own, log_prob = model(ENERGY, pion)
    found = np.zeros(len(model.process))
    found[own.numpy()] = log_prob[0].exp().detach().numpy()
    return found


def test_a_process_has_its_cross_section_less_what_stays_elastic(channels, cross_sections):
    share = shares(model_of(channels, cross_sections))
    weight, sigma = weights(channels), cross_sections(ENERGY, torch.tensor([211]))[0].exp().numpy()
    ways = np.array([1 + weight[0], *[np.exp(ELASTIC) + weight[1:].sum()] * 3])
    expected = sigma[channels.process] * weight / ways
    assert expected[3] == 0
    np.testing.assert_allclose(share, expected / expected.sum(), rtol=1e-5)


def raise_fugacity(model, factor, *, by: float) -> None:
    """Multiply the fugacity of one of the ``factors`` by ``by``, at 1.2 GeV."""
    with torch.no_grad():
        known = model.network(collision_inputs(ENERGY, torch.tensor([211])).float())[0]
        model.log_fugacity[factor] += np.log(by) * known / known.square().sum()


def test_how_many_particles_there_are_counts_for_one_process_alone(channels, cross_sections):
    """Events of Delta(1950) with three particles, made three times as likely against the elastic ones."""
    model = model_of(channels, cross_sections)
    before = shares(model)
    assert model.factors[1, -1] == model.factors[2, -1] != model.factors[0, -1]
    raise_fugacity(model, model.factors[1, -1], by=3)
    after = shares(model)
    weight = weights(channels)[1:3].sum()
    factor = 3 * (np.exp(ELASTIC) + weight) / (np.exp(ELASTIC) + 3 * weight)
    assert after[1] / after[0] == pytest.approx(factor * before[1] / before[0], rel=1e-5)
    assert after[2] / after[1] == pytest.approx(before[2] / before[1], rel=1e-5)


def test_a_channel_has_the_fugacity_of_a_product_as_often_as_the_product(channels):
    """n pi+ pi+ beside p pi+ pi0 of the same process, without cross-sections and so without elastic ones."""
    model = model_of(channels, None)
    before, pi_plus = shares(model), index(np.array([211]))[0]
    (of_pion,) = set(model.factors[2, :-1][channels.products[2] == pi_plus].tolist())
    raise_fugacity(model, of_pion, by=2)
    after = shares(model)
    assert after[1] / after[0] == pytest.approx(2 * before[1] / before[0], rel=1e-5)
    assert after[2] / after[0] == pytest.approx(4 * before[2] / before[0], rel=1e-5)


def test_channels_of_strings_begin_in_proportion_to_how_often_they_are_seen(channels):
    """Phase space comes to it; channels of resonances begin alike.  Strings begin inelastic."""
    strings = dataclasses.replace(channels, process=np.full(4, place(np.array([NONDIFFRACTIVE]))[0]))
    phase_space = weights(channels) / np.exp(CHANNEL_WEIGHTS)
    for sample, weight in ((strings, channels.times), (channels, [1, 1, 1, 1])):
        expected = weight * phase_space
        np.testing.assert_allclose(
            shares(ChannelModel(sample, (4,), None)), expected / expected.sum(), rtol=1e-5
        )
    elastic = ChannelModel(strings, (4,), None).elastic.bias
    assert elastic[place(np.array([NONDIFFRACTIVE]))[0]] < -9
    assert elastic[DELTA_1950] == 0


def test_without_cross_sections_channel_weights_alone_decide(channels):
    share = shares(model_of(channels, None))
    np.testing.assert_allclose(share, weights(channels) / weights(channels).sum(), rtol=1e-5)


def test_gradients_are_finite_where_channels_are_closed(channels, cross_sections):
    model, energy = model_of(channels, cross_sections), ENERGY.clone().requires_grad_()
    model(energy, 211)[1][0, 1].backward()
    assert all(p.grad.isfinite().all() for p in (energy, *model.parameters()))
    assert energy.grad.abs() > 0


def test_energies_know_nothing_of_each_other(channels, cross_sections):
    """Four particles are closed at all but the last."""
    model = model_of(channels, cross_sections)
    energies = torch.tensor([0.25, 1.2, 2.5], dtype=torch.float64)
    own, together = model(energies, 211)
    assert together.isinf().sum(dim=1).tolist() == [1, 1, 0]
    for energy, row in zip(energies.split(1), together, strict=True):
        open_channels, alone = model(energy, 211)
        there = torch.isin(own, open_channels)
        assert row[~there].isinf().all()
        torch.testing.assert_close(row[there], alone[0], rtol=1e-5, atol=1e-5)


def test_an_unknown_process_has_no_cross_section(channels, cross_sections):
    unknown = dataclasses.replace(channels, process=np.full(4, place(np.array([UNKNOWN]))[0]))
    with pytest.raises(ValueError, match="do not state their process"):
        ChannelModel(unknown, (4,), cross_sections)
    assert shares(model_of(unknown, None)).sum() == pytest.approx(1)


def test_the_threshold_of_a_resonance_is_as_wide_as_its_masses(channels):
    """(1.0 +- 0.1) GeV of room at 1.2 GeV gives what (1.0 GeV) gives; near the typical mass, by hand."""
    sqrt_s = float(centre_of_mass_energy(ENERGY))
    for below, spread in ((1.0, 0.4), (0.02, 0.4), (-0.05, 0.4)):
        typical = np.full(4, sqrt_s - below)
        wide = dataclasses.replace(channels, typical=typical, lowest=typical - spread)
        room = 0.1 * np.log1p(np.exp(below / 0.1))
        weight = np.exp(CHANNEL_WEIGHTS) * (room / sqrt_s) ** np.array([2, 2, 2, 3.5])
        np.testing.assert_allclose(shares(model_of(wide, None)), weight / weight.sum(), rtol=1e-4)


def both_pions(channels) -> Channels:
    """The channels of pi+, and of pi- those that charge symmetry makes of them, first in the list."""
    return Channels(
        np.tile(channels.process, 2),
        np.tile(channels.products, (2, 1)),
        np.repeat([-211, 211], 4),
        *[np.tile(channels.lowest, 2)] * 2,
        np.tile(channels.times, 2),
    )


def test_channels_are_drawn_by_the_probabilities_of_each_collision(channels, cross_sections):
    """They are drawn as if each were alone, among others of the same and of other energies and pions.

    Both ends of the uniform numbers are among them.
    """
    model = ChannelModel(both_pions(channels), (4,), cross_sections)
    torch.nn.init.normal_(model.log_fugacity, std=2, generator=torch.Generator().manual_seed(1))
    random = torch.Generator().manual_seed(2)
    energy = torch.tensor([0.6, 1.2, 3.0, 1.2, 20.0]).double().repeat(100)
    energy[::7] += torch.rand(len(energy[::7]), generator=random)
    beam = torch.where(torch.rand(len(energy), generator=random) < 0.4, -211, 211)
    uniform = torch.rand(len(energy), generator=random, dtype=torch.float64)
    uniform[:4], uniform[4:8] = 0, 1 - 2**-53
    with torch.no_grad():
        drawn = model.draw(energy, beam, uniform)
        assert torch.equal(drawn, model.draw_in_blocks(energy, beam, uniform))
        for i in range(len(energy)):
            own, log_prob = model(energy[i : i + 1], int(beam[i]))
            reached = log_prob[0].double().exp().cumsum(0)
            (place,) = (own == drawn[i]).nonzero()[:, 0]
            below = reached[place - 1] if place else 0.0
            assert below - 1e-6 <= 1 - uniform[i] <= reached[place] + 1e-6
            assert reached[place] > below
