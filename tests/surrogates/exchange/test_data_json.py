"""apprentice's data files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates.exchange.bin_ids import number_bins
from lblhep.surrogates.exchange.data_json import read_data, write_data, write_measured
from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.reference import reference_table

finite = st.floats(allow_nan=False, allow_infinity=False)
ids = st.builds("/A{}/d01-x01-y01#{}".format, st.integers(0, 9), st.integers(0, 99))


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(ids, st.tuples(finite, finite.map(abs))))
def test_data_are_read_as_written(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("data") / "data.json"
    values, errors = zip(*data.values(), strict=True) if data else ((), ())
    write_data(path, list(data), values, errors)
    bins = read_data(path)
    assert dict(zip(bins.index, zip(bins["value"], bins["error"], strict=True), strict=True)) == data


def test_measured_bins_with_the_mean_of_their_errors(tmp_path):
    row = {
        "experiment": "ALEPH_1996_S3486095",
        "table": "d01-x01-y01",
        "x_low": 0.0,
        "x_high": 1.0,
        "value": 2.0,
    }
    bins = number_bins(reference_table([row | {"error_down": 0.1, "error_up": 0.3}]))
    write_measured(tmp_path / "data.json", bins)
    back = read_data(tmp_path / "data.json")
    assert back.index.tolist() == ["/ALEPH_1996_S3486095/d01-x01-y01#0"]
    assert back.iloc[0].tolist() == [2.0, 0.2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"/A/d01#0": [1.0, 0.1], "/A/d01#1": [1.0]}',
            r"/A/d01#1: \[1.0\] is no measurement; expected \[value",
        ),
        ('{"/A/d01#0": [1.0, -0.1]}', "/A/d01#0: .* is no measurement"),
        ('{"/A/d01#0": [NaN, 0.1]}', "/A/d01#0: .* is no measurement"),
        ('{"/A/d01#0": ["1", 0.1]}', "/A/d01#0: .* is no measurement"),
        ('{"/A/d01#0": [1, 1], "/A/d01#0": [2, 1]}', "/A/d01#0: this key is given twice"),
        ('{"/A/d01#0": [1, 1],\n', "line 2, column 1: not JSON"),
        ("[1, 2]", "a JSON list, not an object"),
    ],
)
def test_data_that_are_wrong(tmp_path, text, words):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=f"data.json: {words}"):
        read_data(path)


def test_nothing_half_written(tmp_path):
    path = tmp_path / "data.json"
    write_data(path, ["/A/d01#0"], [1.0], [0.1])
    with pytest.raises(FormatError, match="/A/d01#0: this bin stands twice"):
        write_data(path, ["/A/d01#0"] * 2, [1.0, 2.0], [0.1, 0.1])
    with pytest.raises(FormatError, match=r"/A/d01#1: \[nan, 0.1\] is no measurement"):
        write_data(path, ["/A/d01#1"], [float("nan")], [0.1])
    assert read_data(path).loc["/A/d01#0", "value"] == 1.0
    assert [file.name for file in tmp_path.iterdir()] == ["data.json"]
    with pytest.raises(FormatError, match="cannot be written: No such file or directory; make its folder"):
        write_data(tmp_path / "none" / "data.json", [], [], [])
