"""Distances that are known, and laws that are broken on purpose."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from experiments.hadron.events.arrays import read_events
from experiments.hadron.events.interactions import Interactions, interactions
from experiments.hadron.events.observables import REDUCED, VARIABLES, features, ranked, variables
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.species import PI_MINUS, PI_PLUS, index
from experiments.hadron.judge.distances import (
    classifier_auc,
    sliced_wasserstein,
    total_variation,
    wasserstein,
)
from experiments.hadron.metrics import event_distances, pairs, summary, violations
from experiments.hadron.producers import pion_proton
from lblhep.cards.ranges import EventRange


@pytest.fixture(scope="module")
def sample() -> Interactions:
    events = read_events(pion_proton(EventRange(0, 3000, 9), energy=3.0))
    return interactions(events, np.random.default_rng(1))


def with_momenta(sample: Interactions, momenta: np.ndarray) -> Interactions:
    return dataclasses.replace(sample, states=dataclasses.replace(sample.states, momenta=momenta))


def test_a_shift_by_one_standard_deviation_has_the_distance_one():
    x = np.random.default_rng(1).normal(size=1000)
    assert wasserstein({"x": x + x.std()}, {"x": x}) == {"x": pytest.approx(1)}


def test_a_sliced_distance_sees_a_correlation_that_no_variable_shows():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4000, 2))
    together = np.stack([x[:, 0], x[:, 0]], axis=1)
    apart, same = sliced_wasserstein(together, x, 50, rng), sliced_wasserstein(x[:2000], x[2000:], 50, rng)
    assert apart > 3 * same


def test_total_variation_of_half_moved_is_a_half():
    assert total_variation(np.array([1, 1, 2, 2]), np.array([1, 1, 1, 3])) == pytest.approx(0.5)
    assert total_variation(np.eye(2), np.eye(2)[::-1]) == 0


def test_trees_tell_what_differs_and_only_that():
    rng = np.random.default_rng(3)
    same = classifier_auc(rng.normal(size=(4000, 3)), rng.normal(size=(4000, 3)), seed=0)
    other = classifier_auc(rng.normal([0, 1, 0], size=(4000, 3)), rng.normal(size=(4000, 3)), seed=0)
    assert abs(same - 0.5) < 4 * 0.5 / np.sqrt(4000)
    assert other == pytest.approx(0.76, abs=0.03)  # Phi(1 / sqrt 2)


def test_trees_do_not_know_a_row_again():
    """A sample has each row ten times: who has seen one of them would know the nine others."""
    rng = np.random.default_rng(3)
    few = np.repeat(rng.normal(size=(400, 3)), 10, axis=0)
    assert abs(classifier_auc(few, rng.normal(size=(4000, 3)), seed=0) - 0.5) < 4 * 0.5 / np.sqrt(200)


def test_events_of_the_generator_break_no_law(sample):
    assert set(violations(sample).values()) == {0}


@pytest.mark.parametrize("law", ["charge", "momentum", "mass_shell"])
def test_a_broken_law_is_counted(sample, law):
    p, species, beam = sample.states.momenta.copy(), sample.states.species, sample.beam.copy()
    if law == "charge":
        beam[:7] = np.where(beam[:7] == PI_PLUS, PI_MINUS, PI_PLUS)
    elif law == "momentum":
        p[:7, 0, 0] += 1e-5  # along with its energy
        there = species[:7, 0] != NO_PARTICLE
        p[:7, 0, 3] += np.where(there, 1e-5 * p[:7, 0, 0] / p[:7, 0, 3], 0)
    else:
        p[:7, 0, 3] += 2e-6
        p[:7, 1, 3] -= 2e-6
    broken = violations(dataclasses.replace(with_momenta(sample, p), beam=beam))
    assert broken[law] == 7
    if law == "charge":
        assert sum(broken.values()) == 7


def test_samples_of_a_stated_size_are_disjoint_and_none_is_too_small():
    rows = list(pairs(25, 40, 10, shift=1))
    assert [(a[0], b[0]) for a, b in rows] == [(0, 10), (10, 20)]
    with pytest.raises(ValueError, match="no pair of samples of 30"):
        list(pairs(25, 40, 30))


def test_a_sample_is_a_floor_away_from_itself_and_further_when_it_is_turned(sample):
    """Momenta along the beam scaled by 1.3: another distribution, the same composition."""
    floor = event_distances(sample, sample, 700, shift=1)
    turned = with_momenta(sample, sample.states.momenta * np.array([1, 1, 1.3, 1]))
    same = event_distances(sample, sample, 700)
    row = summary(3.0, {"": event_distances(turned, sample, 700), "replay_": same}, floor)
    assert row["w1_3"] > 1.5
    assert row["replay_w1_3"] == 0  # event by event the same
    assert row["channel_3"] == 0


def test_the_angle_of_two_body_events_is_judged_where_there_are_enough(sample):
    """At 0.7 GeV 700 events are compared with the same thrown forwards."""
    slow = interactions(
        read_events(pion_proton(EventRange(0, 3000, 9), energy=0.7)), np.random.default_rng(1)
    )
    forwards = with_momenta(slow, np.abs(slow.states.momenta))
    floor = event_distances(slow, slow, 700, shift=1)["two_body"].mean()
    assert event_distances(forwards, slow, 700)["two_body"].mean() > 5 * floor
    assert "two_body" not in event_distances(sample, sample, 200)
    without = slow.of(slow.states.multiplicity > 2)
    assert np.isinf(event_distances(without, slow, 700)["two_body"]).all()


def test_variables_are_what_their_names_say(sample):
    values = variables(sample)
    assert set(values) == set(VARIABLES)
    assert set(REDUCED) < set(VARIABLES)
    assert (values["x1"] * sample.beam_momentum >= 0.0).mean() > 0.9
    leading = ranked(sample.laboratory())
    size = np.linalg.norm(leading.momenta[..., :3], axis=-1)
    hadronic = ~np.isin(leading.species, index(np.array([22, 11, -11, 13, -13]))) & (
        leading.species != NO_PARTICLE
    )
    assert all((np.diff(row[mask]) <= 0).all() for row, mask in zip(size, hadronic, strict=True))


def test_features_do_not_change_when_an_event_turns_about_the_beam(sample):
    x, y, z, energy = np.moveaxis(sample.states.momenta, -1, 0)
    turned = with_momenta(sample, np.stack([-y, x, z, energy], axis=-1))
    np.testing.assert_allclose(features(turned), features(sample), atol=1e-9)
