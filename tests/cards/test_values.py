"""One rule for missing values, text and long integers, whichever format a table comes in."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import uproot

from lblhep.cards import formats, make, open_sample
from lblhep.errors import CardError, RecipeError

HEAD = """\
schema: lblhep/card@1
name: tiny
title: Tiny
licence: CC0-1.0
citation: none
columns:
  pt: {{unit: "1", role: {pt}, description: a number}}
  eta: {{unit: "1", role: {eta}, description: a number}}
"""


def write_root(path, columns):
    with uproot.recreate(path) as file:
        file.mktree("t", {name: values.dtype for name, values in columns.items()}).extend(columns)


def write_hdf5(path, columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values.astype(h5py.string_dtype()) if values.dtype.kind == "U" else values


WRITERS = {
    "parquet": lambda path, columns: formats.write_parquet(pa.table(columns), path),
    "root": write_root,
    "h5": write_hdf5,
    "csv": lambda path, columns: pyarrow.csv.write_csv(pa.table(columns), path),
    "npz": lambda path, columns: np.savez(path, **columns),
}
EVERY = pytest.mark.parametrize("suffix", WRITERS)
TEXT = pytest.mark.parametrize("suffix", ["parquet", "h5", "csv", "npz"])


@pytest.fixture
def opened(write_card, workspace):
    """Write columns as a file of a format, with a card, and open the data set."""

    def opened(suffix, columns, pt="observable", eta="observable"):
        WRITERS[suffix](
            workspace / "data_cards" / f"t.{suffix}", {n: np.asarray(v) for n, v in columns.items()}
        )
        write_card(
            f"sources: {{files: [{{path: t.{suffix}, sha256: null}}]}}\n", head=HEAD.format(pt=pt, eta=eta)
        )
        return open_sample(workspace, "tiny")

    return opened


HOLES = {"pt": [1.0, np.nan, -999.0, np.nan], "eta": [1, 2, 3, 4]}


@EVERY
@pytest.mark.parametrize("role", ["observable", "truth", "weight", "id"])
def test_nan_is_refused(opened, suffix, role):
    remedy = "mend the source$" if role in ("weight", "id") else "state `missing: allowed`"
    message = (
        rf"t\.{suffix} \(card tiny\): column pt: 2 of 4 values are missing .*, first in row 2; .*{remedy}"
    )
    with pytest.raises(CardError, match=message):
        opened(suffix, HOLES, pt=role)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nan.csv", r"column eta: 1 of 2 values is missing \(NaN or none\), first in row 1;"),
        ("nan.npz", r"column eta: 1 of 4 values is missing \(NaN or none\), first in row 1;"),
        ("fortran_D.csv", r"column pt: 2 of 2 values are text, such as '1\.0D\+02', first in row 1;"),
    ],
)
def test_the_shared_files(write_card, workspace, data, name, words):
    (workspace / "data_cards" / name).write_bytes((data / name).read_bytes())
    head = HEAD.format(pt="observable", eta="observable")
    write_card(f"sources: {{files: [{{path: {name}, sha256: null}}]}}\n", head=head)
    with pytest.raises(CardError, match=words):
        open_sample(workspace, "tiny")


@EVERY
def test_what_may_be_missing_is_null_on_disk_and_nan_in_memory(opened, suffix):
    sample = opened(suffix, HOLES, pt="observable, missing: allowed")
    assert sample.table()["pt"].to_pylist() == [1.0, None, -999.0, None]
    np.testing.assert_array_equal(sample.columns(["pt"])["pt"], [1.0, np.nan, -999.0, np.nan])


def test_text_of_which_all_is_missing_is_nan_in_memory(write_card, workspace):
    table = pa.table({"pt": pa.array([None, None], pa.string()), "eta": [1.0, 2.0]})
    formats.write_parquet(table, workspace / "data_cards" / "t.parquet")
    write_card(
        "sources: {files: [{path: t.parquet, sha256: null}]}\n",
        head=HEAD.format(pt="observable, missing: allowed", eta="observable"),
    )
    values = open_sample(workspace, "tiny").columns(["pt"])["pt"]
    assert values.dtype == np.float64
    assert np.isnan(values).all()


@EVERY
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
def test_a_sentinel(opened, suffix, kind):
    values = np.array([1, -999, 3, -999], dtype=kind)
    sample = opened(suffix, {"pt": values, "eta": values}, pt="truth, missing: -999")
    np.testing.assert_array_equal(sample.columns(["pt"])["pt"], [1, np.nan, 3, np.nan])
    assert sample.columns(["eta"])["eta"].tolist() == values.tolist()


@EVERY
def test_a_sentinel_is_rounded_as_the_file_does(opened, suffix):
    values = np.array([1, -99.9], dtype=np.float32)
    sample = opened(suffix, {"pt": values, "eta": [1, 2]}, pt="truth, missing: -99.9")
    assert sample.table()["pt"].null_count == 1


@EVERY
def test_a_sentinel_excuses_no_nan(opened, suffix):
    with pytest.raises(CardError, match="column pt: 2 of 4 values are missing"):
        opened(suffix, HOLES, pt="observable, missing: -999")


def test_a_sentinel_that_cannot_be(opened):
    with pytest.raises(CardError, match=r"column eta: is of type int64, which has no value -0\.5: correct"):
        opened("npz", HOLES | {"pt": [1, 2, 3, 4]}, eta="truth, missing: -0.5")


def test_booleans_may_be_missing(opened, workspace, write_card):
    table = pa.table({"pt": [True, None, False], "eta": [1, 2, 3]})
    formats.write_parquet(table, workspace / "data_cards" / "t.parquet")
    head = HEAD.format(pt="truth, missing: allowed", eta="id")
    write_card("sources: {files: [{path: t.parquet, sha256: null}]}\n", head=head)
    np.testing.assert_array_equal(open_sample(workspace, "tiny").columns(["pt"])["pt"], [1, np.nan, 0])


@pytest.mark.parametrize("role", ["weight", "id"])
def test_weights_and_ids_are_never_missing(write_card, role):
    with pytest.raises(RecipeError, match=f"a column of role {role} never lacks values: remove `missing:`"):
        write_card(head=HEAD.format(pt=f"{role}, missing: allowed", eta="id"))


@TEXT
@pytest.mark.parametrize("role", ["observable", "weight"])
def test_text_is_no_number(opened, suffix, role):
    words = (
        rf"column pt: 1 of 3 values is text, such as '1\.0D\+02', first in row 2; its role, {role}, is for"
    )
    with pytest.raises(CardError, match=words):
        opened(suffix, {"pt": ["1", "1.0D+02", " 2.5e-3"], "eta": [1, 2, 3]}, pt=role)


@TEXT
@pytest.mark.parametrize("role", ["truth", "id"])
def test_text_is_a_label(opened, suffix, role):
    assert opened(suffix, {"pt": ["W", "QCD"], "eta": [1, 2]}, pt=role).table()["pt"].to_pylist() == [
        "W",
        "QCD",
    ]


def test_a_decimal_comma_is_recognised(opened):
    with pytest.raises(CardError, match=r"such as '1,5', .*`decimal: \",\"` beside a CSV file"):
        opened("csv", {"pt": ["1,5", "2,5"], "eta": [1, 2]})


@EVERY
def test_no_rows(opened, suffix):
    with pytest.raises(CardError, match=r"t\..* \(card tiny\): holds no rows"):
        opened(suffix, {"pt": np.empty(0), "eta": np.empty(0)})


@EVERY
def test_ids_that_floats_cannot_tell_apart(opened, suffix):
    with pytest.raises(
        CardError, match=r"column pt: 1 of 2 values is at or beyond 2\^53, first in row 2; two such"
    ):
        opened(suffix, {"pt": [1.5, 2.0**53], "eta": [1, 2]}, pt="id")
    assert len(opened(suffix, {"pt": [1.5, 2.0**53], "eta": [1, 2]})) == 2


def test_ids_of_short_floats(opened):
    with pytest.raises(CardError, match=r"column pt: 2 of 2 values are at or beyond 2\^24"):
        opened("root", {"pt": np.array([2**24, 2**25], dtype=np.float32), "eta": [1, 2]}, pt="id")


@EVERY
def test_long_integers_stay_integers(opened, suffix):
    ids = np.array([2**63 + 1, 2**63 + 3], dtype=np.uint64)
    assert opened(suffix, {"pt": ids, "eta": ids}, pt="id").columns(["pt"])["pt"].tolist() == ids.tolist()


def test_long_integers_beside_missing_values(opened):
    with pytest.raises(CardError, match=r"column pt: 1 of 2 values is at or beyond 2\^53, first in row 1"):
        opened("npz", {"pt": np.array([2**53 + 1, -999]), "eta": [1, 2]}, pt="truth, missing: -999")


def test_lists(opened, write_card, workspace):
    table = pa.table({"pt": [[1.0], [], [2.0, np.nan], [np.nan, 3.0, np.nan]], "eta": [1, 2, 3, 4]})
    formats.write_parquet(table, workspace / "data_cards" / "t.parquet")
    write_card(
        "sources: {files: [{path: t.parquet, sha256: null}]}\n", head=HEAD.format(pt="observable", eta="id")
    )
    with pytest.raises(
        CardError, match=r"column pt: 2 of 4 values are missing .*, first in row 3; mend the source$"
    ):
        open_sample(workspace, "tiny")


def test_categories_are_text(opened, write_card, workspace):
    table = pa.table({"pt": pa.array(["a", "b", "a"]).dictionary_encode(), "eta": [1, 2, 3]})
    formats.write_parquet(table, workspace / "data_cards" / "t.parquet")
    write_card(
        "sources: {files: [{path: t.parquet, sha256: null}]}\n", head=HEAD.format(pt="truth", eta="id")
    )
    assert open_sample(workspace, "tiny").table()["pt"].to_pylist() == ["a", "b", "a"]


def test_times_are_refused(opened):
    with pytest.raises(
        CardError, match=r"column pt: is of type timestamp\[s\].*: a column holds numbers, text"
    ):
        opened("npz", {"pt": np.array(["2020-01-01"], dtype="datetime64[s]"), "eta": [1]})


@pytest.mark.parametrize("merge", ["", ", merge: 'holes:merge'"])
def test_producers_keep_the_rule(write_card, workspace, merge):
    (workspace / "holes.py").write_text(
        "import numpy as np\nimport pyarrow as pa\n"
        "def numbers(events):\n"
        "    pt = np.where(np.arange(len(events)) == 3, np.nan, 1)\n"
        "    return pa.table({'pt': pt, 'eta': np.ones(len(events))})\n"
        "def merge(tables):\n"
        "    return pa.concat_tables(tables)\n"
    )
    entry = f"{{use: 'holes:numbers'{merge}, events: 10, range: 10, seed: 1}}"
    card = write_card(f"sources: {{produce: [{entry}]}}\n", head=HEAD.format(pt="observable", eta="weight"))
    with pytest.raises(CardError, match=r"holes:.*: column pt: 1 of 10 values is missing .*, first in row 4"):
        make(card, serial=True)
    card = write_card(
        f"sources: {{produce: [{entry}]}}\n", head=HEAD.format(pt="truth, missing: allowed", eta="weight")
    )
    assert np.flatnonzero(np.isnan(make(card, serial=True).columns(["pt"])["pt"])).tolist() == [3]
