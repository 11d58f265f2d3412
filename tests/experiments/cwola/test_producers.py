"""The producer on tens of events: jets against fastjet's classic interface, selection, reproducibility."""

from __future__ import annotations

import warnings

import awkward as ak
import fastjet
import numpy as np
import pytest

from experiments.cwola import producers, substructure
from lblhep.cards.ranges import EventRange, range_seed

EVENTS = EventRange(100, 130, range_seed(7, 100))


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    """Batches so small that 30 events take more than one: what is not kept need not be generated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(producers, "BATCH", 25)
        yield


@pytest.fixture(scope="module")
def signal():
    return producers.resonance_dijets(EVENTS, process=1, mass=3500.0, heavy=500.0, light=100.0)


@pytest.fixture(scope="module")
def particles():
    """Visible particles of a few signal events."""
    commands = producers.resonance_commands(3500.0, 500.0, 100.0)
    return next(producers._visible_particles(EVENTS, commands, None))[:12]


def classic(particles) -> list[fastjet.PseudoJet]:
    return [fastjet.PseudoJet(*map(float, (p.px, p.py, p.pz, p.E))) for p in particles]


def test_leading_jets_are_fastjets(particles):
    jets, constituents, kept = substructure.cluster_two_leading(particles)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 1.0)
    row = 0
    for i, event in enumerate(particles):
        sequence = fastjet.ClusterSequence(classic(event), definition)
        expected = fastjet.sorted_by_pt(sequence.inclusive_jets(200.0))[:2]
        if len(expected) < 2:
            assert i not in kept
            continue
        for j, jet in enumerate(expected):
            np.testing.assert_allclose(
                jets[row, j], [jet.px(), jet.py(), jet.pz(), jet.e()], rtol=1e-9, atol=1e-9
            )
            assert len(constituents[row, j]) == len(jet.constituents())
        row += 1
    assert row == len(kept)


def test_subjettiness_is_its_definition(particles):
    """A loop over constituents and axes, axes from fastjet's classic interface."""
    _, constituents, _ = substructure.cluster_two_leading(particles)
    jets = ak.flatten(constituents, axis=1)
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 10.0, fastjet.WTA_pt_scheme)
    for jet, tau in zip(jets, substructure.subjettiness(jets), strict=True):
        inputs = classic(jet)
        pt = np.array([p.pt() for p in inputs])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="dcut and exclusive jets")
            sequence = fastjet.ClusterSequence(inputs, definition)
            for n in (1, 2, 3):
                axes = sequence.exclusive_jets(n)
                nearest = [min(p.delta_R(axis) for axis in axes) for p in inputs]
                assert tau[n - 1] == pytest.approx((pt * nearest).sum() / pt.sum(), rel=1e-6, abs=1e-9)
        assert tau[0] >= tau[1] >= tau[2] >= 0


def test_multiplicity_counts_above_one_gev():
    jets = ak.Array(
        [[{"px": 0.6, "py": 0.9}, {"px": 0.6, "py": 0.7}, {"px": -5.0, "py": 0.0}], [{"px": 0.1, "py": 0.1}]]
    )
    assert substructure.multiplicity(jets).tolist() == [2, 0]


def rows(table) -> set[tuple[float, ...]]:
    return set(zip(*(table[name].to_pylist() for name in ("mjj", "pt_j1", "m_j1")), strict=True))


def test_same_range_same_events(signal):
    again = producers.resonance_dijets(EVENTS, process=1, mass=3500.0, heavy=500.0, light=100.0)
    assert again.equals(signal)
    other = EventRange(EVENTS.start, EVENTS.stop, EVENTS.seed + 1)
    different = producers.resonance_dijets(other, process=1, mass=3500.0, heavy=500.0, light=100.0)
    assert not rows(signal) & rows(different)


def test_selection(signal):
    table = signal.to_pandas()
    assert table.event.tolist() == list(range(100, 130))
    assert (table.process == 1).all()
    assert (table.mjj > producers.MIN_MJJ).all()
    assert (table.delta_eta < producers.MAX_DELTA_ETA).all()
    assert (table.m_j1 >= table.m_j2).all()
    for jet in ("j1", "j2"):
        assert table[f"tau21_{jet}"].between(0, 1).all()
        assert table[f"tau32_{jet}"].between(0, 1).all()
        assert (table[f"n_{jet}"] >= 1).all()


def test_signal_sits_at_its_masses(signal):
    """Medians of 30 events (error about 1 % of m_jj, 4 % of the jets' masses) against the generated masses.

    The jets are not groomed: the underlying event adds some 40 GeV to the light one (its median is 137 GeV).
    """
    table = signal.to_pandas()
    assert table.mjj.median() == pytest.approx(3500, rel=0.1)
    assert table.m_j1.median() == pytest.approx(500, rel=0.1)
    assert 100 < table.m_j2.median() < 180


def test_background_is_produced():
    events = EventRange(0, 5, range_seed(7, 0))
    table = producers.qcd_dijets(events).to_pandas()
    assert len(table) == 5
    assert (table.process == 0).all()
    assert (table.mjj > producers.MIN_MJJ).all()


def test_commands_must_be_pythias():
    with pytest.raises(ValueError, match="Pythia does not understand 'No:suchSetting = 1'"):
        next(producers._visible_particles(EVENTS, ("No:suchSetting = 1",), None))
