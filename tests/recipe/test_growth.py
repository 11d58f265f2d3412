"""What checking a large recipe costs: ten times as much of it, about ten times the CPU time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lblhep.cli.checked import checked_recipe
from lblhep.errors import RecipeError

TASK = "lblhep.tasks:Pipeline"
HEAD = "schema: lblhep/recipe@1\nstudy: x\nseed: 0\n"
SINGLE = f'{HEAD}task: {{use: "{TASK}", stages: {{}}}}\ntrials: {{kind: single}}\n'
MOST = 15
"""Times the cost of a tenth."""


def profiles(number: int) -> str:
    entries = "".join(f"  p{n}: {{title: t{n}, seed: {n}}}\n" for n in range(number))
    return f"{SINGLE}profiles:\n{entries}"


def axes(number: int, argument: str = "a") -> str:
    arguments = "".join(f", a{n}: 0" for n in range(number))
    entries = "".join(f"    a{n}: {{path: models.m.{argument}{n}, values: [{n}]}}\n" for n in range(number))
    head = SINGLE.partition("trials:")[0]
    model = f'models: {{m: {{use: "builtins:dict"{arguments}}}}}\n'
    return f"{head}{model}trials:\n  kind: scan\n  expect: 1\n  axes:\n{entries}"


def axes_that_name_nothing(number: int) -> str:
    return axes(number, argument="b")


def steps(number: int) -> str:
    """A dotted path of sixty times the number: 90,000 steps."""
    path = ".".join(["task", *["a"] * (60 * number)])
    axis = f"{{path: {path}, values: [1]}}"
    return f"{SINGLE.partition('trials:')[0]}trials: {{kind: scan, expect: 1, axes: {{a: {axis}}}}}\n"


@pytest.fixture
def seconds(tmp_path: Path) -> Callable[[str], float]:
    """CPU time of checking a text, its imports and all its profiles."""

    def seconds(text: str) -> float:
        file = tmp_path / "recipe.yaml"
        file.write_text(text)
        gc.collect()
        begin = time.process_time()
        with suppress(RecipeError):
            checked_recipe(file, every_profile=True)
        return time.process_time() - begin

    return seconds


@pytest.mark.parametrize("large", [profiles, axes, axes_that_name_nothing, steps])
def test_ten_times_as_much_costs_ten_times_as_much(
    seconds: Callable[[str], float], large: Callable[[int], str]
) -> None:
    """1,500 at most 15 times 150, the best of three: another process may have slowed one down."""
    seconds(large(10))  # imports
    small = min(seconds(large(150)) for _ in range(2))
    text = large(1500)
    ratios = []
    for _ in range(3):
        ratios.append(seconds(text) / small)
        if ratios[-1] <= MOST:
            break
    assert min(ratios) <= MOST


def test_the_large_recipes_are_sound_where_they_should_be(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    for text in (profiles(20), axes(20)):
        file.write_text(text)
        assert checked_recipe(file, every_profile=True).trials.total == 1
    file.write_text(steps(20))
    with pytest.raises(RecipeError, match=r"axes.a.path: has 1201 steps: no recipe is nested more than 50"):
        checked_recipe(file)
