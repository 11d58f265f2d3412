"""Jet resolutions against fastjet (Durham) and Pythia (JADE), and in closed form."""

from __future__ import annotations

import warnings

import fastjet
import numpy as np
import pytest
import pythia8mc

from experiments.tuning.events.jets import resolutions
from tests.experiments.tuning.events.test_axes import pythia_event


def test_durham_is_fastjets(groups):
    definition = fastjet.JetDefinition0Param(fastjet.ee_kt_algorithm)
    for group in groups:
        for event, y in zip(group, resolutions(group, "durham"), strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sequence = fastjet.ClusterSequence(
                    [fastjet.PseudoJet(*map(float, p)) for p in event], definition
                )
            for jets in range(2, min(5, len(event))):
                assert y[jets - 2] == pytest.approx(sequence.exclusive_ymerge_max(jets), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("measure", ["durham", "jade"])
def test_both_are_pythias(groups, measure):
    """Pythia tells the distance of each of the last mergings; y is the largest of those up to then."""
    for group in groups:
        for event, y in zip(group, resolutions(group, measure), strict=True):
            if len(event) < 8:
                continue
            cluster = pythia8mc.ClusterJet(measure, 1, 2)
            assert cluster.analyze(pythia_event(event), 0.0, 0.0, 2, 2)
            merged = np.array([cluster.distance(i) for i in range(5)])[::-1]  # 6 -> 5 first
            largest = np.maximum.accumulate(merged)[::-1][:3] / event[:, 3].sum() ** 2
            # Earlier mergings than the five that Pythia remembers may have been larger.
            assert (y >= largest * (1 - 1e-9)).all()
            assert y[0] == pytest.approx(largest[0], rel=1e-9)


@pytest.mark.parametrize("measure", ["durham", "jade"])
def test_mercedes(mercedes, measure):
    """Three equal energies E at 120 degrees: 2 E^2 (1 + 1/2) / (3 E)^2."""
    assert resolutions(mercedes, measure)[0] == pytest.approx([1 / 3, 0, 0])


@pytest.mark.parametrize("measure", ["durham", "jade"])
def test_too_few_particles(back_to_back, measure):
    assert resolutions(back_to_back, measure).tolist() == [[0, 0, 0]]


def test_momenta_are_left_alone(groups):
    before = groups[3].copy()
    resolutions(groups[3], "jade")
    np.testing.assert_array_equal(groups[3], before)
