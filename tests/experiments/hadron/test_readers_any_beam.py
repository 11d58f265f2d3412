"""Files of the group's own programs, whose beams fly anywhere: rotated, in GeV, with the laws kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from experiments.hadron.events.arrays import Events, read_events
from experiments.hadron.events.interactions import interactions
from experiments.hadron.events.kinematics import PION_MASS, beam_momentum
from experiments.hadron.events.species import conserved, masses
from experiments.hadron.generators.beams import along_z, pion_of
from experiments.hadron.generators.neutral_kaons import with_flavour
from experiments.hadron.readers import g4evtgen_csv, geant4_root, hadronic_nf_root
from lblhep.cards import open_sample, read_card
from lblhep.errors import CardError
from tests.experiments.hadron.conftest import total_momentum

REPOSITORY = Path(__file__).parents[3]
FILES = Path(__file__).parent / "files"
CSV, ROOT = FILES / "g4evtgen-pion_minus_H.csv", FILES / "hadronicNF-output.root"
READERS = {CSV: g4evtgen_csv, ROOT: hadronic_nf_root}
# GeV: Geant4's masses are not rounded to 10 keV (sums 3 keV off), and the ROOT file has float32 momenta.
SUMS, SHELLS = 5e-6, {CSV: 1e-5, ROOT: 1e-4}
PI_MINUS_MASS = PION_MASS * 1000


@pytest.fixture(params=READERS, ids=lambda path: path.suffix)
def path(request) -> Path:
    return request.param


def test_events_of_the_groups_programs(path):
    """pi- p -> pi0 n at 1 to 15 GeV: four-momentum, masses and the additive numbers are kept."""
    events = read_events(READERS[path](path))
    assert len(events) == 200
    assert set(events.beam) == {-211}
    assert set(events.pdg) == {111, 2112}
    assert 1 < events.kinetic_energy.min() < events.kinetic_energy.max() < 15
    total = events.sums(events.momenta)
    np.testing.assert_allclose(total, total_momentum(events.kinetic_energy), rtol=0, atol=SUMS)
    mass = np.sqrt(events.momenta[:, 3] ** 2 - (events.momenta[:, :3] ** 2).sum(axis=1))
    np.testing.assert_allclose(mass, masses(events.pdg), rtol=0, atol=SHELLS[path])
    assert (events.sums(conserved(events.pdg)) == [0, 1, 0]).all()
    assert len(interactions(events, np.random.default_rng(1)).kinetic_energy) == 200


def test_both_programs_tell_the_same_events():
    """The ROOT file has the CSV file's events as float32: within an ulp of 8 to 16 GeV."""
    csv, root = (read_events(read(path)) for path, read in READERS.items())
    np.testing.assert_allclose(root.kinetic_energy, csv.kinetic_energy, rtol=0, atol=1e-6)
    np.testing.assert_allclose(root.momenta, csv.momenta, rtol=0, atol=1e-6)
    assert csv.kinetic_energy[0] == 8.165502745803594


@pytest.mark.parametrize("name", ["csv", "root"])
def test_a_card_reads_them(name, tmp_path, monkeypatch):
    """The card of a file of your own, with the other reader: no line of it but path and reader changes."""
    path, reader = (CSV, "g4evtgen_csv") if name == "csv" else (ROOT, "hadronic_nf_root")
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    cards = tmp_path / "data_cards"
    cards.mkdir()
    shutil.copy(path, cards)
    text = (REPOSITORY / "data_cards/pion-proton-geant4.yaml").read_text()
    assert f"experiments.hadron.readers:{reader}" in text  # the card names it
    changed = text.replace("path: pion-proton-geant4.root", f"path: {path.name}").replace(
        "reader: experiments.hadron.readers:geant4_root", f"reader: experiments.hadron.readers:{reader}"
    )
    (cards / "pion-proton-geant4.yaml").write_text(changed)
    table = open_sample(tmp_path, "pion-proton-geant4").table()
    assert table.column_names == list(read_card(REPOSITORY, "pion-proton-geant4").columns)
    assert len(read_events(table)) == 200


