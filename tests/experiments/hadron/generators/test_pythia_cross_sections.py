"""Pythia's cross-sections: the shipped table, and that the producer makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.hadron.events.processes import STATED, place
from experiments.hadron.events.species import PI_MINUS, PI_PLUS
from experiments.hadron.generators.pythia_cross_sections import pion_proton_sigma
from experiments.hadron.producers import pion_proton
from lblhep.cards import content_digest, read_card
from lblhep.cards.formats import read_parquet
from lblhep.cards.ranges import EventRange, range_seed

REPOSITORY = Path(__file__).parents[4]
CARD = read_card(REPOSITORY, "pion-proton-sigma")
NAMES = [process.name for process in STATED]
RESONANCES = [process.name for process in STATED if process.is_resonant]


@pytest.fixture(scope="module")
def shipped() -> pd.DataFrame:
    table = read_parquet(CARD.place(CARD.sources.files[0]))
    assert content_digest(table) == CARD.content
    return table.to_pandas()


def test_rows(shipped):
    assert list(shipped.columns) == list(CARD.columns)
    assert shipped.beam.tolist() == [PI_PLUS] * 401 + [PI_MINUS] * 401
    for beam in (PI_PLUS, PI_MINUS):
        steps = np.diff(np.log(shipped.kinetic_energy[shipped.beam == beam]))
        np.testing.assert_allclose(steps, np.log(26 / 0.35) / 400, rtol=1e-9)


def test_processes_and_elastic_collisions_add_up_to_the_total(shipped):
    assert abs(shipped[["elastic", *NAMES]].sum(axis=1) - shipped.total).max() < 0.01  # mb
    assert abs(shipped[RESONANCES].sum(axis=1) - shipped.resonant).max() < 1e-4
    assert (shipped[NAMES].max() > 0.1).all()


def test_events_are_made_by_processes_in_the_ratio_of_cross_sections(shipped):
    """At 12 GeV, where hardly any process leaves pi p; 4 standard deviations (fixed seed)."""
    made = place(pion_proton(EventRange(0, 2000, range_seed(7, 0)), energy=12.0)["process"].to_numpy())
    at = shipped.iloc[(shipped.kinetic_energy - 12).abs().argsort()[:2]][NAMES].mean().to_numpy()
    share, expected = np.bincount(made, minlength=len(NAMES)) / 2000, at / at.sum()
    assert (expected[:4] > 0.005).all()
    assert (abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / 2000)).all()


def test_no_event_is_made_by_a_process_that_has_no_cross_section(shipped):
    """Both pions are tried from 0.9 to 1.1 GeV, where most are resonances, of the right charge."""
    table = pion_proton(EventRange(0, 800, range_seed(7, 1)), energy=[0.9, 1.1]).to_pandas()
    for pion, rows in table.groupby("beam"):
        possible = shipped[(shipped.beam == pion) & shipped.kinetic_energy.between(0.88, 1.12)][NAMES].max()
        assert (possible.to_numpy()[np.unique(place(rows.process.to_numpy()))] > 0).all()
        assert len(np.unique(rows.process)) > 5


def test_inelastic_is_the_rest_where_no_resonance_is_left(shipped):
    """A collision of another class is then elastic only by the accident of its products."""
    high = shipped[shipped.resonant == 0]
    assert len(high) > 50
    difference = high.total - high.elastic - high.inelastic
    assert difference.min() > -5 * high.inelastic_error.max()
    assert (difference / high.total).max() < 0.05


def test_another_seed_agrees(shipped):
    """Four energies of pi-, 500 collisions each; 4 standard deviations (fixed seed)."""
    source = CARD.sources.produce[0].arguments | {"collisions": 500}
    rows = EventRange(600, 604, range_seed(99, 600))
    ours = pion_proton_sigma(rows, **source).to_pandas().set_index("event")
    theirs = shipped.set_index("event").loc[ours.index]
    exact = ["beam", "kinetic_energy", "total", *NAMES]
    pd.testing.assert_frame_equal(ours[exact], theirs[exact], rtol=1e-6)
    error = np.hypot(ours.inelastic_error, theirs.inelastic_error)
    assert (abs(ours.inelastic - theirs.inelastic) < 4 * error).all()
    assert (ours.inelastic != theirs.inelastic).any()
