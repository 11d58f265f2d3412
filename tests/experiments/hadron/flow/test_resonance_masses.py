"""Masses of resonances: the same peak wherever there is room, and never more than there is room for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.hadron.events.particle_types import N_STABLE, NO_PARTICLE
from experiments.hadron.flow.resonance_masses import ResonanceMasses
from experiments.hadron.flow.steps import Origin
from experiments.hadron.flow.transverse_momentum import TABLE_NODES

N, PEAK, WIDTH = 4000, 0.77, 0.03  # GeV


def collisions(energy: float) -> Origin:
    return Origin(
        torch.ones(N), torch.zeros(N, dtype=torch.int64), torch.full((N,), energy, dtype=torch.float64)
    )


@pytest.fixture
def model(broken) -> ResonanceMasses:
    torch.manual_seed(1)
    return ResonanceMasses(broken[0], embedding=8)


def uniform(places: int) -> torch.Tensor:
    return torch.rand(N, places, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("energy", [2.5, 6.0])
def test_a_spectrum_is_the_same_at_every_energy(model, broken, energy):
    """Cells are some 20 MeV wide."""
    types, _ = broken
    rho, proton = (int(types.place(np.array([code]))[0]) for code in (213, 2212))
    masses = torch.linspace(types.lowest[rho], types.highest[rho], TABLE_NODES)
    with torch.no_grad():
        row = slice((rho - N_STABLE) * TABLE_NODES, (rho - N_STABLE + 1) * TABLE_NODES)
        model.spectra[row] = -((masses - PEAK) ** 2) / (2 * WIDTH**2)
        products = torch.tensor([[proton, rho, NO_PARTICLE]]).expand(N, 3)
        mass = model.draw(collisions(energy), products, uniform(3))
    assert torch.equal(mass[:, 0], torch.full((N,), types.lowest[proton], dtype=torch.float64))
    assert not mass[:, 2].any()
    # 4 standard deviations, and a third of a cell; the phase space moves it by less.
    assert mass[:, 1].mean() == pytest.approx(PEAK, abs=4 * WIDTH / np.sqrt(N) + 0.006)
    # A cell adds 6 MeV in quadrature; 4 standard deviations.
    assert mass[:, 1].std() == pytest.approx(np.hypot(WIDTH, 0.006), abs=4 * WIDTH / np.sqrt(2 * N))


def test_a_power_of_the_room_is_how_a_threshold_begins(model, broken):
    """Proton and rho have no spectrum here: the mean share of (1 - share)^power is 1 / (power + 2), to
    4 standard deviations of the mean of an uniform share."""
    types, _ = broken
    rho, proton = (int(types.place(np.array([code]))[0]) for code in (213, 2212))
    energy = types.lowest[proton] + types.lowest[rho] + 0.3
    products = torch.tensor([[proton, rho]]).expand(N, 2)
    for power in (0.5, 3.5):
        with torch.no_grad():
            model.power[0, rho - N_STABLE] = power
            share = (model.draw(collisions(energy), products, uniform(2))[:, 1] - types.lowest[rho]) / 0.3
        assert share.mean() == pytest.approx(1 / (power + 2), abs=4 * 0.29 / np.sqrt(N))


def test_there_is_always_room_for_what_comes_later(model, broken):
    """Just above threshold, and far above: within each resonance's own masses."""
    types, _ = broken
    delta, rho = (int(types.place(np.array([code]))[0]) for code in (2224, 213))
    products = torch.tensor([[delta, rho, rho]]).expand(N, 3)
    torch.nn.init.normal_(model.density.conditioners[0][-1].weight, std=0.5)
    lowest = sum(types.lowest[k] for k in (delta, rho, rho))
    for beyond in (1e-6, 0.1, 1.0, 5.0):
        with torch.no_grad():
            mass = model.draw(collisions(lowest + beyond), products, uniform(3)).numpy()
        assert (mass.sum(axis=1) <= lowest + beyond + 1e-12).all()
        for k, kind in enumerate((delta, rho, rho)):
            assert (mass[:, k] >= types.lowest[kind] - 1e-12).all()
            assert (mass[:, k] <= types.highest[kind] + 1e-12).all()