def lines(*events: tuple[tuple[float, ...], ...]) -> str:
    """Rows of the beam and the particles, some of them with more blanks than needed."""
    return "".join("  ".join(" ".join(map(str, part)) for part in event) + " \n\n" for event in events)


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (0, -3, 0), (0.6, 0.6, 0.5291502622129182)])
def test_rows_of_any_length_and_beams_of_any_direction(direction, tmp_path):
    """A particle along the beam comes out along +z, and angles between particles stay."""
    unit = np.array(direction) / np.linalg.norm(direction)
    across = np.linalg.svd(unit[None])[2][1]
    first = (211, *(300 * unit), 330.0)
    second = (2212, *(40 * unit + 30 * across), 939.6)
    third = (111, *(-20 * across), 136.0)
    beam = (211, *direction, 700.0)
    path = tmp_path / "events.csv"
    path.write_text(lines((beam, first), (beam, first, second), (beam, first, second, third)))
    events = read_events(g4evtgen_csv(path))
    assert events.multiplicity.tolist() == [1, 2, 3]
    assert events.kinetic_energy.tolist() == [0.7] * 3
    np.testing.assert_allclose(events.momenta[0], [0, 0, 0.3, 0.33], atol=1e-15)
    last = events.momenta[3:, :3]
    np.testing.assert_allclose(last[:, 2], [0.3, 0.04, 0], atol=1e-15)
    np.testing.assert_allclose(np.hypot(last[:, 0], last[:, 1]), [0, 0.03, 0.02], atol=1e-15)
    assert last[1] @ last[2] == pytest.approx(-0.03 * 0.02, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no event"),
        ("-211 0 0 1 700\n", "line 1: 5 numbers; expected 5 of the beam and of each particle"),
        ("\n-211 0 0 1 700 111 0 0 1\n", "line 2: 9 numbers"),
        ("-211 0 0 1 700 111 0 0 one 1\n", "line 1: .* is not made of numbers"),
        ("-211 0 0 1 700 111 0 0 nan 1\n", "line 1: .* is not made of numbers"),
        ("2212 0 0 1 700 111 0 0 1 1\n", r"the beam of event 0 \(from 0\) is 2212; expected 211 or -211"),
        ("-211 0 0 0 700 111 0 0 1 1\n", r"the beam of event 0 \(from 0\) has no direction"),
    ],
)
def test_a_file_that_is_none_of_g4evtgen(text, words, tmp_path):
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        g4evtgen_csv(tmp_path / "events.csv")


def write_output(path: Path, incoming: np.ndarray, pdg: list[list[int]]) -> None:
    """A TTree as the group's program has it: ``incoming[4]`` and jagged vectors, all float32."""
    vectors = {"particle_id": ak.values_astype(ak.Array(pdg), np.float32)}
    vectors |= dict.fromkeys(("particle_px", "particle_py", "particle_pz"), vectors["particle_id"] * 0)
    vectors["particle_E"] = vectors["particle_id"] * 0 + 1000
    with uproot.recreate(path) as file:
        types = {"incoming": np.dtype(("f4", (4,)))} | dict.fromkeys(vectors, "var * float32")
        file.mktree("output", types).extend({"incoming": incoming.astype("f4")} | vectors)


def incoming(kinetic_energy: float, pion_mass: float = PI_MINUS_MASS) -> np.ndarray:
    momentum = np.sqrt(kinetic_energy * (kinetic_energy + 2 * pion_mass))
    return np.array([kinetic_energy + pion_mass, 0.6 * momentum, 0, -0.8 * momentum])


def test_a_tree_with_a_fixed_array_and_kaons(tmp_path):
    """pi+ and pi- by the charge of what is left, K0S and K0L by their strangeness."""
    pdg = [[3122, 310], [2212, 211, 130, 310, 111], [2112, 211, 211]]
    write_output(tmp_path / "out.root", np.stack([incoming(t) for t in (1000.0, 3000.0, 12000.0)]), pdg)
    events = read_events(hadronic_nf_root(tmp_path / "out.root"))
    assert events.beam.tolist() == [-211, 211, 211]
    np.testing.assert_allclose(events.kinetic_energy, [1, 3, 12], rtol=0, atol=1e-6)
    assert events.pdg[:2].tolist() == [3122, 311]
    assert sorted(events.pdg[4:6].tolist()) == [-311, 311]
    assert (events.sums(conserved(events.pdg))[:, 1:] == [1, 0]).all()


