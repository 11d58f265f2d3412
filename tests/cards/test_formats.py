"""Every format gives back what was written, the wanted columns alone; what is wrong with a file is said."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import uproot

from lblhep.cards import formats
from lblhep.errors import CardError

COLUMNS = {
    "event": np.arange(50, dtype=np.int32),
    "x": np.linspace(-1, 1, 50, dtype=np.float32),
    "y": np.linspace(0, 1e-3, 50),
}


def write_parquet(path, columns=COLUMNS):
    formats.write_parquet(pa.table(columns), path)


def write_root(path, columns=COLUMNS):
    with uproot.recreate(path) as file:
        file.mktree("events", {name: values.dtype for name, values in columns.items()}).extend(columns)


def write_hdf5(path, columns=COLUMNS):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[f"events/{name}"] = values


def write_structured_hdf5(path, columns=COLUMNS):
    rows = np.empty(50, dtype=[(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    with h5py.File(path, "w") as file:
        file["events"] = rows


def write_npz(path, columns=COLUMNS):
    np.savez(path, **columns)


def write_csv(path, columns=COLUMNS):
    pyarrow.csv.write_csv(pa.table(columns), path)


WRITERS = {
    "parquet": [write_parquet],
    "root": [write_root],
    "hdf5": [write_hdf5, write_structured_hdf5],
    "npz": [write_npz],
}
CASES = [(layout, write) for layout, writers in WRITERS.items() for write in writers]


def file_of(tmp_path, layout, write, *args):
    path = tmp_path / f"file.{layout}"
    write(path, *args)
    return path


@pytest.mark.parametrize(("layout", "write"), CASES)
@pytest.mark.parametrize("options", [{}, {"table": "events"}])
def test_round_trip(tmp_path, layout, write, options):
    if options and layout not in ("root", "hdf5"):
        pytest.skip("the format has no tables inside")
    read = formats.read(file_of(tmp_path, layout, write), layout, **options)
    assert set(read.column_names) == set(COLUMNS)
    for name, values in COLUMNS.items():
        back = read[name].to_numpy()
        assert back.dtype == values.dtype
        np.testing.assert_array_equal(back, values)


def test_csv(tmp_path):
    path = file_of(tmp_path, "csv", write_csv)
    read = formats.read(path, "csv")
    np.testing.assert_array_equal(read["y"].to_numpy(), COLUMNS["y"])
    np.testing.assert_array_equal(read["event"].to_numpy(), COLUMNS["event"])


@pytest.mark.parametrize(("layout", "write"), [*CASES, ("csv", write_csv)])
def test_columns_come_in_the_order_that_is_asked_for(tmp_path, layout, write):
    path = file_of(tmp_path, layout, write)
    assert formats.read(path, layout, ["y", "event"]).column_names == ["y", "event"]
    with pytest.raises(CardError, match=r"file.* has no column z; it has event, x, y; correct the card's"):
        formats.read(path, layout, ["y", "z"])


@pytest.mark.parametrize(
    "name", ["extra_fixed_array.root", "extra_jagged_equal.root", "extra_group.h5", "extra_scalar.npz"]
)
def test_what_stands_beside_the_columns_does_not_matter(data, name):
    layout = {".root": "root", ".h5": "hdf5", ".npz": "npz"}[(data / name).suffix]
    read = formats.read(data / name, layout, ["pt", "eta"])
    assert read["pt"].to_pylist() == [1.0, 2.0, 3.0, 4.0]
    assert read.column_names == ["pt", "eta"]


def damage_root(path):
    with uproot.open(path) as file:
        start = int(file["events"]["y"].member("fBasketSeek")[0])
    overwrite(path, start + 4)


def damage_parquet(path):
    overwrite(path, pq.read_metadata(path).row_group(0).column(2).data_page_offset)


def damage_hdf5(path):
    with h5py.File(path) as file:
        start = file["events/y"].id.get_chunk_info(0).byte_offset
    overwrite(path, start)


def damage_npz(path):
    overwrite(path, path.read_bytes().index(COLUMNS["y"].tobytes()[8:40]))


def overwrite(path, start):
    content = bytearray(path.read_bytes())
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)


def write_chunked_hdf5(path):
    with h5py.File(path, "w") as file:
        for name, values in COLUMNS.items():
            file.create_dataset(f"events/{name}", data=values, chunks=(50,), compression="gzip")


@pytest.mark.parametrize(
    ("layout", "write", "damage"),
    [
        ("root", write_root, damage_root),
        ("parquet", write_parquet, damage_parquet),
        ("hdf5", write_chunked_hdf5, damage_hdf5),
        ("npz", write_npz, damage_npz),
    ],
)
def test_the_other_columns_are_not_read(tmp_path, layout, write, damage):
    """A column that cannot be read spoils nothing but itself."""
    path = file_of(tmp_path, layout, write)
    damage(path)
    read = formats.read(path, layout, ["event", "x"])
    np.testing.assert_array_equal(read["x"].to_numpy(), COLUMNS["x"])
    with pytest.raises(CardError, match=f"cannot be read as {layout}: .*get it again"):
        formats.read(path, layout, ["y"])


@pytest.mark.parametrize(("layout", "write"), CASES)
def test_a_truncated_file_is_named(tmp_path, layout, write):
    path = file_of(tmp_path, layout, write)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.6 * len(whole))])
    with pytest.raises(CardError, match=rf"{path.name}: cannot be read as {layout}: .*get it again"):
        formats.read(path, layout)


@pytest.mark.parametrize("layout", formats.READERS)
def test_a_missing_or_empty_file_is_named(tmp_path, layout):
    with pytest.raises(CardError, match="nothing: no such file"):
        formats.read(tmp_path / "nothing", layout)
    (tmp_path / "empty").touch()
    with pytest.raises(CardError, match=r"empty: is empty \(0 bytes\)"):
        formats.read(tmp_path / "empty", layout)


def test_another_format_is_recognised(tmp_path):
    write_root(tmp_path / "t.h5")
    with pytest.raises(CardError, match=r"t\.h5: cannot be read as hdf5: .*: state `format: root`"):
        formats.read(tmp_path / "t.h5", "hdf5")


def write_two_trees(path):
    with uproot.recreate(path) as file:
        for tree in ("a", "b"):
            file.mktree(tree, {"x": np.float32}).extend({"x": np.zeros(3, dtype=np.float32)})


def write_two_groups(path):
    with h5py.File(path, "w") as file:
        for group in ("a", "b"):
            file[f"{group}/x"] = np.zeros(3)


@pytest.mark.parametrize(("layout", "write"), [("root", write_two_trees), ("hdf5", write_two_groups)])
def test_which_table_must_be_said(tmp_path, layout, write):
    """A sound file is not called damaged."""
    path = file_of(tmp_path, layout, write)
    assert len(formats.read(path, layout, ["x"], table="b")) == 3
    for table, words in ((None, "holds .*a, b: state `table:`"), ("c", "has no .*`c`; it has a, b: correct")):
        with pytest.raises(CardError, match=words) as caught:
            formats.read(path, layout, ["x"], table=table)
        assert "get it again" not in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "write"), [("npz", write_npz), ("hdf5", write_hdf5), ("hdf5", write_structured_hdf5)]
)
def test_either_byte_order_is_read(tmp_path, layout, write):
    big = {name: values.astype(values.dtype.newbyteorder(">")) for name, values in COLUMNS.items()}
    read = formats.read(file_of(tmp_path, layout, write, big), layout)
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(read[name].to_numpy(), values)


def test_jagged_branches_are_lists(tmp_path):
    import awkward

    with uproot.recreate(tmp_path / "t.root") as file:
        file.mktree("t", {"v": "var * float32"}).extend({"v": awkward.Array([[1.0], [], [2.0, 3.0]])})
    assert formats.read(tmp_path / "t.root", "root", ["v"])["v"].to_pylist() == [[1.0], [], [2.0, 3.0]]


def test_a_single_column(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"] = np.arange(3)
    assert formats.read(tmp_path / "t.h5", "hdf5", ["x"])["x"].to_pylist() == [0, 1, 2]


def test_a_plain_array_has_no_names(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["data"] = np.zeros((3, 2))
    with pytest.raises(CardError, match="data has no column names: it needs a `reader:`"):
        formats.read(tmp_path / "t.h5", "hdf5")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((50, 2)), r"column z is of shape \(50, 2\), not one value an event"),
        (np.float64(1), "column z is a single value, not one value an event"),
        (np.zeros(50, dtype=complex), "column z holds values of type complex128"),
        (np.zeros(49), "its columns differ in length: x 50, z 49"),
        (np.array([{}] * 50), "column z holds Python objects, which are a pickle that runs code when read"),
    ],
)
def test_what_is_no_column_is_said(tmp_path, values, words):
    path = file_of(tmp_path, "npz", write_npz, COLUMNS | {"z": values})
    assert len(formats.read(path, "npz", ["x"])) == 50
    with pytest.raises(CardError, match=words) as caught:
        formats.read(path, "npz", ["x", "z"])
    assert "get it again" not in str(caught.value)
