"""The nearest events are at the new energy, and otherwise as they were."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from experiments.hadron.events.final_states import FinalStates
from experiments.hadron.events.interactions import Interactions
from experiments.hadron.events.processes import PROCESSES, UNKNOWN, place
from experiments.hadron.events.species import MASSES, index
from experiments.hadron.judge.nearest_events import nearest_events, process_shares, rescaled

MASS = np.array([[0.938, 0.140, 0.135], [0.938, 0.140, 0.0]])


@pytest.fixture
def momenta() -> np.ndarray:
    """An event of three particles and one of two, at rest."""
    p = np.array(
        [[[0.1, 0.2, 0.7], [0.0, -0.3, -0.5], [-0.1, 0.1, -0.2]], [[0, 0.3, 0.4], [0, -0.3, -0.4], [0, 0, 0]]]
    )
    return np.concatenate([p, np.sqrt((p**2).sum(-1) + MASS**2)[..., None]], axis=-1)


@pytest.mark.parametrize("factor", [0.9, 1.0, 3.0])
def test_energy_is_the_new_one_and_mass_shells_and_directions_stay(momenta, factor):
    energy = momenta[..., 3].sum(axis=1) * factor
    new = rescaled(momenta, MASS, energy)
    np.testing.assert_allclose(new[..., 3].sum(axis=1), energy, rtol=1e-12)
    np.testing.assert_allclose(new[..., :3].sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(new[..., 3] ** 2 - (new[..., :3] ** 2).sum(-1), MASS**2, atol=1e-12)
    ratio = np.linalg.norm(new[..., :3], axis=-1) / np.maximum(
        np.linalg.norm(momenta[..., :3], axis=-1), 1e-9
    )
    np.testing.assert_allclose(ratio[0], ratio[0, 0], rtol=1e-9)


def test_at_threshold_everything_comes_to_rest(momenta):
    new = rescaled(momenta, MASS, MASS.sum(axis=1) * (1 + 1e-9))
    assert abs(new[..., :3]).max() < 1e-4


def test_too_little_energy_is_refused(momenta):
    with pytest.raises(ValueError, match="masses exceed"):
        rescaled(momenta, MASS, np.array([1.0, 5.0]))


@pytest.fixture
def training(momenta) -> Interactions:
    """Events p pi+ pi0 of several energies and both pions; only the energies and pions differ."""
    species = np.tile(index(np.array([2212, 211, 111])), (6, 1))
    states = FinalStates(species, np.repeat(momenta[:1], 6, axis=0))
    energy = np.array([1.0, 2.1, 1.9, 5.0, 2.0, 2.2])
    beam = np.array([211, 211, 211, 211, -211, -211])
    return Interactions(energy, beam, np.zeros(6, dtype=int), states)


def test_the_nearest_events_of_each_pion_are_replayed_at_the_new_energy(training):
    new = nearest_events(training, 2.0, 4)
    assert sorted(new.beam) == [-211, -211, 211, 211]
    np.testing.assert_array_equal(new.kinetic_energy, 2.0)
    np.testing.assert_allclose(new.states.momenta[..., 3].sum(axis=1), new.sqrt_s, rtol=1e-12)
    # Of pi+ the events at 2.1 and 1.9 GeV: their ratio of momenta is the same, since they were the same.
    one, other = new.states.momenta[new.beam == 211]
    np.testing.assert_allclose(one, other)


def test_any_part_of_a_replay_has_both_pions_near_and_far():
    """Two samples of one replay are two samples of one distribution."""
    energy = np.exp(np.random.default_rng(1).uniform(-0.3, 0.3, 4000))
    beam = np.random.default_rng(2).permutation(np.resize([211, -211], 4000))
    species = np.tile(index(np.array([2212, 211])), (4000, 1))
    momenta = np.zeros((4000, 2, 4))
    momenta[..., 2] = np.array([0.3, -0.3]) * energy[:, None]
    momenta[..., 3] = np.hypot(momenta[..., 2], MASSES[species])
    process = np.zeros(4000, dtype=int)
    new = nearest_events(Interactions(energy, beam, process, FinalStates(species, momenta)), 1.5, 2000)
    for part in (new.beam[:1000], new.beam[1000:]):
        assert abs((part == 211).mean() - 0.5) < 0.06


def test_events_too_heavy_for_the_energy_are_passed_over(training):
    with pytest.raises(ValueError, match="there are 0"):
        nearest_events(training, 0.01, 4)


def test_more_events_than_there_are_cannot_be_replayed(training):
    with pytest.raises(ValueError, match="3 events of pion -211 to replay, but there are 2"):
        nearest_events(training, 2.0, 6)


def known(kinetic_energy: torch.Tensor, beam: torch.Tensor) -> torch.Tensor:
    """Return 1 / T for the first process and T for the second, as logarithms; no other happens."""
    sigma = torch.full((len(beam), len(PROCESSES)), 1e-9, dtype=torch.float64)
    sigma[:, 0], sigma[:, 1] = 1 / kinetic_energy, kinetic_energy
    return sigma.log()


def two_processes(n: int) -> Interactions:
    """Collisions of pi+ log-uniform in 0.5 to 2 GeV, half of the first process elastic; those within 0.35 of
    1 GeV are left out."""
    random = np.random.default_rng(7)
    energy = np.exp(random.uniform(np.log(0.5), np.log(2), n))
    energy = energy[abs(np.log(energy)) > 0.35]
    first = 0.5 / energy
    process = (random.random(len(energy)) > first / (first + energy)).astype(int)
    species = np.tile(index(np.array([2212, 211])), (len(energy), 1))
    momenta = np.tile(
        [[0, 0, 0.3, np.hypot(0.3, 0.938)], [0, 0, -0.3, np.hypot(0.3, 0.14)]], (len(energy), 1, 1)
    )
    return Interactions(energy, np.full(len(energy), 211), process, FinalStates(species, momenta))


def test_shares_of_processes_follow_cross_sections_and_the_elastic_part_that_events_tell():
    """At 1 GeV both cross-sections are equal and half of the first is elastic: shares of 1/3 and 2/3.

    The statistical error of 40,000 events is below 0.004.
    """
    shares = process_shares(two_processes(80_000), 1.0, known)
    assert shares[:2] == pytest.approx([1 / 3, 2 / 3], abs=0.012)
    assert shares[2:].max() < 1e-6


def test_a_replay_that_knows_cross_sections_has_the_shares_of_processes():
    """Half of the events just below exp(-0.35) GeV are of the first process, 0.5 / T against T; at 1 GeV a
    third.
    """
    sample = two_processes(80_000)
    below = sample.of(sample.kinetic_energy < 1)
    both = Interactions(
        np.tile(below.kinetic_energy, 2),
        np.repeat([211, -211], len(below)),
        np.tile(below.process, 2),
        FinalStates(np.tile(below.states.species, (2, 1)), np.tile(below.states.momenta, (2, 1, 1))),
    )
    blind, informed = (nearest_events(both, 1.0, 4000, sigma) for sigma in (None, known))
    assert len(informed) == 4000
    assert (blind.process == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (informed.process == 0).mean() == pytest.approx(1 / 3, abs=0.04)


def test_where_a_process_has_too_few_events_they_are_there_again_and_with_none_it_is_refused():
    """There are 300 events of the first process and 30 of the second; near 10 GeV there is none."""
    sample = two_processes(8000)
    sample = sample.of(sample.kinetic_energy < 0.7)
    few = sample.of(
        np.concatenate([np.flatnonzero(sample.process == i)[:n] for i, n in enumerate((300, 30))])
    )
    both = dataclasses.replace(few.of(np.tile(np.arange(330), 2)), beam=np.repeat([211, -211], 330))
    new, share = nearest_events(both, 1.0, 660, known), process_shares(few, 1.0, known)[1]
    assert 330 * share > 45
    assert (new.process == 1).sum() == pytest.approx(660 * share, abs=5 * np.sqrt(660 * share))
    unknown = dataclasses.replace(both, process=np.full(660, place(np.array(UNKNOWN))))
    with pytest.raises(ValueError, match="do not state their process"):
        nearest_events(unknown, 1.0, 400, known)
    with pytest.raises(ValueError, match="no event of pion 211 within"):
        nearest_events(both, 10.0, 400, known)
