"""Names of bins here and elsewhere."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates.exchange.bin_ids import (
    Bin,
    bin_id,
    ids_of,
    number_bins,
    parse_bin_id,
    places_of,
    split_path,
)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("/ALEPH_1996_S3486095/d01-x01-y01#3", Bin("ALEPH_1996_S3486095", "d01-x01-y01", 3)),
        ("/DELPHI_1996_S3430090/d35-x01-y01#0", Bin("DELPHI_1996_S3430090", "d35-x01-y01", 0)),
        ("/OPAL_2004_S6132243/d01-x01-y01#12", Bin("OPAL_2004_S6132243", "d01-x01-y01", 12)),
    ],
)
def test_the_two_names_of_a_bin(name, place):
    assert parse_bin_id(name) == parse_bin_id(f"/REF{name}") == place
    assert bin_id(place) == name


words = st.from_regex(r"[A-Za-z0-9_:=.-]{1,12}", fullmatch=True).filter(lambda word: word != "REF")


@settings(deadline=None, max_examples=30)
@given(st.builds(Bin, words, words, st.integers(0, 999)))
def test_any_bin_comes_back(place):
    assert parse_bin_id(bin_id(place)) == place


@pytest.mark.parametrize("name", ["", "d01", "/A#1", "/A/d01", "/A/d01#", "/A/d01#x", "A/d01#1", "/A/d 1#1"])
def test_no_id_of_a_bin(name):
    with pytest.raises(ValueError, match="is no id of a bin: expected /ANALYSIS/table#number"):
        parse_bin_id(name)


def test_a_table_of_bins_comes_back_from_its_ids():
    places = pd.DataFrame({"experiment": ["A", "A"], "table": ["d01", "d02"], "bin": [1, 0]})
    assert ids_of(places) == ["/A/d01#1", "/A/d02#0"]
    pd.testing.assert_frame_equal(places_of(ids_of(places)), places)
    assert split_path("/REF/ALEPH_1996_S3486095/d01-x01-y01") == ("ALEPH_1996_S3486095", "d01-x01-y01")


def test_numbers_before_choosing():
    bins = pd.DataFrame({"experiment": "A", "table": ["d02", "d01", "d01"], "x_low": [5.0, 1.0, 0.0]})
    assert number_bins(bins)["bin"].tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="call number_bins on the whole card"):
        ids_of(bins)
