"""``lblhep list``: show the recipes, data cards and launches of the workspace."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lblhep.cli.checked import checked_recipe
from lblhep.cli.console import console, new_table
from lblhep.cli.workspace import workspace_here
from lblhep.errors import LblhepError, RecipeError

if TYPE_CHECKING:
    from rich.table import Table

RECENT_LAUNCHES = 20
KILLED_NOTE = "killed: its driver ended without a word; the same command with --resume LAUNCH goes on.\n"


def list_(
    everything: Annotated[
        bool, typer.Option("--all", help=f"All launches, not the newest {RECENT_LAUNCHES}.")
    ] = False,
) -> None:
    """List the workspace's recipes, data cards and launches."""
    workspace = workspace_here()
    newest = None if everything else RECENT_LAUNCHES
    for table in (_recipes(workspace), _cards(workspace), launch_table(workspace, newest)):
        console().print(table if table.row_count else f"{table.title}: none\n")


def _recipes(workspace: Path) -> Table:
    """Check form, cards and axes; importing components and trying profiles would take too long here."""
    table = new_table("recipe", "trials", "profiles", "title", title="Recipes")
    for path in sorted((workspace / "recipes").glob("*.yaml")):
        name = str(path.relative_to(workspace))
        try:
            recipe = checked_recipe(path, imports=False)
        except RecipeError as error:
            number = len(error.problems)
            what = f"{number} problem{'s' if number > 1 else ''}"
            table.add_row(name, "", "", f"{what}: lblhep validate {name}")
            continue
        table.add_row(name, str(recipe.trials.total), " ".join(recipe.profiles), recipe.title)
    table.caption = "Components and profiles are not checked here: lblhep validate RECIPE does that.\n"
    table.caption_justify = "left"
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


def launch_table(workspace: Path, newest: int | None) -> Table:
    """Tabulate the launches, the newest first; ``newest`` says how many of them, None for all."""
    found = launch_states(workspace)
    title = (
        "Launches"
        if newest is None or len(found) <= newest
        else f"Launches (newest {newest} of {len(found)})"
    )
    table = new_table("launch", "state", "started", title=title)
    for name, now, started in found[:newest]:
        table.add_row(name, now, started)
        if now == "killed":
            table.caption = KILLED_NOTE
            table.caption_justify = "left"
    return table


def launch_states(workspace: Path) -> list[tuple[str, str, str]]:
    """Return the id, the state and the beginning (or why it cannot be read) of each launch, newest first."""
    from lblhep.launch.store.directory import launches
    from lblhep.launch.store.info import read_info, state

    found = []
    for directory in reversed(launches(workspace)):
        try:
            info = read_info(directory)
        except LblhepError as error:
            found.append((directory.name, "unreadable", str(error)))
            continue
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(info["started"]))
        found.append((directory.name, state(directory, info), started))
    return found
