"""Read a recipe for a verb: check everything that can be checked, and report all faults at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.errors import Problem, RecipeError

if TYPE_CHECKING:
    from lblhep.recipe import Recipe


def checked_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    profile: str | None = None,
    *,
    imports: bool = True,
    every_profile: bool = False,
) -> Recipe:
    """Return the recipe if it is sound.

    Args:
        path: the recipe's file.
        overrides: ``a.b.c=value``.
        profile: the profile to apply; None for none.
        imports: also import the components and check their arguments.
        every_profile: check the recipe also with each of its profiles.

    Raises:
        RecipeError: it holds all faults of form, components, cards and axes, in the order of their lines.
    """
    from lblhep.recipe import Recipe

    survey = Recipe.survey(path, overrides, profile)
    recipe, found = survey[0], _problems(survey, imports)
    if every_profile and recipe is not None:
        for each in Recipe.survey_profiles(path, overrides, recipe.profiles):
            found += _problems(each, imports)
    if found or recipe is None:
        # A fault of the file shows with every profile: it is said once.
        raise RecipeError(sorted(dict.fromkeys(found), key=lambda problem: _place(problem, str(path))))
    return recipe


def _problems(survey: tuple[Recipe | None, list[Problem], frozenset[str]], imports: bool) -> list[Problem]:
    """Return the faults of a recipe's form and those of its sound parts."""
    from lblhep.recipe import lies_in
    from lblhep.validate import problems

    recipe, found, gone = survey
    if recipe is None:
        return found
    return [*found, *(each for each in problems(recipe, imports) if not lies_in(each.path, gone))]


def _place(problem: Problem, recipe: str) -> tuple[bool, bool, str, int, int]:
    """Sort by line, the recipe's own before its cards', and last what has no line (the command line's)."""
    return problem.line == 0, problem.file != recipe, problem.file, problem.line, problem.column
