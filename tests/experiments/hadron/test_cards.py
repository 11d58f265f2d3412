"""The cards of the study: their columns, and samples that have no seed in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.hadron.events.arrays import COLUMNS
from lblhep.cards import read_card

REPOSITORY = Path(__file__).parents[3]
GENERATORS = (
    "pion-proton-pythia8",
    "pion-proton-pythia8-large",
    "pion-proton-pythia8-test",
    "pion-proton-pythia8-confirm",
    "pion-proton-urqmd",
    "pion-proton-urqmd-test",
)


@pytest.mark.parametrize("name", [*GENERATORS, "pion-proton-geant4"])
def test_columns(name):
    assert tuple(read_card(REPOSITORY, name).columns) == COLUMNS


def test_no_two_samples_share_a_seed():
    seeds = [
        events.seed
        for name in GENERATORS
        for source in read_card(REPOSITORY, name).sources.produce
        for events in source.ranges()
    ]
    assert len(seeds) == len(set(seeds)) == 30 + 60 + 3 * 40 + 2 * 40 + 4 + 2 * 20


@pytest.mark.parametrize(("name", "energies"), [("test", [0.7, 3.0, 12.0]), ("confirm", [1.0, 10.0])])
def test_cards_for_tests_have_forty_samples_of_ten_thousand_at_each_energy(name, energies):
    sources = read_card(REPOSITORY, f"pion-proton-pythia8-{name}").sources.produce
    assert [source.arguments for source in sources] == [{"energy": energy} for energy in energies]
    for number, source in enumerate(sources):
        ranges = list(source.ranges())
        assert [len(events) for events in ranges] == [10_000] * 40
        assert ranges[0].start == 1_000_000 * number
