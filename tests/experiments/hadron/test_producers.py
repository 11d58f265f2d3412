"""Pythia's pion-proton collisions: what is conserved, what is left out, and that ranges are reproducible."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import pythia8mc
from scipy import stats

from experiments.hadron.events.arrays import COLUMNS, Events, read_events
from experiments.hadron.events.kinematics import centre_of_mass_energy, to_centre_of_mass
from experiments.hadron.events.species import PI_MINUS, PI_PLUS, PROTON, conserved, masses
from experiments.hadron.generators.collisions import draw_energies
from experiments.hadron.generators.pythia import Collider, final_particles, flavoured_kaons
from experiments.hadron.producers import pion_proton
from lblhep.cards.ranges import EventRange, range_seed
from tests.experiments.hadron.conftest import total_momentum

RANGE = EventRange(1000, 5001, range_seed(11, 1000))
ENERGY = (0.35, 26.0)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return pion_proton(RANGE, energy=ENERGY)


@pytest.fixture(scope="module")
def events(table) -> Events:
    return read_events(table)


@pytest.fixture(scope="module")
def slow() -> Events:
    """Make 8,000 events at 0.7 GeV."""
    return read_events(pion_proton(EventRange(0, 8000, range_seed(12, 0)), energy=0.7))


def species(events: Events) -> list[list[int]]:
    """Return each event's PDG codes, sorted."""
    return [sorted(codes) for codes in np.split(events.pdg, events.offsets[1:-1])]


def test_exactly_the_range(table, events):
    assert tuple(table.column_names) == COLUMNS
    assert events.number.tolist() == list(range(1000, 5001))
    assert (events.beam == PI_PLUS).sum() == 2001
    assert (events.beam == PI_MINUS).sum() == 2000
    assert 900 < (events.beam[:2000] == PI_PLUS).sum() < 1100
    numbers = {name: table.schema.field(name).type for name in COLUMNS}
    assert numbers["beam"] == pa.int64()
    assert numbers["kinetic_energy"] == pa.float64()
    assert numbers["pdg"] == pa.list_(pa.int64())
    assert {numbers[name] for name in ("px", "py", "pz", "e")} == {pa.list_(pa.float64())}


def test_charge_baryon_number_and_strangeness(events):
    before = conserved(events.beam) + conserved(np.full(len(events), PROTON))
    np.testing.assert_array_equal(events.sums(conserved(events.pdg)), before)
    assert (conserved(events.pdg)[:, 2] != 0).sum() > 100


def test_four_momentum(events):
    assert abs(events.sums(events.momenta) - total_momentum(events.kinetic_energy)).max() < 1e-7  # GeV


def test_mass_shells(events):
    energy = np.sqrt((events.momenta[:, :3] ** 2).sum(axis=1) + masses(events.pdg) ** 2)
    assert abs(events.momenta[:, 3] - energy).max() < 1e-7  # GeV


def test_resonances_are_what_comes_from_them(events):
    """A resonance has charge, baryon number and mass of what it has decayed to, and none is left."""
    resonances, rho, delta, omega = events.resonances, 213, 2224, 223
    first = resonances.offsets[:-1]
    parent = np.where(events.parent < 0, -1, events.parent + events.of_particles(first))
    higher = np.where(
        resonances.parent < 0, -1, resonances.parent + np.repeat(first, np.diff(resonances.offsets))
    )
    assert (higher < np.arange(len(higher))).all()
    assert not set(resonances.pdg.tolist()) & set(events.pdg.tolist())
    momenta, numbers = np.zeros((len(higher), 4)), np.zeros((len(higher), 3), dtype=int)
    for of, values in ((momenta, events.momenta), (numbers, conserved(events.pdg))):
        np.add.at(of, parent[parent >= 0], values[parent >= 0])
        for i in range(len(higher) - 1, -1, -1):  # products come after what they come from
            if higher[i] >= 0:
                of[higher[i]] += of[i]
    mass = np.sqrt(momenta[:, 3] ** 2 - (momenta[:, :3] ** 2).sum(axis=1))
    for code, charge, baryon, where, width in ((rho, 1, 0, 0.775, 0.05), (delta, 2, 1, 1.22, 0.04)):
        ours = resonances.pdg == code
        assert (numbers[ours] == [charge, baryon, 0]).all()
        assert ours.sum() > 200
        assert abs(np.median(mass[ours]) - where) < width
    assert abs(mass[resonances.pdg == omega] - 0.783).max() < 0.1


