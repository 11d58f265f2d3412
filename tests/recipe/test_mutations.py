"""Whatever happens to a recipe's text: a valid recipe or a list of problems, never anything else."""

from __future__ import annotations

import os
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
from tests.mutations import altered_characters, altered_lines, altered_values, values, yaml_or_nothing

quick = settings(
    max_examples=int(os.environ.get("LBLHEP_WILD_INPUTS", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
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


@quick
@given(data=st.data())
def test_values_deleted_renamed_swapped(judge: Callable[..., None], sample: str, data: st.DataObject) -> None:
    text = yaml_or_nothing(data.draw(altered_values(parse(sample, "sample").values)))
    if text is not None:
        judge(text, profile=data.draw(st.sampled_from([None, "smoke", "full", "tune"])))


@quick
@given(data=st.data())
def test_lines_deleted_doubled_indented(judge: Callable[..., None], sample: str, data: st.DataObject) -> None:
    judge(data.draw(altered_lines(sample)), profile=data.draw(st.sampled_from([None, "full"])))


@quick
@given(data=st.data())
def test_characters_inserted(judge: Callable[..., None], sample: str, data: st.DataObject) -> None:
    judge(data.draw(altered_characters(sample)))


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
