"""YAML 1.2 with positions, and texts that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from lblhep.errors import RecipeError
from lblhep.recipe.marks import Mark
from lblhep.recipe.text import MAX_FILE_BYTES, parse, parse_value, read_text


def values(text: str) -> object:
    return parse(text, "f.yaml").values


def fault(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(text, "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("-.inf", float("-inf")),
        ("'1'", "1"),
        ("2018-05-02", "2018-05-02"),
        ("1:30", "1:30"),
        ("[1, {a: .5}]", [1, {"a": 0.5}]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert values(f"a: {text}") == {"a": value}
    assert parse_value(text, "command line") == value


def test_every_key_has_its_place() -> None:
    marks = parse("a: 1\nb:\n  c: [x, {d: 2}]\n", "f.yaml").marks
    assert marks.nearest(("a",)) == Mark("f.yaml", 1, 1)
    assert marks.nearest(("b", "c")) == Mark("f.yaml", 3, 3)
    assert marks.nearest(("b", "c", 1, "d")) == Mark("f.yaml", 3, 11)


def test_aliases_repeat_a_value() -> None:
    assert values("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


def test_all_duplicates_are_reported() -> None:
    assert fault("a: 1\na: 2\nb: {c: 1, c: 2}").splitlines() == [
        "f.yaml:2:1: a: the key is given twice, first on line 1",
        "f.yaml:3:11: b.c: the key is given twice, first on line 3",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("# only a comment", "is empty"),
        ("- a", "is not a mapping"),
        ("just text", "is not a mapping"),
        ("a: [1, 2", "expected ',' or ']'"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: *nothing", "undefined alias"),
        ("a: &a [*a]", "contain itself"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: !!int x", "is not a number"),
        ("a: &b {c: 1}\nd: {<<: *b}", "merge keys"),
        ("? [1]\n: 2", "a key must be one word"),
        ("a: " + "9" * 5000, "is not a number"),
        ("a: 0x" + "f" * 5000, "64 bits"),
        ("a: \x07", "not YAML"),
        ("a: " + "[" * 100_000, "nested more than"),
        ("a: " + "{b: " * 60 + "}" * 60, "nested more than"),
        ("%YAML 9.1\n---\na: 1", "incompatible"),
    ],
)
def test_harmful_text_is_one_problem(text: str, says: str) -> None:
    assert says in fault(text)


def test_an_alias_bomb_does_not_go_off() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert "aliases" in fault("\n".join(lines))


def test_files_that_are_no_text(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(RecipeError, match="not a text file"):
        read_text(binary)
    with pytest.raises(RecipeError, match="no such file"):
        read_text(tmp_path / "absent.yaml")
    with pytest.raises(RecipeError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(100_000_000)  # sparse: takes no disk
    with pytest.raises(RecipeError, match="is 100,000 kB"):
        read_text(huge)
    assert MAX_FILE_BYTES < 1_000_000


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes("a: 1".encode("utf-8-sig"))
    assert values(read_text(file)) == {"a": 1}