@pytest.mark.parametrize(
    ("beam", "pdg", "words"),
    [
        (incoming(1000.0)[[1, 2, 3, 0]], [2112, 111], "incoming of event 0 is not E, px, py, pz of a pion"),
        (incoming(1000.0, 938.27), [2112, 111], "incoming of event 0 is not E, px, py, pz of a pion"),
        (incoming(1000.0), [2112, 211], r"event 0 \(from 0\) has a charge of 1"),
        (incoming(1000.0), [2112, 310], r"event 0 \(from 0\) has 1 of K0S and K0L beside a strangeness of 0"),
        (incoming(1000.0), [2112, 331], "no such species: 331"),
    ],
)
def test_a_tree_that_is_wrong(beam, pdg, words, tmp_path):
    write_output(tmp_path / "out.root", beam[None], [pdg])
    with pytest.raises(ValueError, match=words):
        hadronic_nf_root(tmp_path / "out.root")


def test_a_tree_of_something_else(tmp_path):
    """The error names what is missing; a file that was cut short is refused."""
    with uproot.recreate(tmp_path / "out.root") as file:
        file.mktree("output", {"incoming": "var * float32"}).extend({"incoming": ak.Array([[1.0]])})
    with pytest.raises(CardError, match="particle_id"):
        hadronic_nf_root(tmp_path / "out.root")
    (tmp_path / "cut.root").write_bytes(ROOT.read_bytes()[:-100])
    with pytest.raises(ValueError, match="bytes of"):
        hadronic_nf_root(tmp_path / "cut.root")


def test_neutral_kaons_get_the_flavour_that_balances_strangeness():
    """Pairs get one of each, in an order that is drawn: the first is a K0 in about half of them."""
    pairs = 1000
    pdg = np.array([310, 130, 2212] * pairs + [321, 310] + [3312, 310, 310])
    multiplicity = np.array([3] * pairs + [2, 3])
    flavoured = with_flavour(pdg, multiplicity)
    first, second, _ = flavoured[: 3 * pairs].reshape(pairs, 3).T
    assert (first == -second).all()
    assert abs((first == 311).sum() - pairs / 2) < 5 * np.sqrt(pairs) / 2
    assert flavoured[3 * pairs :].tolist() == [321, -311, 3312, 311, 311]
    assert np.array_equal(with_flavour(pdg, multiplicity), flavoured)
    assert np.array_equal(with_flavour(pdg[2:3], np.array([1])), pdg[2:3])


def test_kaons_in_the_older_layout(tmp_path):
    with uproot.recreate(tmp_path / "g4.root") as file:
        types = {"beam": "int32", "T": "float64", "pdg": "var * int32"}
        tree = file.mktree("interactions", types | dict.fromkeys(("px", "py", "pz", "E"), "var * float64"))
        pdg = ak.Array([[3122, 310]])
        tree.extend(
            {"beam": np.array([-211]), "T": np.array([1000.0]), "pdg": ak.values_astype(pdg, np.int32)}
            | dict.fromkeys(("px", "py", "pz", "E"), pdg * 1.0)
        )
    events: Events = read_events(geant4_root(tmp_path / "g4.root"))
    assert events.pdg.tolist() == [3122, 311]


def test_a_beam_is_turned_onto_z_whatever_its_length():
    rng = np.random.default_rng(5)
    direction = rng.normal(size=(50, 3))
    momenta = np.concatenate([direction, np.ones((50, 1))], axis=1)
    turned = along_z(momenta, 7 * direction, np.ones(50, dtype=np.int64))
    expected = np.zeros((50, 3))
    expected[:, 2] = np.linalg.norm(direction, axis=1)
    np.testing.assert_allclose(turned[:, :3], expected, atol=1e-14)
    assert pion_of(np.array([2112, 111]), np.array([2])).tolist() == [-211]
    assert beam_momentum(np.array([1.0]))[0] > 1
