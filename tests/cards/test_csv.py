"""CSV as people write it: separators, decimal commas, comments, long integers."""

from __future__ import annotations

import gzip

import pytest

from lblhep.cards import formats
from lblhep.errors import CardError


@pytest.fixture
def read(tmp_path):
    """Read a text as CSV."""

    def read(text: str, columns=("pt", "eta"), **options):
        (tmp_path / "t.csv").write_text(text)
        return formats.read(tmp_path / "t.csv", "csv", columns, **options).to_pydict()

    return read


GOOD = {"pt": [1.5, 2.5], "eta": [0.1, 0.2]}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("pt;eta\n1.5;0.1\n2.5;0.2\n", {"separator": ";"}),
        ("pt;eta\n1,5;0,1\n2,5;0,2\n", {"separator": ";", "decimal": ","}),
        ("pt\teta\n1.5\t0.1\n2.5\t0.2\n", {"separator": "\t"}),
        ("#: name: a, b\n#\n\npt,eta\n1.5,0.1\n# more, or less\n2.5,0.2\n", {"comment": "#"}),
        ("\ufeffpt, eta\n1.5,0.1\n2.5,0.2\n", {}),
        ("\n\npt,eta\n\n1.5,0.1\n2.5,0.2\n\n", {}),
        ("pt,no,no,eta\n1.5,x,y,0.1\n2.5,x,,0.2\n", {}),
    ],
)
def test_forms(read, text, options):
    assert read(text, **options) == GOOD


def test_a_compressed_file(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"# a\npt\n1.5\n"))
    assert formats.read(tmp_path / "t.csv.gz", "csv", ["pt"], comment="#").to_pydict() == {"pt": [1.5]}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("semicolon.csv", r', line 1: has no column pt, eta; it has pt;eta; .*; `separator: ";"` beside'),
        ("rivet_comments.csv", r', line 1: .*; `comment: "#"` beside the file in the card leaves out'),
        ("duplicate_header.csv", r", line 1: 2 of its columns are called pt: give each its own name"),
    ],
)
def test_messages_name_the_option(data, name, words):
    with pytest.raises(CardError, match=rf"{name}{words}") as caught:
        formats.read(data / name, "csv", ["pt", "eta"])
    assert "get it again" not in str(caught.value)


def test_the_shared_files_are_read_with_it(data):
    assert formats.read(data / "semicolon.csv", "csv", ["pt"], separator=";")["pt"].to_pylist() == [1.0]
    assert formats.read(data / "rivet_comments.csv", "csv", ["eta"], comment="#")["eta"].to_pylist() == [0.1]


def test_rows_of_other_lengths(read):
    with pytest.raises(
        CardError, match=r"t\.csv: cannot be read as csv: .*Expected 2 columns, got 3.*`comment:`"
    ):
        read("pt,eta\n1,2\n1,2,3\n")


def test_long_integers_stay_apart(data):
    ids = formats.read(data / "event_id_above_2e63.csv", "csv", ["pt"])["pt"].to_pylist()
    assert ids == [9223372036854775809, 9223372036854775811]


def test_a_long_integer_with_a_plus_sign(read):
    assert read("pt\n+9223372036854775809\n", ["pt"]) == {"pt": [9223372036854775809]}


def test_longer_integers_are_refused(read):
    with pytest.raises(CardError, match="column pt holds integers that do not fit in 64 bits"):
        read("pt\n18446744073709551617\n18446744073709551618\n", ["pt"])


def test_large_floats_stay_floats(read):
    assert read("pt\n1e300\n18446744073709551617\n", ["pt"]) == {"pt": [1e300, 18446744073709551617.0]}
    assert read("pt,eta\n1.5,inf\n,-inf\n")["pt"] == [1.5, None]


def test_without_a_header(read):
    with pytest.raises(CardError, match="holds no line that could name its columns"):
        read("\n# only this\n", comment="#")
