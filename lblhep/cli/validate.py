"""``lblhep validate``: every problem of a recipe at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lblhep.cli.console import say
from lblhep.errors import RecipeError


def validate(
    recipe: Annotated[Path, typer.Argument(help="A recipe, e.g. recipes/cwola.yaml.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", show_default=False)
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Only with this profile applied.")] = None,
    imports: Annotated[
        bool, typer.Option("--import/--no-import", help="Import the components and check their arguments.")
    ] = True,
) -> None:
    """Check a recipe, as it stands and with each of its profiles; print every problem with its line."""
    from lblhep.recipe import Recipe
    from lblhep.validate import problems

    plain = Recipe.read(recipe, overrides or (), profile)
    found = problems(plain, imports=imports)
    others = () if profile is not None else tuple(plain.profiles)
    for name in others:
        try:
            found = [*found, *problems(Recipe.read(recipe, overrides or (), name), imports=imports)]
        except RecipeError as error:
            found = [*found, *error.problems]
    if found:
        raise RecipeError(dict.fromkeys(found))  # a fault of the file shows with every profile: say it once
    checked = f" and with its profiles {', '.join(others)}" if others else ""
    say(f"{recipe}: valid{checked}: {plain.trials.total} trials")
