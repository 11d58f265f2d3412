"""``lblhep list``: the recipes, data cards and launches of the workspace."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lblhep.cli.console import console, new_table
from lblhep.cli.workspace import workspace_here
from lblhep.errors import LblhepError, RecipeError

if TYPE_CHECKING:
    from rich.table import Table


def list_(
    everything: Annotated[bool, typer.Option("--all", help="All launches, not the newest 20.")] = False,
) -> None:
    """List the workspace's recipes, data cards and launches."""
    workspace = workspace_here()
    for table in (_recipes(workspace), _cards(workspace), _launches(workspace, None if everything else 20)):
        console().print(table if table.row_count else f"{table.title}: none\n")


def _recipes(workspace: Path) -> Table:
    from lblhep.recipe import Recipe

    table = new_table("recipe", "trials", "profiles", "title", title="Recipes")
    for path in sorted((workspace / "recipes").glob("*.yaml")):
        name = str(path.relative_to(workspace))
        try:
            recipe = Recipe.read(path)
        except RecipeError as error:
            table.add_row(name, "", "", f"{len(error.problems)} problems: lblhep validate {name}")
            continue
        table.add_row(name, str(recipe.trials.total), " ".join(recipe.profiles), recipe.title)
    return table


def _cards(workspace: Path) -> Table:
    from lblhep.cards import list_cards, read_card

    table = new_table("data card", "columns", "title", title="Data cards")
    for name in list_cards(workspace):
        try:
            card = read_card(workspace, name)
        except LblhepError as error:
            table.add_row(name, "", str(error))
            continue
        table.add_row(name, str(len(card.columns)), card.title)
    return table


def _launches(workspace: Path, newest: int | None) -> Table:
    from lblhep.launch import LaunchView
    from lblhep.launch.directory import launches

    found = list(reversed(launches(workspace)))
    title = (
        "Launches"
        if newest is None or len(found) <= newest
        else f"Launches (newest {newest} of {len(found)})"
    )
    table = new_table("launch", "state", "started", title=title)
    for directory in found[:newest]:
        try:
            info = LaunchView(directory).info
        except LblhepError as error:
            table.add_row(directory.name, "unreadable", str(error))
            continue
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(info["started"]))
        table.add_row(directory.name, info["state"], started)
    return table
