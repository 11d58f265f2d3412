"""Channels share as cross-sections and branching ratios say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from experiments.hadron.branching import ChannelModel
from experiments.hadron.channels import Channels
from experiments.hadron.kinds import NONE
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import UNKNOWN, place
from experiments.hadron.species import MASSES, index

ENERGY = torch.tensor([1.2], dtype=torch.float64)
NONDIFFRACTIVE = 151
DELTA_1232, DELTA_1950 = place(np.array([2224, 202228]))
BIASES, ELASTIC = (0.3, -0.5, 0.8, 0.1), 1.1


@pytest.fixture
def channels() -> Channels:
    """Of pi+ p: p pi+ pi0 by way of Delta(1232); p pi+ pi0, n pi+ pi+ and p pi+ eta eta, which is closed at
    1.2 GeV, by way of Delta(1950)."""
    pdg = [[2212, 211, 111, 0], [2212, 211, 111, 0], [2112, 211, 211, 0], [2212, 211, 221, 221]]
    species = np.array([[index(np.array([code]))[0] if code else NONE for code in row] for row in pdg])
    mass = np.where(species == NONE, 0.0, MASSES[species]).sum(axis=1)
    process, pion, times = np.array([DELTA_1232, *[DELTA_1950] * 3]), np.full(4, 211), np.array([5, 3, 2, 1])
    return Channels(process, species, pion, mass, mass, times)


def model_of(channels, cross_sections) -> ChannelModel:
    """A network that gives each channel its bias at every energy, and Delta(1950) -> p pi+ ``ELASTIC``."""
    model = ChannelModel(channels, (4,), cross_sections)
    with torch.no_grad():
        model.network[-1].bias.zero_()
        model.network[-1].bias[: len(BIASES)] = torch.tensor(BIASES)
        model.network[-1].bias[len(BIASES) + DELTA_1950] = ELASTIC
    return model


def weights(channels) -> np.ndarray:
    """What the network says times three-body phase space, by hand; 0 of the channel that is closed."""
    sqrt_s = float(centre_of_mass_energy(ENERGY))
    is_open = channels.lowest < sqrt_s
    return np.where(is_open, np.exp(BIASES) * np.maximum(1 - channels.typical / sqrt_s, 0) ** 2, 0)


def shares(model, pion=211) -> np.ndarray:
    """Of all channels, of a pion of 1.2 GeV."""
    own, log_prob = model(ENERGY, pion)
    found = np.zeros(model.channels)
    found[own.numpy()] = log_prob[0].exp().detach().numpy()
    return found


def test_a_process_has_its_cross_section_less_what_stays_elastic(channels, cross_sections):
    share = shares(model_of(channels, cross_sections))
    weight, sigma = weights(channels), cross_sections(ENERGY, torch.tensor([211]))[0].exp().numpy()
    ways = np.array([1 + weight[0], *[np.exp(ELASTIC) + weight[1:].sum()] * 3])
    expected = sigma[channels.process] * weight / ways
    assert expected[3] == 0
    np.testing.assert_allclose(share, expected / expected.sum(), rtol=1e-5)


def test_how_many_particles_there_are_counts_for_one_process_alone(channels, cross_sections):
    """Events of Delta(1950) with three particles, made three times as likely against the elastic ones."""
    model = model_of(channels, cross_sections)
    before = shares(model)
    most = 4  # particles, of the fourth channel
    with torch.no_grad():
        model.of_number[-1].bias[DELTA_1950 * most + 3 - 1] = np.log(3)
    after = shares(model)
    weight = weights(channels)[1:3].sum()
    factor = 3 * (np.exp(ELASTIC) + weight) / (np.exp(ELASTIC) + 3 * weight)
    assert after[1] / after[0] == pytest.approx(factor * before[1] / before[0], rel=1e-5)
    assert after[2] / after[1] == pytest.approx(before[2] / before[1], rel=1e-5)


def test_which_products_there_are_says_nothing_of_how_many(channels, cross_sections):
    """A network steep in the energy shares out three particles of Delta(1950) anew, as many as before."""
    model = model_of(channels, cross_sections)
    before = shares(model)
    torch.nn.init.normal_(model.network[-1].weight[1:4], std=3, generator=torch.Generator().manual_seed(1))
    after = shares(model)
    assert abs(after[1] / before[1] - 1) > 0.01
    assert after[1:3].sum() == pytest.approx(before[1:3].sum(), rel=1e-5)


def test_channels_of_strings_begin_as_often_as_they_are_seen(channels):
    strings = dataclasses.replace(channels, process=np.full(4, place(np.array([NONDIFFRACTIVE]))[0]))
    phase_space = weights(channels) / np.exp(BIASES)
    for sample, strength in ((strings, channels.times), (channels, [1, 1, 1, 1])):
        expected = strength * phase_space
        np.testing.assert_allclose(
            shares(ChannelModel(sample, (4,), None)), expected / expected.sum(), rtol=1e-5
        )


def test_without_cross_sections_the_network_alone_decides(channels):
    share = shares(model_of(channels, None))
    np.testing.assert_allclose(share, weights(channels) / weights(channels).sum(), rtol=1e-5)


def test_gradients_are_finite_where_channels_are_closed(channels, cross_sections):
    model, energy = model_of(channels, cross_sections), ENERGY.clone().requires_grad_()
    model(energy, 211)[1][0, 1].backward()
    assert all(p.grad.isfinite().all() for p in (energy, *model.network.parameters()))
    assert energy.grad.abs() > 0


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
        weight = np.exp(BIASES) * (room / sqrt_s) ** np.array([2, 2, 2, 3.5])
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
    """Among others, of the same and of other energies and pions, as if each were alone; at both ends of the
    even numbers too."""
    model = ChannelModel(both_pions(channels), (4,), cross_sections)
    torch.nn.init.normal_(model.network[-1].weight, std=2, generator=torch.Generator().manual_seed(1))
    random = torch.Generator().manual_seed(2)
    energy = torch.tensor([0.6, 1.2, 3.0, 1.2, 20.0]).double().repeat(400)
    energy[::7] += torch.rand(len(energy[::7]), generator=random)
    beam = torch.where(torch.rand(len(energy), generator=random) < 0.4, -211, 211)
    even = torch.rand(len(energy), generator=random, dtype=torch.float64)
    even[:4], even[4:8] = 0, 1 - 2**-53
    with torch.no_grad():
        drawn = model.draw(energy, beam, even)
        assert torch.equal(drawn, model.draw_in_blocks(energy, beam, even))
        for i in range(len(energy)):
            own, log_prob = model(energy[i : i + 1], int(beam[i]))
            reached = log_prob[0].double().exp().cumsum(0)
            (place,) = (own == drawn[i]).nonzero()[:, 0]
            below = reached[place - 1] if place else 0.0
            assert below - 1e-6 <= 1 - even[i] <= reached[place] + 1e-6
            assert reached[place] > below
