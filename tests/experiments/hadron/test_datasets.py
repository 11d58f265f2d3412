"""The batches of the whole-event flow hold every decay and every channel."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.hadron.channels import find_channels
from experiments.hadron.datasets import GROUP, Batches, ChannelsMade, channels_made
from experiments.hadron.events import read_events
from experiments.hadron.interactions import Interactions, interactions
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.producers import pion_proton
from lblhep.cards.ranges import EventRange


@pytest.fixture(scope="module")
def sample() -> Interactions:
    events = read_events(pion_proton(EventRange(0, 405, 3), energy=[1.0, 26]))
    return interactions(events, np.random.default_rng(1))


def test_groups_are_neighbours_in_energy_of_one_pion_and_miss_nobody(sample):
    channels, number = find_channels(sample.process, sample.states.species)
    made = channels_made(sample, number)
    counts = np.bincount(made.number.numpy().ravel(), minlength=len(channels))
    missing = counts - np.bincount(number, minlength=len(channels))
    assert (missing >= 0).all()
    assert missing.sum() == made.number.numel() - len(sample) < 2 * GROUP
    np.testing.assert_array_equal(
        channels.beam[made.number.numpy()].T, made.beam.numpy()[None].repeat(GROUP, 0)
    )
    # The group's energy is its highest: no channel in it is closed.
    sqrt_s = centre_of_mass_energy(made.kinetic_energy.numpy())
    assert (channels.mass[made.number.numpy()] < sqrt_s[:, None]).all()
    for pion in (211, -211):
        assert (made.kinetic_energy[made.beam == pion].diff() >= 0).all()


def test_an_epoch_has_every_decay_and_every_group_once(sample):
    _, number = find_channels(sample.process, sample.states.species)
    batches = Batches(sample, number, size=100)
    decays, groups, count = 0, 0, 0
    for batch in batches:
        count += 1
        if isinstance(batch, ChannelsMade):
            groups += len(batch.beam)
        else:
            decays += len(batch.meant)
    assert count == len(batches)
    assert decays == (sample.states.multiplicity - 1).sum()
    assert groups == len(channels_made(sample, number).beam)
