"""Published data: YODA 1 and 2, HEPData's YAML and CSV, all to the same table."""

from __future__ import annotations

import gzip
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.hepdata_csv import read_hepdata_csv
from lblhep.surrogates.exchange.hepdata_yaml import read_hepdata_yaml
from lblhep.surrogates.exchange.reference import COLUMNS, symmetric_error, total_error
from lblhep.surrogates.exchange.yoda import read_yoda

# The first bins of ALEPH's sphericity, as Rivet 3 ships them: the END line lacks the version.
YODA1 = """BEGIN YODA_SCATTER2D_V2 /REF/ALEPH_1996_S3486095/d01-x01-y01
IsRef: 1
Path: /REF/ALEPH_1996_S3486095/d01-x01-y01
Title: ~
Type: Scatter2D
---
# xval\t xerr-\t xerr+\t yval\t yerr-\t yerr+
2.500000e-03\t2.500000e-03\t2.500000e-03\t1.236000e+01\t4.079216e-01\t4.079216e-01
7.500000e-03\t2.500000e-03\t2.500000e-03\t2.333000e+01\t2.549510e-01\t2.549510e-01
END YODA_SCATTER2D

BEGIN YODA_HISTO1D_V2 /REF/ALEPH_1996_S3486095/d02-x01-y01
---
Total   \tTotal   \t1\t1\t1\t1\t1
END YODA_HISTO1D_V2
"""

YODA2 = """BEGIN YODA_ESTIMATE1D_V3 /REF/OPAL_2004_S6132243/d01-x01-y01
IsRef: 1
Path: /REF/OPAL_2004_S6132243/d01-x01-y01
Title: "1 - T: thrust"
Type: Estimate1D
---
Edges(A1): [0.000000e+00, 1.000000e+00, 2.000000e+00, 3.000000e+00, 5.000000e+00]
MaskedBins: [2]
ErrorLabels: ["stat", "sys"]
# value      \terrDn(1)     \terrUp(1)     \terrDn(2)     \terrUp(2)
nan          \t---          \t---          \t---          \t---
1.000000e+00 \t-3.000000e-01\t3.000000e-01 \t-4.000000e-01\t0.000000e+00
9.000000e+00 \t-3.000000e-01\t3.000000e-01 \t-4.000000e-01\t0.000000e+00
nan          \t---          \t---          \t---          \t---
4.000000e+00 \t-1.000000e-01\t2.000000e-01 \t---          \t---
nan          \t---          \t---          \t---          \t---
END YODA_ESTIMATE1D_V3

BEGIN YODA_BINNEDESTIMATE<I>_V3 /REF/OPAL_2004_S6132243/d02-x01-y01
Type: BinnedEstimate<i>
---
Edges(A1): [2, 4]
ErrorLabels: [""]
# value
nan\t---\t---
1.5\t-0.1\t0.1
2.5\t-0.2\t0.3
END YODA_BINNEDESTIMATE<I>_V3
"""

YAML = """independent_variables:
- header: {name: X, units: GEV}
  values: [{low: 0, high: 0.5}, {low: 0.5, high: 1}, {value: 2}]
dependent_variables:
- header: {name: Y}
  qualifiers: [{name: SQRT(S), units: GEV, value: 91.2}]
  values:
  - {value: 10, errors: [{label: stat, symerror: 3%}, {label: sys, asymerror: {minus: -0.4, plus: 0.2}}]}
  - {value: '-'}
  - {value: 4.0e+0, errors: [{symerror: 1e-1}, {label: none, symerror: ''}]}
- header: {name: Z}
  values: [{value: 1}, {value: 2}, {value: 3, errors: [{asymerror: {minus: 0.3, plus: 0.4}}]}]
"""

CSV = """#: table_doi: 10.17182/hepdata.1.v1/t3
#: name: Table 3
#: SQRT(S) [GEV],,,91.2
X [GEV],X [GEV] LOW,X [GEV] HIGH,"Y, [PB]",stat +,stat -,sys +,sys -
0.25,0,0.5,10,3%,-3%,0.2,-0.4
0.75,0.5,1,-,,,,
2,2,2,4,0.1,-0.1,,

#: SQRT(S) [GEV],,,91.2
X [GEV],X [GEV] LOW,X [GEV] HIGH,Z,error +,error -
0.25,0,0.5,1,,
0.75,0.5,1,2,,
2,2,2,3,0.4,0.3
"""

OLD_CSV = """#: name: Table 3
'X IN GEV LOW','X IN GEV HIGH','Y','stat +','stat -','Z'
0.0,0.5,10.0,0.3,-0.3,1.0
0.5,1.0,11.0,0.4,-0.5,2.0
"""


def rows(bins: pd.DataFrame) -> list[tuple]:
    assert tuple(bins) == COLUMNS
    return [tuple(row) for row in bins.itertuples(index=False)]


