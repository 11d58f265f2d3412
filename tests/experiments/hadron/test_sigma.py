"""Cross-sections between the card's points, and what a channel's probability makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.channels import Channels
from experiments.hadron.flow import ChannelModel
from experiments.hadron.processes import PROCESSES, place
from experiments.hadron.sigma import CLOSED
from experiments.hadron.species import index
from lblhep.cards import open_sample
from tests.experiments.hadron.conftest import REPOSITORY

PION = torch.tensor([211])


def test_they_are_the_cards_at_its_points_and_between_neighbours_elsewhere(cross_sections):
    card = open_sample(REPOSITORY, "pion-proton-sigma").table().to_pandas()
    rows = card[card.beam == -211].reset_index(drop=True)
    energy = torch.tensor(rows.kinetic_energy.to_numpy())
    sigma = cross_sections(energy, torch.full((401,), -211)).exp().numpy()
    half = cross_sections((energy[1:] * energy[:-1]).sqrt(), torch.full((400,), -211)).exp().numpy()
    for name in ("nondiffractive", "n_1520", "delta_1950"):
        column = rows[name].to_numpy()
        found = sigma[:, [process.name for process in PROCESSES].index(name)]
        np.testing.assert_allclose(found, np.maximum(column, CLOSED), rtol=1e-9)
        between = half[:, [process.name for process in PROCESSES].index(name)]
        np.testing.assert_allclose(between, np.maximum((column[1:] + column[:-1]) / 2, CLOSED), rtol=1e-6)


def test_beyond_the_table_they_stay_and_what_is_unknown_does_not_happen(cross_sections):
    ends = cross_sections(torch.tensor([0.1, 0.35], dtype=torch.float64), PION.repeat(2))
    torch.testing.assert_close(ends[0], ends[1])
    assert ends[:, -1].exp().numpy() == pytest.approx(CLOSED)


def test_a_code_of_no_process_is_named():
    with pytest.raises(ValueError, match="no such process: 4, 5"):
        place(np.array([151, 4, 5]))
    assert PROCESSES[place(np.array([202118]))[0]].name == "delta_1950"


def test_channels_of_equal_branching_ratios_share_as_cross_sections_do(cross_sections):
    """One channel by way of Delta(1232), one by Delta(1950), a network that says nothing."""
    species = np.tile(index(np.array([2212, 211, 111])), (2, 1))
    processes = place(np.array([2224, 202228]))
    channels = Channels(processes, species, np.full(2, 1.2), np.full(2, 211))
    model = ChannelModel(channels, (4,), cross_sections)
    for parameter in model.network.parameters():
        torch.nn.init.zeros_(parameter)
    energy = torch.tensor([1.2], dtype=torch.float64)
    share = model(energy, PION)[0].exp().detach().numpy()
    sigma = cross_sections(energy, PION)[0, processes].exp().numpy()
    np.testing.assert_allclose(share, sigma / sigma.sum(), rtol=1e-5)
