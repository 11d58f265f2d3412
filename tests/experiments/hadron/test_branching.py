"""Channels share as cross-sections and branching ratios say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.branching import ChannelModel
from experiments.hadron.channels import NONE, Channels
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import UNKNOWN, place
from experiments.hadron.species import MASSES, index

ENERGY, PION = torch.tensor([1.2], dtype=torch.float64), torch.tensor([211])
DELTA_1232, DELTA_1950 = place(np.array([2224, 202228]))
BIASES, ELASTIC = (0.3, -0.5, 0.8, 0.1), 1.1


@pytest.fixture
def channels() -> Channels:
    """Of pi+ p: p pi+ pi0 by way of Delta(1232); p pi+ pi0, n pi+ pi+ and p pi+ eta eta, which is closed at
    1.2 GeV, by way of Delta(1950)."""
    pdg = [[2212, 211, 111, 0], [2212, 211, 111, 0], [2112, 211, 211, 0], [2212, 211, 221, 221]]
    species = np.array([[index(np.array([code]))[0] if code else NONE for code in row] for row in pdg])
    mass = np.where(species == NONE, 0.0, MASSES[species]).sum(axis=1)
    return Channels(np.array([DELTA_1232, *[DELTA_1950] * 3]), species, mass, np.full(4, 211))


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
    open_ = channels.mass < sqrt_s
    return np.where(open_, np.exp(BIASES) * np.maximum(1 - channels.mass / sqrt_s, 0) ** 2, 0)


def test_a_process_has_its_cross_section_less_what_stays_elastic(channels, cross_sections):
    share = model_of(channels, cross_sections)(ENERGY, PION)[0].exp().detach().numpy()
    weight, sigma = weights(channels), cross_sections(ENERGY, PION)[0].exp().numpy()
    ways = np.array([1 + weight[0], *[np.exp(ELASTIC) + weight[1:].sum()] * 3])
    expected = sigma[channels.process] * weight / ways
    assert expected[3] == 0
    np.testing.assert_allclose(share, expected / expected.sum(), rtol=1e-5)


def test_how_many_particles_there_are_counts_for_one_process_alone(channels, cross_sections):
    """Events of Delta(1950) with three particles, made three times as likely against the elastic ones."""
    model = model_of(channels, cross_sections)
    before = model(ENERGY, PION)[0].exp().detach().numpy()
    most = 4  # particles, of the fourth channel
    with torch.no_grad():
        model.of_number[-1].bias[DELTA_1950 * most + 3 - 1] = np.log(3)
    after = model(ENERGY, PION)[0].exp().detach().numpy()
    weight = weights(channels)[1:3].sum()
    factor = 3 * (np.exp(ELASTIC) + weight) / (np.exp(ELASTIC) + 3 * weight)
    assert after[1] / after[0] == pytest.approx(factor * before[1] / before[0], rel=1e-5)
    assert after[2] / after[1] == pytest.approx(before[2] / before[1], rel=1e-5)


def test_without_cross_sections_the_network_alone_decides(channels):
    share = model_of(channels, None)(ENERGY, PION)[0].exp().detach().numpy()
    np.testing.assert_allclose(share, weights(channels) / weights(channels).sum(), rtol=1e-5)


def test_gradients_are_finite_where_channels_are_closed(channels, cross_sections):
    model, energy = model_of(channels, cross_sections), ENERGY.clone().requires_grad_()
    model(energy, PION)[0, 1].backward()
    assert all(p.grad.isfinite().all() for p in (energy, *model.network.parameters()))
    assert energy.grad.abs() > 0


def test_an_unknown_process_has_no_cross_section(channels, cross_sections):
    unknown = Channels(
        np.full(4, place(np.array([UNKNOWN]))[0]), channels.species, channels.mass, channels.beam
    )
    with pytest.raises(ValueError, match="do not state their process"):
        ChannelModel(unknown, (4,), cross_sections)
    assert float(model_of(unknown, None)(ENERGY, PION).detach().exp().sum()) == pytest.approx(1)


def both_pions(channels) -> Channels:
    """The channels of pi+, and of pi- those that charge symmetry makes of them, first in the list."""
    return Channels(
        np.tile(channels.process, 2),
        np.tile(channels.species, (2, 1)),
        np.tile(channels.mass, 2),
        np.repeat([-211, 211], 4),
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
        for i in range(len(energy)):
            reached = model.cumulative(energy[i : i + 1], beam[i : i + 1])[0]
            below = reached[drawn[i] - 1] if drawn[i] else 0.0
            assert below - 1e-8 <= 1 - even[i] <= reached[drawn[i]] + 1e-8
            assert reached[drawn[i]] > below
