"""Pythia's cross-sections: the shipped table, and that the producer makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.hadron.cross_sections import CLASSES, pion_proton_sigma
from experiments.hadron.species import PI_MINUS, PI_PLUS
from lblhep.cards import content_digest, read_card
from lblhep.cards.formats import read_parquet
from lblhep.cards.ranges import EventRange, range_seed

REPOSITORY = Path(__file__).parents[3]
CARD = read_card(REPOSITORY, "pion-proton-sigma")


@pytest.fixture(scope="module")
def shipped() -> pd.DataFrame:
    table = read_parquet(CARD.place(CARD.sources.files[0]))
    assert content_digest(table) == CARD.content
    return table.to_pandas()


def test_rows(shipped):
    assert list(shipped.columns) == list(CARD.columns)
    assert shipped.beam.tolist() == [PI_PLUS] * 101 + [PI_MINUS] * 101
    for beam in (PI_PLUS, PI_MINUS):
        steps = np.diff(np.log(shipped.kinetic_energy[shipped.beam == beam]))
        np.testing.assert_allclose(steps, np.log(26 / 0.35) / 100, rtol=1e-9)


def test_classes_add_up(shipped):
    assert abs(shipped[list(CLASSES)].sum(axis=1) - shipped.total).max() < 0.01  # mb
    assert (shipped[list(CLASSES)].max() > 0.1).all()


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
    rows = EventRange(150, 154, range_seed(99, 150))
    ours = pion_proton_sigma(rows, **source).to_pandas().set_index("event")
    theirs = shipped.set_index("event").loc[ours.index]
    exact = ["beam", "kinetic_energy", "total", *CLASSES]
    pd.testing.assert_frame_equal(ours[exact], theirs[exact], rtol=1e-6)
    error = np.hypot(ours.inelastic_error, theirs.inelastic_error)
    assert (abs(ours.inelastic - theirs.inelastic) < 4 * error).all()
    assert (ours.inelastic != theirs.inelastic).any()
