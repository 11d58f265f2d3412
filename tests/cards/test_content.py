"""The content digest sees names, types, values and order of rows; nothing else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lblhep.cards import content_digest
from lblhep.errors import CardError

COLUMNS = {
    "a": np.arange(100, dtype=np.int32),
    "b": np.linspace(0, 1, 100, dtype=np.float32),
    "c": np.arange(100) % 3 == 0,
}
TABLE = pa.table(COLUMNS)
DIGEST = content_digest(TABLE)


def test_known_value():
    """Fixed for good: cards state digests."""
    table = pa.table(
        {"n": np.array([1, 2, 3], dtype=np.int16), "x": np.array([0.5, 1.5, -2], dtype=np.float32)}
    )
    assert content_digest(table) == "sha256:a43b453c1231cb34410d1b87fecffd1bd358247b291bcf6b8624ef6883d648e6"


@pytest.mark.parametrize("options", [{"row_group_size": 7}, {"compression": "none"}, {"version": "1.0"}])
def test_how_it_is_stored_does_not_matter(tmp_path, options):
    pq.write_table(TABLE.select(["c", "a", "b"]), tmp_path / "t.parquet", **options)
    assert content_digest(pq.read_table(tmp_path / "t.parquet")) == DIGEST
    assert content_digest(pa.concat_tables([TABLE.slice(0, 30), TABLE.slice(30)])) == DIGEST


@pytest.mark.parametrize(
    "other",
    [
        TABLE.rename_columns(["a", "b", "d"]),
        TABLE.slice(0, 99),
        TABLE.take(list(range(99, -1, -1))),
        TABLE.drop_columns(["c"]),
        pa.table(COLUMNS | {"a": COLUMNS["a"].astype(np.int64)}),
        pa.table(COLUMNS | {"b": np.nextafter(COLUMNS["b"], np.float32(2))}),
    ],
)
def test_what_it_says_does(other):
    assert content_digest(other) != DIGEST


def test_lists_survive_a_file(tmp_path):
    table = pa.table({"x": [[1.5], [2.5, 3.5]], "y": [[["a"]], [[], ["b", "c"]]]})
    pq.write_table(table, tmp_path / "lists.parquet")
    read = pq.read_table(tmp_path / "lists.parquet")
    assert str(read.schema) != str(table.schema)
    assert content_digest(read) == content_digest(table)


def test_strings_and_lists():
    def digest(*columns):
        return content_digest(pa.table({str(i): column for i, column in enumerate(columns)}))

    assert digest([[1.0, 2.0], [3.0]]) == digest([[1.0, 2.0], [3.0]])
    assert digest([[1.0, 2.0], [3.0]]) != digest([[1.0], [2.0, 3.0]])
    assert digest(["ab", "c"]) != digest(["a", "bc"])


@pytest.mark.parametrize("values", [[1.0, None, 0.0], [1, None, 0], ["a", None, ""], [True, None, False]])
def test_what_is_missing_enters(tmp_path, values):
    table = pa.table({"x": pa.array(values)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1)
    assert content_digest(pq.read_table(tmp_path / "t.parquet")) == content_digest(table)
    whole = pa.array([values[2] if value is None else value for value in values])
    other = pa.array([values[0], values[2], None])
    assert len({content_digest(pa.table({"x": x})) for x in (table["x"], whole, other)}) == 3


def test_a_missing_list_is_an_error():
    with pytest.raises(CardError, match="column x: 1 lists are missing"):
        content_digest(pa.table({"x": [[1.0], None]}))
