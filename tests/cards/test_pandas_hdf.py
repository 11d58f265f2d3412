"""Frames written by pandas ``to_hdf``, in all its layouts; nothing that they hold is run."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from lblhep.cards import formats
from lblhep.errors import CardError

N = 40
FRAME = pd.DataFrame(
    {
        "pt": np.linspace(0, 1, N),
        "eta": np.linspace(-1, 1, N, dtype=np.float32),
        "n": np.arange(N),
        "phi": np.linspace(2, 3, N),
        "event": np.arange(N, dtype=np.uint64) + 2**63,
        "signal": np.arange(N) % 3 == 0,
    }
)
TEXT = FRAME.assign(name=[None, *["café", "b"] * (N // 2 - 1), "c"])
INTEGERS = pd.DataFrame(np.arange(3.0 * N).reshape(N, 3))


@pytest.mark.parametrize(
    "options",
    [
        {"format": "fixed"},
        {"format": "table"},
        {"format": "table", "data_columns": True, "index": False},
        {"format": "table", "data_columns": ["n"]},
        *({"format": "fixed", "complevel": 9, "complib": library} for library in ("zlib", "bzip2", "blosc")),
        {"format": "table", "complevel": 9, "complib": "blosc:zstd"},
    ],
)
@pytest.mark.parametrize("part", [2**26, 100])
def test_numbers(tmp_path, monkeypatch, options, part):
    monkeypatch.setattr("lblhep.cards.formats.pandas_hdf.BYTES_AT_A_TIME", part)
    FRAME.to_hdf(tmp_path / "t.h5", key="df", **options)
    wanted = ["phi", "event", "signal", "eta", "pt"]
    for columns in (None, wanted):
        read = formats.read(tmp_path / "t.h5", "hdf5", columns).to_pandas()
        pd.testing.assert_frame_equal(read[wanted], FRAME[wanted])


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_integer_names(tmp_path, layout):
    INTEGERS.to_hdf(tmp_path / "t.h5", key="df", format=layout)
    read = formats.read(tmp_path / "t.h5", "hdf5", ["2", "0"])
    assert read.to_pydict() == {"2": INTEGERS[2].tolist(), "0": INTEGERS[0].tolist()}


@pytest.mark.parametrize("data_columns", [True, None])
def test_text(tmp_path, data_columns):
    TEXT.to_hdf(tmp_path / "t.h5", key="df", format="table", data_columns=data_columns, index=False)
    read = formats.read(tmp_path / "t.h5", "hdf5", ["name", "n"])
    assert read["name"].to_pylist() == [None, *["café", "b"] * (N // 2 - 1), "c"]
    assert read["n"].to_pylist() == list(range(N))


def test_no_rows(tmp_path):
    FRAME.iloc[:0].to_hdf(tmp_path / "fixed.h5", key="df")
    read = formats.read(tmp_path / "fixed.h5", "hdf5", ["eta", "signal"])
    assert (len(read), read["eta"].type, read["signal"].type) == (0, "float", "bool")
    with pytest.warns(UserWarning, match="empty DataFrame"):
        FRAME.iloc[:0].to_hdf(tmp_path / "table.h5", key="df", format="table")
    with pytest.raises(CardError, match="holds nothing"):
        formats.read(tmp_path / "table.h5", "hdf5", ["eta"])


@pytest.mark.parametrize("name", ["to_hdf_table.h5", "to_hdf_intcols.h5"])
def test_shared_files(data, name):
    expected = pd.read_hdf(data / name)
    read = formats.read(data / name, "hdf5", [*map(str, expected.columns)])
    np.testing.assert_array_equal(read.to_pandas().to_numpy(), expected.to_numpy())


def test_two_frames(tmp_path):
    for key in ("a", "b/c"):
        FRAME.to_hdf(tmp_path / "t.h5", key=key)
    with pytest.raises(CardError, match="holds a, b/c: state `table:`"):
        formats.read(tmp_path / "t.h5", "hdf5", ["pt"])
    assert len(formats.read(tmp_path / "t.h5", "hdf5", ["pt"], table="b/c")) == N


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (
            pd.Categorical(["a", "b"] * (N // 2)),
            r"column c is categorical: write it as text, by `.astype\(str\)`",
        ),
        (pd.to_datetime(["2020-01-01"] * N), "column c holds times"),
    ],
)
def test_what_is_no_number_or_text_is_refused(tmp_path, column, words):
    FRAME.assign(c=column).to_hdf(tmp_path / "t.h5", key="df", format="table")
    assert len(formats.read(tmp_path / "t.h5", "hdf5", ["pt"])) == N
    with pytest.raises(CardError, match=words):
        formats.read(tmp_path / "t.h5", "hdf5", ["pt", "c"])


class Payload:
    """An object whose pickle creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that is there once a payload has run."""
    return tmp_path / "it-ran"


@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_a_pickle_in_a_text_column_is_not_read(tmp_path, trap):
    frame = FRAME.assign(name=pd.Series([Payload(trap)] * N, dtype=object))
    frame.to_hdf(tmp_path / "t.h5", key="df", format="fixed")
    assert formats.read(tmp_path / "t.h5", "hdf5", ["pt"])["pt"].to_pylist() == FRAME["pt"].tolist()
    for columns in (["name"], ["pt", "name"], None):
        with pytest.raises(
            CardError, match=r'column name is text .* a pickle, .*`to_hdf\(..., format="table"\)`'
        ):
            formats.read(tmp_path / "t.h5", "hdf5", columns)
    assert not trap.exists()
    pd.read_hdf(tmp_path / "t.h5")
    assert trap.exists()  # the payload is one


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_a_pickle_in_an_attribute_is_not_read(tmp_path, trap, layout):
    FRAME.to_hdf(tmp_path / "t.h5", key="df", format=layout)
    pickled = np.bytes_(pickle.dumps(Payload(trap), protocol=0))
    with h5py.File(tmp_path / "t.h5", "a") as file:
        group = file["df"]
        nodes = [file, group, *(group[name] for name in group if isinstance(group[name], h5py.Dataset))]
        for node in nodes:
            for name in ("FLAVOR", "FILTERS", "info", "non_index_axes", "values_cols", "data_columns"):
                node.attrs[name] = pickled
    assert len(formats.read(tmp_path / "t.h5", "hdf5", ["pt"])) == N
    assert not trap.exists()
    with pytest.raises(Exception):  # noqa: B017, PT011  (whatever it stumbles over, after the payload ran)
        pd.read_hdf(tmp_path / "t.h5")
    assert trap.exists()


def test_a_pickle_in_place_of_names_is_refused(tmp_path, trap):
    FRAME.to_hdf(tmp_path / "t.h5", key="df", format="table")
    with h5py.File(tmp_path / "t.h5", "a") as file:
        pickled = pickle.dumps([Payload(trap)], protocol=0)
        file["df/table"].attrs["values_block_0_kind"] = np.bytes_(pickled)
    with pytest.raises(
        CardError, match=r"the names of its columns are not plain text: a pickle that calls .*: not read"
    ):
        formats.read(tmp_path / "t.h5", "hdf5", ["pt"])
    assert not trap.exists()
