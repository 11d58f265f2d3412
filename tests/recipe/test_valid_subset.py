"""What is left of a faulty recipe: its sound parts, all of them, and nothing that is only half there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lblhep.recipe import Recipe, Scan, lies_in

CASES = [
    ("seed: 2018", "seed: x", {"seed"}),
    ("seed: 2018", "sed: 1", {"sed"}),
    ("study: cwola\n", "", {"study"}),
    ("  expect: 200", "  expect: 20", set()),
    ("  expect: 200\n", "", {"trials.expect"}),
    ("  kind: scan", "  kind: scna", {"trials.kind", "trials", "groups.by"}),
    ("  max_epochs: 60", "  max_epochs: {use: 3}", {"task.max_epochs"}),
    ("  use: experiments.cwola.tasks:TrainEnsemble\n", "", {"task"}),
    ("by: [window]", "by: [windw]", {"groups.by"}),
    ("range: [0, 8]", "range: [8, 0]", {"trials.axes.window.range", "trials.axes.window", "groups.by"}),
    # An axis goes with the data set that it varies, and ``groups.by`` with the axis.
    (
        "    use: experiments.cwola.datasets:DijetWindow\n",
        "",
        {"datasets.dijets", "trials.axes.window.path", "trials.axes.window", "trials.axes.fold.path",
         "trials.axes.fold", "groups.by"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "gone"), CASES)
def test_what_is_faulty_goes_and_nothing_else(
    sample: str, tmp_path: Path, old: str, new: str, gone: set[str]
) -> None:
    assert sample.count(old) >= 1
    file = tmp_path / "recipe.yaml"
    file.write_text(sample.replace(old, new, 1))
    recipe, problems, left_out = Recipe.survey(file)
    assert problems
    assert recipe is not None
    assert left_out == gone
    assert recipe.models["classifier"].arguments["init"] == 0


def test_a_wrong_count_leaves_the_axes(sample: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(sample.replace("expect: 200", "expect: 20"))
    recipe, _, _ = Recipe.survey(file)
    assert recipe is not None
    assert isinstance(recipe.trials, Scan)
    assert recipe.trials.expect == 200


def test_a_search_without_groups_keeps_its_models(sample: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(sample)
    recipe, problems, _ = Recipe.survey(file, ["groups=null"], "tune")
    assert [each.path for each in problems] == ["trials.objective"]
    assert recipe is not None
    assert recipe.models.keys() == {"classifier"}


def test_a_sound_recipe_is_whole(read: Callable[..., Recipe], sample: str, tmp_path: Path) -> None:
    digest = read(sample).digest()
    recipe, problems, gone = Recipe.survey(tmp_path / "recipe.yaml")
    assert recipe is not None
    assert (recipe.digest(), problems, gone) == (digest, [], frozenset())


def test_addresses_inside_a_part() -> None:
    gone = frozenset({"task.a"})
    assert [lies_in(path, gone) for path in ("task.a", "task.a.b", "task.a[0]", "task.ab", "task")] == [
        True,
        True,
        True,
        False,
        False,
    ]
