"""UrQMD's events in the sample's form; the parts that need no UrQMD are tested without."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from experiments.hadron.events.arrays import COLUMNS, read_events
from experiments.hadron.events.species import PROTON, conserved, masses
from experiments.hadron.generators import urqmd
from experiments.hadron.generators.pythia import DECAY_SETTINGS, start
from lblhep.cards.ranges import EventRange, range_seed
from tests.experiments.hadron.conftest import total_momentum

PDG = np.array([2212, 331, -211, 211, 3212, 321])
SQRT_S = 5.0  # GeV


@pytest.fixture(scope="module")
def decays():
    return start(("ProcessLevel:all = off", *DECAY_SETTINGS), 1)


@pytest.fixture
def on_shell(decays) -> tuple[np.ndarray, np.ndarray]:
    """Momenta with masses that are wrong by a few MeV, in a moving frame; and what is made of them."""
    rng = np.random.default_rng(2)
    momenta = rng.normal(0.1, 0.3, size=(len(PDG), 4))
    mass = np.array([0.938, 0.957, 0.138, 0.138, 1.192, 0.494])
    momenta[:, 3] = np.sqrt((momenta[:, :3] ** 2).sum(axis=1) + mass**2)
    return momenta, urqmd.on_mass_shells(decays, PDG, momenta, SQRT_S)


def test_on_mass_shells(decays, on_shell):
    _, ours = on_shell
    np.testing.assert_allclose(ours.sum(axis=0), [0, 0, 0, SQRT_S], atol=1e-13)
    mass2 = ours[:, 3] ** 2 - (ours[:, :3] ** 2).sum(axis=1)
    expected = [decays.particleData.m0(code) for code in PDG.tolist()]
    np.testing.assert_allclose(np.sqrt(mass2), expected, rtol=1e-12)


def test_only_the_scale_of_momenta_changes(on_shell):
    """Ratios of momenta, in the frame where their sum is at rest: by a general boost written out."""
    theirs, ours = on_shell
    total = theirs.sum(axis=0)
    beta = total[:3] / total[3]
    gamma = total[3] / np.sqrt(total[3] ** 2 - total[:3] @ total[:3])
    boost = np.eye(4)
    boost[:3, :3] += (gamma - 1) * np.outer(beta, beta) / (beta @ beta)
    boost[:3, 3] = boost[3, :3] = -gamma * beta
    boost[3, 3] = gamma
    at_rest = (theirs @ boost)[:, :3]
    ratio = ours[:, :3] / at_rest
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-10)


def test_too_heavy(decays):
    momenta = np.array([[0.0, 0.0, 0.1, 1.0], [0.0, 0.0, -0.1, 1.0]])
    with pytest.raises(ValueError, match="heavier than sqrt"):
        urqmd.on_mass_shells(decays, np.array([2212, 3122]), momenta, 2.0)


def test_decays_leave_the_samples_species(decays, on_shell):
    _, momenta = on_shell
    for _ in range(20):
        particles = urqmd.decayed(decays, PDG, momenta)
        pdg = np.array([particle[0] for particle in particles])
        left = np.array([particle[1:] for particle in particles])
        assert {2212, -211, 211, 321, 3212} <= set(pdg.tolist())
        assert len(pdg) > len(PDG)
        assert 331 not in pdg
        assert conserved(pdg).sum(axis=0).tolist() == [2, 2, 0]
        np.testing.assert_allclose(left.sum(axis=0), [0, 0, 0, SQRT_S], atol=1e-10)
        energy = np.sqrt((left[:, :3] ** 2).sum(axis=1) + masses(pdg) ** 2)
        np.testing.assert_allclose(left[:, 3], energy, atol=1e-10)


def test_codes_of_antiparticles():
    """chromo's table has a wrong sign for the antiproton, and the right one for anti-K0."""
    table = {
        2212: (1, 1), 2112: (1, -1), -2212: (-1, 1), -2112: (-1, -1),
        311: (106, -1), 321: (106, 1), -311: (-106, 1), -321: (-106, -1), 211: (101, 2), -211: (101, -2),
    }  # fmt: skip
    codes = urqmd._codes(table)
    assert (codes[49, 1], codes[50, 1]) == (3322, 3324)  # whatever chromo says of neutral cascades
    assert codes[-1, -1] == -2212
    assert codes[-1, 1] == -2112
    assert codes[-106, 1] == -311
    assert codes[-106, -1] == -321
    assert (-101, -2) not in codes
    assert len(codes) == len(table) + len(urqmd.XI0)


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "chromo", None)
    with pytest.raises(ImportError, match="needs the extra `urqmd`"):
        urqmd.pion_proton(EventRange(0, 1, 1), energy=3.0)


@pytest.mark.skipif(importlib.util.find_spec("chromo") is None, reason="the extra urqmd is not installed")
def test_events_of_urqmd():
    span = EventRange(50, 100, range_seed(3, 50))
    table = urqmd.pion_proton(span, energy=(1.52, 26.0))
    assert tuple(table.column_names) == COLUMNS
    events = read_events(table)
    assert events.number.tolist() == list(range(50, 100))
    before = conserved(events.beam) + conserved(np.full(len(events), PROTON))
    np.testing.assert_array_equal(events.sums(conserved(events.pdg)), before)
    assert abs(events.sums(events.momenta) - total_momentum(events.kinetic_energy)).max() < 1e-7
    energy = np.sqrt((events.momenta[:, :3] ** 2).sum(axis=1) + masses(events.pdg) ** 2)
    assert abs(events.momenta[:, 3] - energy).max() < 1e-7
    for beam, codes in zip(events.beam.tolist(), np.split(events.pdg, events.offsets[1:-1]), strict=True):
        assert sorted(codes) != sorted((beam, PROTON))
    assert urqmd.pion_proton(span, energy=(1.52, 26.0)).equals(table)
