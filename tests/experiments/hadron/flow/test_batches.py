"""The batches of the whole-event flow hold every decay and every channel."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest

from experiments.hadron.datasets import first_of_each
from experiments.hadron.events.interactions import Interactions, interactions
from experiments.hadron.events.kinematics import centre_of_mass_energy, to_laboratory
from experiments.hadron.events.particle_types import N_STABLE, NO_PARTICLE
from experiments.hadron.flow.batches import GROUP_COLLISIONS, Batches, ChannelsMade, channels_made
from experiments.hadron.flow.channels import find_channels
from experiments.hadron.flow.resonance_masses import Masses
from experiments.hadron.flow.steps import Decays


@pytest.fixture(scope="module")
def sample(events) -> Interactions:
    energy = events.of_particles(events.kinetic_energy)
    in_laboratory = dataclasses.replace(events, momenta=to_laboratory(events.momenta, energy))
    return interactions(in_laboratory, np.random.default_rng(1))


def test_groups_are_neighbours_in_energy_of_one_pion_and_miss_nobody(sample, broken):
    channels, number = find_channels(*broken)
    found = channels_made(sample, number)
    made = np.concatenate([part.number.numpy().ravel() for part in found])
    missing = np.bincount(made, minlength=len(channels)) - np.bincount(number, minlength=len(channels))
    assert (missing >= 0).all()
    assert missing.sum() == len(made) - len(sample) < 2 * GROUP_COLLISIONS
    for part, pion in zip(found, (-211, 211), strict=True):
        assert (channels.beam[part.number.numpy()] == pion).all()
        assert (part.beam == pion).all()
        # The group's energy is its highest: no channel in it is closed.
        sqrt_s = centre_of_mass_energy(part.kinetic_energy.numpy())
        assert (channels.lowest[part.number.numpy()] < sqrt_s[:, None]).all()
        assert (part.kinetic_energy.diff() >= 0).all()


def test_an_epoch_has_every_decay_every_mass_and_every_group_once(sample, broken):
    types, every = broken
    _, number = find_channels(*broken)
    made = channels_made(sample, number)
    batches, count, found = Batches(types, every, made, size=100), 0, collections.Counter()
    for batch in batches:
        count += 1
        found[type(batch)] += len(batch[-1])
    assert count == len(batches)
    assert found[Decays] == ((every.products != NO_PARTICLE).sum(axis=1) - 1).sum()
    assert found[Masses] == (every.products >= N_STABLE).sum()
    assert found[ChannelsMade] == sum(len(part.beam) for part in made)


def test_of_each_resonance_the_first_decays_are_learned_and_of_collisions_all(broken):
    _, every = broken
    kept = first_of_each(every, 5)
    assert kept[every.are_collisions].all()
    for origin in np.unique(every.origin[~every.are_collisions]):
        own = np.flatnonzero(every.origin == origin)
        np.testing.assert_array_equal(kept[own], np.arange(len(own)) < 5)
