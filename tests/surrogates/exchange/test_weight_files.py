"""Weight files: what a line selects, round trips, lines that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.weight_files import (
    WeightRule,
    match_weights,
    read_weights,
    weight_rules,
    write_weights,
)

PATH = "/ALEPH_1996_S3486095/d01-x01-y01"
IDS = [f"{PATH}#{n}" for n in range(5)]
EDGES = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def weights_of(tmp_path, text: str) -> list[float]:
    (tmp_path / "weights.txt").write_text(text)
    return match_weights(read_weights(tmp_path / "weights.txt"), IDS, EDGES[:-1], EDGES[1:]).tolist()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{PATH} 2", [2, 2, 2, 2, 2]),
        (f"{PATH}#1 2", [0, 2, 0, 0, 0]),
        (f"{PATH}#1:3 2   # a remark", [0, 2, 2, 0, 0]),
        (f"{PATH}#:2\t2\t# a remark", [2, 2, 0, 0, 0]),
        (f"{PATH}#3: 2", [0, 0, 0, 2, 2]),
        (f"{PATH}@0.25 2", [0, 0, 2, 0, 0]),
        (f"{PATH}@0.15:0.25 2", [0, 2, 2, 0, 0]),
        ("/ALEPH 2", [2, 2, 2, 2, 2]),
        ("/.*d02 2", [0, 0, 0, 0, 0]),
        (f"# a remark\n\n/ALEPH 2\n{PATH}#0:2 0\n", [0, 0, 2, 2, 2]),
    ],
)
def test_what_a_line_selects(tmp_path, line, expected):
    assert weights_of(tmp_path, line) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (PATH, "line 2: 1 words; expected a path and a weight"),
        (f"{PATH} one", "line 2: the weight 'one' is no number >= 0"),
        (f"{PATH} -1", "the weight '-1' is no number >= 0"),
        (f"{PATH}@-0.5:0.5 1", "select negative x by number"),
        (f"{PATH}#1.5 1", "expected #2 or #2:5"),
        (f"{PATH}#3:3 1", "the range #3:3 is empty"),
        (f"{PATH}#1@2 1", "no path with a selection"),
        ("/(ALEPH 1", "is no regular expression"),
    ],
)
def test_a_line_that_is_wrong(tmp_path, line, words):
    with pytest.raises(FormatError) as error:
        weights_of(tmp_path, f"# weights\n{line}\n")
    assert words in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "weights.txt"))


ends = st.floats(0, 1e6, allow_nan=False).map(lambda x: round(x, 9))


@st.composite
def rules(draw) -> WeightRule:
    path = draw(st.from_regex(r"/[A-Z]{1,8}_[0-9]{4}(/d[0-9]{2}-x01-y01)?", fullmatch=True))
    weight, kind = draw(st.floats(0, 1e9)), draw(st.sampled_from(["", "#", "@"]))
    if not kind:
        return WeightRule(path, weight)
    low, high = sorted([draw(ends), draw(ends)])
    if kind == "#":
        low, high = float(int(low)), float(int(high))
    return WeightRule(path, weight, kind, low, draw(st.sampled_from([high, np.inf])))


@settings(deadline=None, max_examples=30)
@given(st.lists(rules(), max_size=5))
def test_rules_are_read_as_written(tmp_path_factory, given):
    path = tmp_path_factory.mktemp("weights") / "weights.txt"
    write_weights(path, given, header=["two\nlines"])
    assert read_weights(path) == given


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.tuples(st.sampled_from(["/A/d1", "/A/d10", "/B/d1"]), st.integers(0, 9)),
                       st.sampled_from([0.0, 0.25, 0.3, 1.0]), min_size=1))  # fmt: skip
def test_rules_of_a_chi2s_weights_give_them_back(tmp_path_factory, weights):
    """Squared, as apprentice does; to the last digit but one, which a square root can cost."""
    ids = [f"{path}#{number}" for path, number in weights]
    zeros = np.zeros(len(ids))
    given = list(weights.values())
    path = tmp_path_factory.mktemp("weights") / "weights.txt"
    write_weights(path, weight_rules(ids, given))
    back = match_weights(read_weights(path), ids, zeros, zeros) ** 2
    np.testing.assert_allclose(back, given, rtol=4e-16, atol=0)


def test_few_rules_for_many_bins():
    assert list(map(str, weight_rules(IDS, [1, 1, 1, 1, 1]))) == [f"{PATH} 1.0"]
    assert list(map(str, weight_rules(IDS, [1, 1, 0, 4, 4]))) == [
        f"{PATH} 0.0",
        f"{PATH}#0:2 1.0",
        f"{PATH}#2:3 0.0",
        f"{PATH}#3:5 2.0",
    ]


def test_a_rule_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "weights.txt"
    write_weights(path, [WeightRule(PATH, 1.0)])
    with pytest.raises(FormatError, match="select negative x by number"):
        write_weights(path, [WeightRule(PATH, 1.0, "@", -0.5, 0.5)])
    assert read_weights(path) == [WeightRule(PATH, 1.0)]
    assert [file.name for file in tmp_path.iterdir()] == ["weights.txt"]
    with pytest.raises(ValueError, match="cannot stand in a weight file"):
        weight_rules(["/A/d01(x)#0"], [1.0])