def put(tmp_path, text: str):
    path = tmp_path / "table"
    path.write_text(text)
    return path


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_yoda_1_plain_and_compressed(tmp_path, pack):
    path = tmp_path / "ALEPH_1996_S3486095.yoda"
    path.write_bytes(pack(YODA1))
    assert rows(read_yoda(path)) == [
        ("ALEPH_1996_S3486095", "d01-x01-y01", 0, 0.0, 0.005, 12.36, 0.4079216, 0.4079216),
        ("ALEPH_1996_S3486095", "d01-x01-y01", 1, 0.005, 0.01, 23.33, 0.254951, 0.254951),
    ]


def test_yoda_2(tmp_path):
    """Outside, masked and empty bins are left out; YODA counts the empty one."""
    assert rows(read_yoda(put(tmp_path, YODA2))) == [
        ("OPAL_2004_S6132243", "d01-x01-y01", 0, 0.0, 1.0, 1.0, 0.5, 0.3),
        ("OPAL_2004_S6132243", "d01-x01-y01", 2, 3.0, 5.0, 4.0, 0.1, 0.2),
        ("OPAL_2004_S6132243", "d02-x01-y01", 0, 2.0, 2.0, 1.5, 0.1, 0.1),
        ("OPAL_2004_S6132243", "d02-x01-y01", 1, 4.0, 4.0, 2.5, 0.2, 0.3),
    ]


EXPECTED = [
    ("OPAL", "d03-x01-y01", 0, 0.0, 0.5, 10.0, 0.5, math.hypot(0.3, 0.2)),
    ("OPAL", "d03-x01-y01", 1, 2.0, 2.0, 4.0, 0.1, 0.1),
    ("OPAL", "d03-x01-y02", 0, 0.0, 0.5, 1.0, 0.0, 0.0),
    ("OPAL", "d03-x01-y02", 1, 0.5, 1.0, 2.0, 0.0, 0.0),
    ("OPAL", "d03-x01-y02", 2, 2.0, 2.0, 3.0, 0.0, 0.4),
]


@pytest.mark.parametrize(("text", "read"), [(YAML, read_hepdata_yaml), (CSV, read_hepdata_csv)])
def test_hepdata(tmp_path, text, read):
    assert rows(read(put(tmp_path, text), experiment="OPAL", number=3)) == EXPECTED


def test_hepdata_csv_of_old(tmp_path):
    bins = read_hepdata_csv(put(tmp_path, OLD_CSV), experiment="OPAL", number=3)
    assert rows(bins)[1:3] == [
        ("OPAL", "d03-x01-y01", 1, 0.5, 1.0, 11.0, 0.5, 0.4),
        ("OPAL", "d03-x01-y02", 0, 0.0, 0.5, 1.0, 0.0, 0.0),
    ]


