"""Every format gives back what was written; a damaged file is named."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import uproot

from lblhep.cards import formats
from lblhep.errors import CardError

COLUMNS = {
    "event": np.arange(50, dtype=np.int32),
    "x": np.linspace(-1, 1, 50, dtype=np.float32),
    "y": np.linspace(0, 1e-3, 50),
}


def write_parquet(path):
    formats.write_parquet(pa.table(COLUMNS), path)


def write_root(path):
    with uproot.recreate(path) as file:
        file.mktree("events", {name: values.dtype for name, values in COLUMNS.items()}).extend(COLUMNS)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        for name, values in COLUMNS.items():
            file[f"events/{name}"] = values


def write_structured_hdf5(path):
    rows = np.empty(50, dtype=[(name, values.dtype) for name, values in COLUMNS.items()])
    for name, values in COLUMNS.items():
        rows[name] = values
    with h5py.File(path, "w") as file:
        file["events"] = rows


def write_pandas_hdf5(path):
    """The layout of ``DataFrame(COLUMNS).to_hdf(path, format="fixed")``: a block for each type."""
    with h5py.File(path, "w") as file:
        group = file.create_group("events")
        group["axis0"] = np.array([b"event", b"x", b"y"])
        group["axis1"] = np.arange(50)
        for number, name in enumerate(["y", "x", "event"]):
            group[f"block{number}_items"] = np.array([name.encode()])
            group[f"block{number}_values"] = COLUMNS[name][:, None]


def write_npz(path):
    np.savez(path, **COLUMNS)


WRITERS = {
    "parquet": [write_parquet],
    "root": [write_root],
    "hdf5": [write_hdf5, write_structured_hdf5, write_pandas_hdf5],
    "npz": [write_npz],
}
CASES = [(layout, write) for layout, writers in WRITERS.items() for write in writers]


@pytest.mark.parametrize(("layout", "write"), CASES)
@pytest.mark.parametrize("table", [None, "events"])
def test_round_trip(tmp_path, layout, write, table):
    path = tmp_path / ("file.npz" if layout == "npz" else "file")
    write(path)
    read = formats.read(path, layout, table)
    assert set(read.column_names) == set(COLUMNS)
    for name, values in COLUMNS.items():
        back = read[name].to_numpy()
        assert back.dtype == values.dtype
        np.testing.assert_array_equal(back, values)


def test_csv(tmp_path):
    pyarrow.csv.write_csv(pa.table(COLUMNS), tmp_path / "t.csv")
    read = formats.read(tmp_path / "t.csv", "csv")
    np.testing.assert_array_equal(read["y"].to_numpy(), COLUMNS["y"])
    np.testing.assert_array_equal(read["event"].to_numpy(), COLUMNS["event"])


@pytest.mark.parametrize(("layout", "write"), CASES)
@pytest.mark.parametrize("keep", [0.0, 0.6])
def test_a_truncated_file_is_named(tmp_path, layout, write, keep):
    path = tmp_path / ("file.npz" if layout == "npz" else "file")
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(CardError, match=rf"{path.name}: cannot be read as {layout}: .*get it again"):
        formats.read(path, layout)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CardError, match="nothing: no such file"):
        formats.read(tmp_path / "nothing", "parquet")


def test_which_tree_must_be_said(tmp_path):
    with uproot.recreate(tmp_path / "two.root") as file:
        for tree in ("a", "b"):
            file.mktree(tree, {"x": np.float32}).extend({"x": np.zeros(3, dtype=np.float32)})
    with pytest.raises(CardError, match=r"the trees a, b: state `table:`"):
        formats.read(tmp_path / "two.root", "root")
    assert len(formats.read(tmp_path / "two.root", "root", "b")) == 3


def test_a_plain_array_has_no_names(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["data"] = np.zeros((3, 2))
    with pytest.raises(CardError, match="data has no column names: it needs a `reader:`"):
        formats.read(tmp_path / "t.h5", "hdf5")
