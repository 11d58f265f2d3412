"""YODA files that others wrote: headers of the first version, a broken table, a generator's histograms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.yoda import read_yoda

FILES = Path(__file__).parent / "files"

PROFILE = """BEGIN YODA_PROFILE1D{version} /A/d02-x01-y01
{header}
# xlow\txhigh\tsumw\tsumw2\tsumwx\tsumwx2\tsumwy\tsumwy2\tnumEntries
Total\tTotal\t0\t0\t0\t0\t0\t0\t0
Underflow\tUnderflow\t0\t0\t0\t0\t0\t0\t0
Overflow\tOverflow\t0\t0\t0\t0\t0\t0\t0
{rows}
END YODA_PROFILE1D{version}
"""
HISTOGRAM_2 = """BEGIN YODA_HISTO1D_V3 /A/d01-x01-y01
Path: /A/d01-x01-y01
Title: ~
Type: Histo1D
---
# Mean: 1.5
Edges(A1): [0.000000e+00, 5.000000e-01, 1.000000e+00, 3.000000e+00]
MaskedBins: [2]
# sumW       \tsumW2        \tsumW(A1)     \tsumW2(A1)    \tnumEntries
9.000000e+00 \t9.000000e+00 \t0.000000e+00 \t0.000000e+00 \t9.000000e+00
4.000000e+00 \t1.600000e+01 \t1.000000e+00 \t2.500000e-01 \t1.000000e+00
4.000000e+00 \t1.600000e+01 \t1.000000e+00 \t2.500000e-01 \t1.000000e+00
0.000000e+00 \t0.000000e+00 \t0.000000e+00 \t0.000000e+00 \t0.000000e+00
9.000000e+00 \t9.000000e+00 \t0.000000e+00 \t0.000000e+00 \t9.000000e+00
END YODA_HISTO1D_V3
"""


def put(tmp_path, text: str) -> Path:
    path = tmp_path / "run.yoda"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "points", "first"),
    [
        ("yoda1-hash-begin", 4, (0.15, 0.2, 1810.0, 243.01851781294363, 243.01851781294363)),
        ("yoda1-key-equals-value", 6, (0.0, 0.1, 1.532, 0.2213256, 0.2213256)),
        ("histo1d", 1, (0.0, 1.0, 1.0, 1.0, 1.0)),
    ],
)
def test_files_of_others(name, points, first):
    bins = read_yoda(FILES / f"{name}.yoda")
    assert len(bins) == points
    assert bins["table"].unique().tolist() == ["d01-x01-y01"]
    columns = ["x_low", "x_high", "value", "error_down", "error_up"]
    assert tuple(bins.loc[0, columns]) == first


def test_a_path_in_an_annotation_alone(tmp_path):
    text = (FILES / "yoda1-hash-begin.yoda").read_text()
    changed = text.replace("SCATTER2D /REF/ALICE_2012_I1127497/d01-x01-y01", "SCATTER2D")
    assert changed != text
    assert read_yoda(put(tmp_path, changed)).equals(read_yoda(FILES / "yoda1-hash-begin.yoda"))


def test_one_bad_table_is_named_and_the_good_one_read():
    with pytest.warns(UserWarning, match=r"refuses-all.yoda: line 7: the path '/RAW' names no table") as said:
        bins = read_yoda(FILES / "one-bad-table-refuses-all.yoda")
    assert len(said) == 1
    assert bins["experiment"].tolist() == ["GOOD_2000_I1"]


@pytest.mark.parametrize("x", ["nan", "inf"])
def test_an_edge_that_is_not_finite_spoils_its_table_alone(tmp_path, x):
    good = (FILES / "histo1d.yoda").read_text()
    bad = (FILES / "yoda1-hash-begin.yoda").read_text()
    row = next(line for line in bad.splitlines() if line[:1].isdigit())
    changed = bad.replace(row, "\t".join([x, *row.split()[1:]]))
    with pytest.warns(UserWarning, match="an edge of a point of .* is not finite"):
        bins = read_yoda(put(tmp_path, good + changed))
    assert len(bins) == 1


def test_a_table_that_stands_twice_is_read_once(tmp_path):
    text = (FILES / "histo1d.yoda").read_text()
    with pytest.warns(UserWarning, match=r"line 11: the table /A/d01-x01-y01 stands in line 1 already"):
        bins = read_yoda(put(tmp_path, text + text))
    assert len(bins) == 1


def test_histograms_that_rivet_has_not_normalised_are_passed_over(tmp_path):
    text = (FILES / "histo1d.yoda").read_text()
    raw = text.replace(" /A/", " /RAW/A/").replace("1\t1\t.5", "7\t7\t.5")
    assert "7\t7" in raw
    assert read_yoda(put(tmp_path, raw + text))["value"].tolist() == [1.0]
    with pytest.raises(FormatError, match="holds nothing, and no bin with a value"):
        read_yoda(put(tmp_path, raw))


def test_weighted_fills_of_a_histogram(tmp_path):
    weights, width = np.array([0.5, 1.5, 3.0]), 0.25
    row = f"0.5\t0.75\t{weights.sum()}\t{(weights**2).sum()}\t0\t0\t3"
    text = (FILES / "histo1d.yoda").read_text().replace(ROW, row)
    (height,) = read_yoda(put(tmp_path, text)).to_dict("records")
    assert height["value"] == weights.sum() / width
    assert height["error_down"] == height["error_up"] == math.sqrt((weights**2).sum()) / width


@pytest.mark.parametrize(("version", "header"), [("", "Type=Profile1D"), ("_V2", "Type: Profile1D\n---")])
def test_mean_and_standard_error_of_a_profile(tmp_path, version, header):
    """Unweighted fills have the error that numpy has; a bin filled once or never tells no error."""
    y = np.array([1.0, 2.0, 4.0, 9.0])
    n = len(y)
    rows = [
        f"0\t1\t{n}\t{n}\t0\t0\t{y.sum()}\t{(y**2).sum()}\t{n}",
        "1\t2\t1\t1\t0\t0\t3\t9\t1",
        "2\t3\t0\t0\t0\t0\t0\t0\t0",
        f"3\t4\t{2 * n}\t{4 * n}\t0\t0\t{2 * y.sum()}\t{2 * (y**2).sum()}\t{n}",  # all weights 2: the same
    ]
    text = PROFILE.format(version=version, header=header, rows="\n".join(rows))
    bins = read_yoda(put(tmp_path, text))
    assert bins["bin"].tolist() == [0, 3]
    assert bins["value"].tolist() == [y.mean(), y.mean()]
    assert bins["error_up"].to_numpy() == pytest.approx(y.std(ddof=1) / math.sqrt(n), rel=1e-14)


def test_weighted_fills_of_a_profile(tmp_path):
    w, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 2.0])
    wy, wy2 = (w * y).sum(), (w * y * y).sum()
    row = f"0\t1\t{w.sum()}\t{(w**2).sum()}\t0\t0\t{wy}\t{wy2}\t3"
    (bin_,) = read_yoda(put(tmp_path, PROFILE.format(version="", header="Type=Profile1D", rows=row))).to_dict(
        "records"
    )
    mean = np.average(y, weights=w)
    variance = (w * (y - mean) ** 2).sum() / (w.sum() - (w**2).sum() / w.sum())
    assert bin_["value"] == pytest.approx(mean, rel=1e-14)
    assert bin_["error_down"] == pytest.approx(math.sqrt(variance * (w**2).sum()) / w.sum(), rel=1e-14)


def test_a_histogram_of_the_third_version(tmp_path):
    """What lies outside and masked bins are left out; an empty bin is a height of 0."""
    bins = read_yoda(put(tmp_path, HISTOGRAM_2))
    assert bins[["x_low", "x_high", "value", "error_up"]].to_numpy().tolist() == [
        [0.0, 0.5, 8.0, 8.0],
        [1.0, 3.0, 0.0, 0.0],
    ]


ROW = "0.0\t1.0\t1\t1\t.5\t.25\t1"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0.0 1.0 1 1 .25 1", "line 9: 6 columns in a bin of /A/d01-x01-y01; expected 7"),
        ("1.0 1.0 1 1 .5 .25 1", "line 9: a bin of /A/d01-x01-y01 from 1 to 1"),
        ("0.0 1.0 1 -1 .5 .25 1", "sum of squared weights of -1; expected ascending"),
        ("0.0 1.0 one 1 .5 .25 1", "line 9: 'one' is no number"),
        ("", "holds YODA_HISTO1D_V2, and no bin with a value"),
    ],
)
def test_a_histogram_that_is_wrong(tmp_path, row, words):
    text = (FILES / "histo1d.yoda").read_text()
    assert ROW in text
    with pytest.raises(FormatError, match=words):
        read_yoda(put(tmp_path, text.replace(ROW, row)))
