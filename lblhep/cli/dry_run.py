"""``lblhep run --dry-run``: what would run, and about how long it would take."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.cli.console import console, duration, new_table, say
from lblhep.errors import LblhepError

if TYPE_CHECKING:
    from lblhep.recipe import Recipe
    from lblhep.trials import Plan

SHOWN_VALUES = 6


def print_plan(recipe: Recipe) -> None:
    """Print trials, packs, groups, axes, data cards, digest and a time estimate of a valid recipe."""
    trials, sizes = recipe.trials, _plan(recipe).sizes
    say(f"{recipe.study}: {recipe.title}" if recipe.title else recipe.study)
    say(f"digest:   {recipe.digest()}")
    say(f"trials:   {trials.total} ({trials.kind})")
    say(f"packs:    {_packs(recipe, sizes)}")
    say(f"groups:   {_groups(recipe, sizes)}")
    cards = [f"{name} from {component.card}" for name, component in recipe.datasets.items() if component.card]
    say(f"data:     {', '.join(cards) or 'no data cards'}")
    if trials.axes_of_trial:
        table = new_table("axis", "values", "address")
        for name, axis in trials.dimensions.items():
            table.add_row(name, _values(axis), axis.path)
        console().print(table)
    say(f"time:     {estimate(recipe, sizes)}")
    say("valid; nothing was run")


def estimate(recipe: Recipe, sizes: list[int]) -> str:
    """Say how long packs of these sizes take, at the seconds a trial of the newest launch of such trials."""
    from lblhep.launch import LaunchView
    from lblhep.launch.store.directory import launches

    workers = max(1, (os.cpu_count() or 1) // recipe.resources.cpu)
    for directory in reversed(launches(recipe.workspace)):
        try:
            alike = _settings(LaunchView(directory).recipe) == _settings(recipe)
            per_trial = _seconds_a_trial(directory, max(sizes)) if alike else None
        except LblhepError:  # unreadable: ``lblhep list``, or ``compare``, says so
            continue
        if per_trial is None:
            continue
        seconds = per_trial * recipe.trials.total / min(workers, len(sizes))
        return (
            f"about {duration(seconds)} on {workers} workers, at {per_trial:.2g} s a trial as in "
            f"{directory.name} (other machines, and other values on the axes, change that)"
        )
    return (
        "unknown: no launch has run with these settings of task, data sets and models in packs of "
        f"{max(sizes)}; a launch says how long it will take once its first packs are done"
    )


def _settings(recipe: Recipe) -> dict[str, Any]:
    """Return what a trial's time depends on: not how many there are, but what each of them does."""
    return recipe.model_dump(include={"study", "datasets", "models", "task", "resources"})


def _seconds_a_trial(directory: Path, size: int) -> float | None:
    """Return the seconds a trial took in the launch's packs of this size without a failure; None if there are
    none."""
    from lblhep.launch.store import packs

    whole = (pack for pack in packs.committed(directory) if not packs.read_failures(directory, pack))
    abouts = [packs.read_about(directory, pack) for pack in whole]
    timed = [about["seconds"] for about in abouts if "seconds" in about and len(about["trials"]) == size]
    return sum(timed) / (len(timed) * size) if timed else None


def _plan(recipe: Recipe) -> Plan:
    from lblhep.components import load
    from lblhep.trials import plan

    return plan(recipe, tuple(getattr(load(recipe.task.use), "batches_over", ())))


def _packs(recipe: Recipe, sizes: list[int]) -> str:
    if recipe.trials.objective is not None:
        return f"{len(sizes)}, one a point: {sizes[0]} replicates each"
    each = str(max(sizes)) if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    return f"{len(sizes)} of {each} trials, each on {recipe.resources.cpu} CPU" + (
        f" and {recipe.resources.gpu:g} GPU" if recipe.resources.gpu else ""
    )


def _groups(recipe: Recipe, sizes: list[int]) -> str:
    if recipe.trials.objective is not None:
        return f"{len(sizes)}, one a point"
    if recipe.groups is None:
        return "none"
    number = math.prod(len(recipe.trials.listed_axes[name].points) for name in recipe.groups.by)
    return f"{number}, by {', '.join(recipe.groups.by)}" if recipe.groups.by else "1, of all trials"


def _values(axis: Any) -> str:
    """Return an axis's values, or a searched dimension's prior."""
    for prior in ("uniform", "log_uniform", "int_uniform"):
        bounds = getattr(axis, prior, None)
        if bounds is not None:
            return f"{prior} in [{bounds[0]:g}, {bounds[1]:g}]"
    points: Sequence[Any] = axis.choices if hasattr(axis, "choices") else axis.points
    shown = ", ".join(str(value) for value in points[:SHOWN_VALUES])
    return f"{len(points)}: {shown}" + (", ..." if len(points) > SHOWN_VALUES else "")