def test_inelastic_only(events, slow):
    for sample in (events, slow):
        for beam, codes in zip(sample.beam.tolist(), species(sample), strict=True):
            assert codes != sorted((beam, PROTON))
    assert [111, 2112] in species(slow)


@pytest.mark.parametrize("beam", [PI_PLUS, PI_MINUS])
@pytest.mark.parametrize("energy", [0.7, 6.0])
def test_elastic_is_the_same_pion_and_proton(beam, energy):
    collider = Collider(beam, 1)
    sqrt_s = float(centre_of_mass_energy(np.array(energy)))
    found = []
    for _ in range(400):
        assert collider.collide(sqrt_s)
        left = sorted(particle[0] for particle in final_particles(collider.pythia.event))
        assert collider.is_elastic() == (left == sorted((beam, PROTON)))
        found.append(collider.is_elastic())
    assert 40 < sum(found) < 360


def test_energies_are_log_uniform(events):
    """Although one collision in a thousand is inelastic at one end, and most are at the other."""
    low, high = np.log(ENERGY)
    assert stats.kstest(np.log(events.kinetic_energy), "uniform", (low, high - low)).pvalue > 0.01
    for beam in (PI_PLUS, PI_MINUS):
        ours = np.log(events.kinetic_energy[events.beam == beam])
        assert stats.kstest(ours, "uniform", (low, high - low)).pvalue > 0.01


def test_a_fixed_energy(slow):
    assert set(slow.kinetic_energy.tolist()) == {0.7}


@pytest.mark.parametrize("energy", [0, [2.0, 1.0], -1.0])
def test_energies_that_are_none(energy):
    with pytest.raises(ValueError, match="neither one kinetic energy nor two limits"):
        draw_energies(energy, 3, np.random.default_rng(1))


def test_same_range_same_table():
    span = EventRange(1000, 1401, range_seed(11, 1000))
    assert pion_proton(span, energy=ENERGY).equals(pion_proton(span, energy=ENERGY))


def test_other_seed_other_events(events, slow):
    """Other energies, and at the same energy other momenta."""
    other = EventRange(0, 200, range_seed(12, 0) + 1)
    different = read_events(pion_proton(other, energy=(10.0, 26.0)))
    assert not set(different.kinetic_energy.tolist()) & set(events.kinetic_energy.tolist())
    different = read_events(pion_proton(other, energy=0.7))
    assert not set(different.momenta[:, 0].tolist()) & set(slow.momenta[:, 0].tolist())


def test_charge_exchange_is_isotropic(slow):
    """The card says so of pi- p -> pi0 n at 0.7 GeV: about 1,600 events are in 10 bins of cos(theta)."""
    exchange = np.array([codes == [111, 2112] for codes in species(slow)])
    pi0 = (slow.pdg == 111) & slow.of_particles(exchange)
    momenta = to_centre_of_mass(slow.momenta[pi0], slow.of_particles(slow.kinetic_energy)[pi0])
    cosine = momenta[:, 2] / np.linalg.norm(momenta[:, :3], axis=1)
    assert len(cosine) == exchange.sum() > 1000
    assert stats.chisquare(np.histogram(cosine, 10, (-1, 1))[0]).pvalue > 0.01


def test_kaons_of_decays_have_their_strangeness():
    fresh = pythia8mc.Pythia("", False).particleData
    commands = list(flavoured_kaons(fresh))
    assert "333:1:products = 311 -311" in commands
    ours = Collider(PI_PLUS, 1).pythia.particleData
    assert not list(flavoured_kaons(ours))
    phi = ours.findParticle(333)
    assert phi.channel(1).bRatio() == pytest.approx(fresh.findParticle(333).channel(1).bRatio())
