"""``lblhep freeze``: turn a launch, or one trial's run, back into a recipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lblhep.cli.console import say
from lblhep.cli.workspace import find_launch, workspace_here

if TYPE_CHECKING:
    from lblhep.launch import LaunchView
    from lblhep.recipe import Recipe

RUN_ID = re.compile(r"[0-9a-f]{32}")


def freeze(
    name: Annotated[str, typer.Argument(metavar="LAUNCH|RUN_ID", help="A launch, or an MLflow run's id.")],
) -> None:
    """Print the recipe that makes a launch, or a single trial of it, again.

    It is written anew from what the launch has stored: profile and overrides are applied, the original
    file's comments, layout and other profiles are not in it.
    """
    trial = None
    if RUN_ID.fullmatch(name):
        from lblhep.tracking import find_run

        name, trial = find_run(workspace_here(), name)
    launch = find_launch(name)
    say((launch.recipe if trial is None else recipe_of(launch, trial)).to_yaml().rstrip())


def recipe_of(launch: LaunchView, trial: str) -> Recipe:
    """Make one trial a recipe of its own: axis values filled in, no groups, the default report."""
    from lblhep.recipe import Recipe

    left_out = ("groups", "report", "profiles")
    at_point = launch.recipe.at(_point(launch, trial)).values
    values = {name: value for name, value in at_point.items() if name not in left_out}
    return Recipe.model_validate({**values, "trials": {"kind": "single"}})


def _point(launch: LaunchView, trial: str) -> dict[str, Any]:
    """Return a trial's axis values; those of a search's point are what its pack has recorded."""
    from lblhep.launch.store import packs
    from lblhep.trials import SearchPlan, plan

    planned = plan(launch.recipe, ())
    pack, point = planned.pack_holding(trial), None
    if isinstance(planned, SearchPlan):
        point = packs.read_point(launch.directory / "packs" / pack)
    return next(one.point for one in planned.pack_of(pack, point).trials if one.id == trial)