def swapped(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (swapped(YODA1, "1.236000e+01", "twelve"), "line 8: 'twelve' is no number"),
        (swapped(YODA1, "\t1.236000e+01", ""), "line 8: 5 columns in a point"),
        (
            swapped(YODA1, "/REF/ALEPH_1996_S3486095/d01-x01-y01\n", "/d01\n"),
            "line 1: the path '/d01' names no",
        ),
        (YODA1[:-30], "line 12: /REF/ALEPH_1996_S3486095/d02-x01-y01 has no END"),
        (YODA1[YODA1.index("BEGIN YODA_H") :], "holds YODA_HISTO1D_V2, and no bin with a value; expected"),
        ("", "holds nothing"),
    ],
)
def test_yoda_that_is_wrong(tmp_path, text, words):
    with pytest.raises(FormatError, match=words.replace("(", r"\(").replace(")", r"\)")):
        read_yoda(put(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words", "good"),
    [
        (swapped(YODA2, ", 5.000000e+00]", "]"), "line 1: 6 rows for 4 edges", "d02-x01-y01"),
        (swapped(YODA2, "Edges(A1)", "Edges(B1)"), "has no Edges(A1)", "d02-x01-y01"),
        (swapped(YODA2, "[2, 4]", '["two", 4]'), "line 19: 'two' among Edges(A1) of", "d01-x01-y01"),
        (swapped(YODA2, "[2, 4]", "[null, 4]"), "line 19: None among Edges(A1) of", "d01-x01-y01"),
        (swapped(YODA2, '["stat", "sys"]', "stat"), "line 1: ErrorLabels of .* is no list", "d02-x01-y01"),
        (swapped(YODA2, '["stat", "sys"]', '["stat"]'), "line 12: 5 columns for 1 sources", "d02-x01-y01"),
    ],
)
def test_one_of_two_tables_that_is_wrong(tmp_path, text, words, good):
    """The other is read, and the wrong one is named; alone it is refused."""
    with pytest.warns(UserWarning, match=words.replace("(", r"\(").replace(")", r"\)")):
        bins = read_yoda(put(tmp_path, text))
    assert bins["table"].unique().tolist() == [good]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "line [12]: not YAML"),
        ("- 1", "independent_variables: there is no such list"),
        (swapped(YAML, ", {value: 2}]", "]"), r"dependent_variables\[0\]: 3 values for 2 bins"),
        (
            swapped(YAML, "{value: 2}", "{high: 2}"),
            r"independent_variables\[0\].values\[2\]: .* neither a bin nor",
        ),
        (
            swapped(YAML, "symerror: 3%", "symerror: x"),
            r"dependent_variables\[0\].values\[0\].errors\[0\]: the er",
        ),
        (
            swapped(YAML, "symerror: 1e-1", "error: 1"),
            r"dependent_variables\[0\].values\[2\].errors\[0\]: .* is no",
        ),
        (
            swapped(YAML, "dependent_variables:\n- h", "dependent_variables:\n- {}\n- h"),
            "2 independent variables",
        ),
    ],
)
def test_yaml_that_is_wrong(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read_hepdata_yaml(put(tmp_path, text), experiment="OPAL", number=3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#: name: Table 3\n", "there is no table in this file"),
        (swapped(CSV, "0.25,0,0.5,10,", "0.25,0,10,"), "line 5: 7 cells for 8 columns"),
        (swapped(CSV, ",3%,", ",x,"), "line 5: the error 'x' is neither"),
        (swapped(CSV, "0.25,0,", "0.25,a,"), "line 5: 'a' to '0.5' is no bin"),
        (swapped(CSV, "stat -,", "stat,"), r"line 4: no column stat - after stat \+"),
        (swapped(CSV, '"Y, [PB]"', "Y LOW"), "line 4: bins in several variables"),
        ("X,X LOW,X HIGH\n1,0,2\n", "line 1: no column of values"),
    ],
)
def test_csv_that_is_wrong(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read_hepdata_csv(put(tmp_path, text), experiment="OPAL", number=3)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        read_yoda(tmp_path / "none.yoda")
    broken = tmp_path / "broken.yoda.gz"
    broken.write_bytes(gzip.compress(YODA1.encode())[:-20])
    with pytest.raises(FormatError, match=r"broken.yoda.gz: cannot be read: .* fetch it again"):
        read_yoda(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="byte 0: this is no text"):
        read_yoda(broken)


numbers = st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.6e}"))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(numbers, st.floats(0, 1e3), st.floats(0, 1e3)), min_size=1, max_size=8))
def test_yoda_of_both_versions_and_hepdata_agree(tmp_path_factory, measured):
    """The same bins, written as each of the formats would, are read the same."""
    folder, (first, *_) = tmp_path_factory.mktemp("formats"), measured
    place = "/REF/OPAL/d03-x01-y01"
    edges = list(range(len(measured) + 1))
    points = "".join(f"{i + 0.5} 0.5 0.5 {v!r} {d!r} {u!r}\n" for i, (v, d, u) in enumerate(measured))
    estimates = "".join(f"{v!r} {-d!r} {u!r}\n" for v, d, u in measured)
    cells = "".join(f"{i + 0.5},{i},{i + 1},{v!r},{u!r},{-d!r}\n" for i, (v, d, u) in enumerate(measured))
    yaml = "".join(
        f"  - {{value: {v!r}, errors: [{{asymerror: {{minus: {-d!r}, plus: {u!r}}}}}]}}\n"
        for v, d, u in measured
    )
    bounds = ", ".join(f"{{low: {i}, high: {i + 1}}}" for i in edges[:-1])
    texts = {
        read_yoda: f"BEGIN YODA_SCATTER2D_V2 {place}\n---\n{points}END YODA_SCATTER2D_V2\n",
        lambda path: read_yoda(path): (
            f'BEGIN YODA_ESTIMATE1D_V3 {place}\n---\nEdges(A1): {edges}\nErrorLabels: ["stat"]\n'
            f"nan --- ---\n{estimates}nan --- ---\nEND YODA_ESTIMATE1D_V3\n"
        ),
        lambda path: read_hepdata_csv(
            path, experiment="OPAL", number=3
        ): f"X,X LOW,X HIGH,Y,e +,e -\n{cells}",
        lambda path: read_hepdata_yaml(path, experiment="OPAL", number=3): (
            f"independent_variables: [{{values: [{bounds}]}}]\ndependent_variables:\n- values:\n{yaml}"
        ),
    }
    tables = [read(put(folder, text)) for read, text in texts.items()]
    assert tables[0]["value"][0] == first[0]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)


def test_errors_in_quadrature():
    assert total_error([(-3, 3), (-4, 4)]) == (5, 5)
    assert total_error([(0.1, -0.2)]) == (0.2, 0.1)  # up varies the value down
    assert total_error([(0.1, 0.2)]) == (0, 0.2)  # both vary it up
    assert total_error([]) == (0, 0)


def test_one_error_for_a_chi2():
    assert symmetric_error([0.1, 0.2], [0.3, 0.2]).tolist() == [0.2, 0.2]
