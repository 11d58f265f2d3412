"""The static table against Pythia's particle data."""

from __future__ import annotations

import numpy as np
import pytest
import pythia8mc

from experiments.hadron.events.species import CODES, SPECIES, Species, conserved, masses
from experiments.hadron.generators.pythia import DECAY_SETTINGS


@pytest.fixture(scope="module")
def data():
    return pythia8mc.Pythia("", False).particleData


def by_quarks(entry, code: int) -> tuple[int, int]:
    """Baryon number and strangeness of a hadron from the quarks in its PDG code: a kaon > 0 has an anti-s."""
    sign = 1 if code > 0 else -1
    if entry.isBaryon():
        return sign, -sign * entry.nQuarksInCode(3)
    return 0, sign * entry.nQuarksInCode(3)


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_numbers_are_pythias(species: Species, data):
    entry = data.findParticle(species.pdg)
    sign = 1 if species.pdg > 0 else -1
    assert species.mass == data.m0(species.pdg)
    assert species.charge == entry.charge(sign)
    assert (species.baryon, species.strangeness) == by_quarks(entry, species.pdg)


def test_each_particle_has_its_antiparticle(data):
    assert len(set(CODES)) == len(CODES)
    for code in CODES.tolist():
        assert not data.hasAnti(code) or -code in CODES


def test_all_are_left_by_the_decays(data):
    longest = float(next(line for line in DECAY_SETTINGS if "tau0Max" in line).split("=")[1])
    assert "311:mayDecay = off" in DECAY_SETTINGS
    for species in SPECIES:
        entry = data.findParticle(species.pdg)
        assert abs(species.pdg) == 311 or not entry.canDecay() or entry.tau0() > longest, species.name


def test_lookups_keep_the_shape():
    codes = np.array([[2212, -211], [-311, 3312]])
    assert masses(codes).tolist() == [[0.93827, 0.13957], [0.49761, 1.32171]]
    assert conserved(codes).tolist() == [[[1, 1, 0], [-1, 0, 0]], [[0, 0, -1], [-1, 1, -2]]]


@pytest.mark.parametrize("code", [130, 223, 10_000_000, -10_000_000])
def test_an_unknown_species_is_named(code):
    with pytest.raises(ValueError, match=f"no such species: {code};"):
        masses(np.array([2212, code, code]))
