"""``lblhep validate``: print every problem of a recipe at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lblhep.cli.checked import checked_recipe
from lblhep.cli.console import say


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
    """Check a recipe, as it stands and with each of its profiles; print every problem with its line.

    A recipe is code: without --no-import the Python modules that it names are imported, which runs them.
    Validate so only what you trust.
    """
    plain = checked_recipe(recipe, overrides or (), profile, imports=imports, every_profile=profile is None)
    others = () if profile is not None else tuple(plain.profiles)
    checked = f" and with its profiles {', '.join(others)}" if others else ""
    say(f"{recipe}: valid{checked}: {plain.trials.total} trials")
