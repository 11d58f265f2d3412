"""Geant4's layouts, on files that uproot and pyarrow write."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import uproot

from experiments.hadron.events.arrays import Events, read_events
from experiments.hadron.readers import geant4_csv, geant4_root
from lblhep.cards import read_card

REPOSITORY = Path(__file__).parents[3]
BRANCHES = ("px", "py", "pz", "E")
COUNTS = [2, 3, 2, 4]


@pytest.fixture
def mev() -> dict[str, ak.Array]:
    """Four events in MeV."""
    rng = np.random.default_rng(8)
    flat = {name: rng.normal(0, 500, sum(COUNTS)) for name in BRANCHES}
    pdg = rng.choice([211, -211, 111, 2212, 22], sum(COUNTS)).astype(np.int32)
    return {
        "beam": np.array([211, -211, -211, 211], dtype=np.int32),
        "T": np.array([700.0, 3000.0, 12000.0, 350.0]),
        "pdg": ak.unflatten(pdg, COUNTS),
        **{name: ak.unflatten(values, COUNTS) for name, values in flat.items()},
    }


def write_root(path: Path, columns: dict[str, ak.Array]) -> None:
    with uproot.recreate(path) as file:
        types = {"beam": "int32", "T": "float64", "pdg": "var * int32", "weight": "var * float64"}
        tree = file.mktree("interactions", types | dict.fromkeys(BRANCHES, "var * float64"))
        # A branch that the reader does not want, of other lengths than its vectors.
        tree.extend(columns | {"weight": ak.Array([[1.0]] * len(COUNTS))})


def check(events: Events, mev: dict[str, ak.Array], leading: int) -> None:
    assert events.number.tolist() == [0, 1, 2, 3]
    assert events.beam.tolist() == [211, -211, -211, 211]
    np.testing.assert_array_equal(events.kinetic_energy, [0.7, 3.0, 12.0, 0.35])
    assert events.multiplicity.tolist() == [min(count, leading) for count in COUNTS]
    assert events.pdg.tolist() == ak.flatten(mev["pdg"][:, :leading]).to_list()
    for i, name in enumerate(BRANCHES):
        np.testing.assert_allclose(
            events.momenta[:, i], ak.flatten(mev[name][:, :leading]) / 1000, rtol=1e-14, err_msg=name
        )


def test_root(tmp_path, mev):
    write_root(tmp_path / "g4.root", mev)
    table = geant4_root(tmp_path / "g4.root")
    assert table.column_names == list(read_card(REPOSITORY, "pion-proton-geant4").columns)
    check(read_events(table), mev, leading=4)


def test_vectors_of_unequal_length(tmp_path, mev):
    write_root(tmp_path / "g4.root", mev | {"pz": mev["pz"][:, :2]})
    with pytest.raises(ValueError, match="the vectors pz and pdg differ in length"):
        geant4_root(tmp_path / "g4.root")


def test_csv(tmp_path, mev):
    """Three leading hadrons: two events are padded, one is cut."""
    leading = {
        name: ak.fill_none(ak.pad_none(mev[name], 3, clip=True), 0).to_numpy() for name in ("pdg", *BRANCHES)
    }
    numbered = {f"{name}{i + 1}": leading[name][:, i] for i in range(3) for name in leading}
    columns = {"beam": mev["beam"], "T": mev["T"], **numbered}
    pyarrow.csv.write_csv(pa.table(columns), tmp_path / "g4.csv")
    check(read_events(geant4_csv(tmp_path / "g4.csv")), mev, leading=3)


def test_a_csv_file_of_something_else(tmp_path):
    (tmp_path / "g4.csv").write_text("beam,T\n211,700\n")
    with pytest.raises(ValueError, match="no column pdg1"):
        geant4_csv(tmp_path / "g4.csv")
