"""Cross-sections at the card's points and between them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.events.cross_sections import MIN_CROSS_SECTION
from experiments.hadron.events.processes import PROCESSES, place
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
        np.testing.assert_allclose(found, np.maximum(column, MIN_CROSS_SECTION), rtol=1e-9)
        between = half[:, [process.name for process in PROCESSES].index(name)]
        np.testing.assert_allclose(
            between, np.maximum((column[1:] + column[:-1]) / 2, MIN_CROSS_SECTION), rtol=1e-6
        )


def test_beyond_the_table_they_stay_and_what_is_unknown_does_not_happen(cross_sections):
    ends = cross_sections(torch.tensor([0.1, 0.35], dtype=torch.float64), PION.repeat(2))
    torch.testing.assert_close(ends[0], ends[1])
    assert ends[:, -1].exp().numpy() == pytest.approx(MIN_CROSS_SECTION)


def test_a_code_of_no_process_is_named():
    with pytest.raises(ValueError, match="no such process: 4, 5"):
        place(np.array([151, 4, 5]))
    assert PROCESSES[place(np.array([202118]))[0]].name == "delta_1950"
