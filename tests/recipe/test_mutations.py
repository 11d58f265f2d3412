"""Whatever happens to a recipe's text: a valid recipe or a list of problems, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lblhep.errors import RecipeError
from lblhep.recipe import Recipe
from lblhep.recipe.text import parse
from lblhep.recipe.writing import to_yaml

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., None]:
    """Reads a text, with options, and sees that it ends in one of the two ways."""

    def judge(text: str | bytes, **options: Any) -> None:
        file = tmp_path / "recipe.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        try:
            recipe = Recipe.read(file, **options)
        except RecipeError as error:
            problems = error.problems
        else:
            problems = ()
        if problems:
            assert all(problem.message and str(problem) for problem in problems)
        else:
            file.write_text(recipe.to_yaml(), encoding="utf-8")
            assert Recipe.read(file).digest() == recipe.digest()

    return judge


def places(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The address of everything inside a value."""
    inside: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [place for key, item in inside for place in ((*above, key), *places(item, (*above, key)))]


def holder(tree: Any, place: tuple[str | int, ...]) -> Any:
    for key in place[:-1]:
        tree = tree[key]
    return tree


@quick
@given(data=st.data())
def test_values_deleted_renamed_swapped(judge: Callable[..., None], sample: str, data: st.DataObject) -> None:
    tree = parse(sample, "sample").values
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(tree)
        place = data.draw(st.sampled_from(found))
        inside = holder(tree, place)
        match data.draw(st.sampled_from(["delete", "rename", "replace", "swap"])):
            case "delete":
                del inside[place[-1]]
            case "rename" if isinstance(inside, dict):
                inside[data.draw(st.text(max_size=6))] = inside.pop(place[-1])
            case "swap":
                other = data.draw(st.sampled_from(found))
                inside[place[-1]] = parse(to_yaml({"a": holder(tree, other)[other[-1]]}), "a").values["a"]
            case _:
                inside[place[-1]] = data.draw(values)
    try:
        text = to_yaml(tree)
    except (ValueError, TypeError):  # text that YAML cannot hold
        return
    judge(text, profile=data.draw(st.sampled_from([None, "smoke", "full", "tune"])))


@quick
@given(data=st.data())
def test_lines_deleted_doubled_indented(judge: Callable[..., None], sample: str, data: st.DataObject) -> None:
    lines = sample.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["delete", "double", "indent", "dedent"]))
        line = lines[index]
        new = {"delete": [], "double": [line, line], "indent": [f"  {line}"], "dedent": [line.strip()]}[
            change
        ]
        lines[index : index + 1] = new
    judge("\n".join(lines), profile=data.draw(st.sampled_from([None, "full"])))


@quick
@given(data=st.data())
def test_characters_inserted(judge: Callable[..., None], sample: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(sample)))
    judge(sample[:index] + data.draw(st.text(max_size=5)) + sample[index + data.draw(st.integers(0, 3)) :])


@quick
@given(content=st.binary(max_size=200))
def test_bytes(judge: Callable[..., None], content: bytes) -> None:
    judge(content)


addresses = st.lists(
    st.sampled_from(["task", "lr", "optimizer", "trials", "axes", "seed", "x", ""]), max_size=4
)


@quick
@given(address=addresses, value=st.text(max_size=10))
def test_overrides(judge: Callable[..., None], sample: str, address: list[str], value: str) -> None:
    judge(sample, overrides=[f"{'.'.join(address)}={value}"])


@quick
@given(point=st.dictionaries(st.sampled_from(["window", "fold", "init", "x"]), values))
def test_points(sample: str, tmp_path: Path, point: dict[str, Any]) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(sample)
    recipe = Recipe.read(file)
    with suppress(RecipeError):
        assert len(recipe.at(point).digest()) == 64
