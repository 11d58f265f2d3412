"""``lblhep run --dry-run``: what would run, and about how long it would take."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.cli.console import as_typed, console, duration, new_table, say
from lblhep.errors import LaunchError

if TYPE_CHECKING:
    from lblhep.recipe import Recipe

SHOWN_VALUES = 6


def print_plan(recipe: Recipe) -> None:
    """Trials, packs, groups, axes, data cards, digest and a time estimate of a valid recipe."""
    trials = recipe.trials
    say(f"{recipe.study}: {recipe.title}" if recipe.title else recipe.study)
    say(f"digest:   {recipe.digest()}")
    say(f"trials:   {trials.total} ({trials.kind})")
    say(f"packs:    {_packs(recipe)}")
    say(f"groups:   {_groups(recipe)}")
    cards = [f"{name} from {component.card}" for name, component in recipe.datasets.items() if component.card]
    say(f"data:     {', '.join(cards) or 'no data cards'}")
    if trials.axes_of_trial:
        table = new_table("axis", "values", "address")
        for name, axis in {**getattr(trials, "axes", {}), **_searched(trials)}.items():
            table.add_row(name, _values(axis), axis.path)
        console().print(table)
    say(f"time:     {estimate(recipe)}")
    say("valid; nothing was run")


def estimate(recipe: Recipe) -> str:
    """From the packs of the study's newest launch that has some: seconds a trial, over the workers here."""
    from lblhep.launch import LaunchView
    from lblhep.launch.directory import launches

    workers = max(1, (os.cpu_count() or 1) // recipe.resources.cpu)
    for directory in reversed(launches(recipe.workspace)):
        try:
            study = LaunchView(directory).info["study"]
        except LaunchError:  # unreadable: `lblhep list` says so
            continue
        if study != recipe.study:
            continue
        per_trial = _seconds_a_trial(directory)
        if per_trial is None:
            continue
        packs = math.ceil(recipe.trials.total / _trials_a_pack(recipe))
        seconds = per_trial * recipe.trials.total / min(workers, packs)
        return (
            f"about {duration(seconds)} on {workers} workers, at {per_trial:.2g} s a trial as in "
            f"{directory.name} (other epochs, sizes or machines change that)"
        )
    profile = " --profile smoke" if "smoke" in recipe.profiles else ""
    return f"unknown before a first launch of this study: try lblhep run {as_typed(recipe.file)}{profile}"


def _seconds_a_trial(directory: Path) -> float | None:
    from lblhep.launch import packs

    abouts = [packs.read_about(directory, pack) for pack in packs.committed(directory)]
    timed = [(about["seconds"], len(about["trials"])) for about in abouts if "seconds" in about]
    total = sum(trials for _, trials in timed)
    return sum(seconds for seconds, _ in timed) / total if total else None


def _trials_a_pack(recipe: Recipe) -> int:
    trials = recipe.trials
    return trials.replicates_total if trials.kind == "search" else getattr(trials, "pack", 1)


def _packs(recipe: Recipe) -> str:
    if recipe.trials.kind == "search":
        return f"{recipe.trials.points}, one a point: {recipe.trials.replicates_total} replicates each"
    from lblhep.components import load
    from lblhep.trials import plan

    sizes = [len(pack.trials) for pack in plan(recipe, _batches_over(load(recipe.task.use))).packs]
    each = str(max(sizes)) if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    return f"{len(sizes)} of {each} trials, each on {recipe.resources.cpu} CPU" + (
        f" and {recipe.resources.gpu:g} GPU" if recipe.resources.gpu else ""
    )


def _groups(recipe: Recipe) -> str:
    if recipe.trials.kind == "search":
        return f"{recipe.trials.points}, one a point"
    if recipe.groups is None:
        return "none"
    axes = getattr(recipe.trials, "axes", {})
    number = math.prod(len(axes[name].points) for name in recipe.groups.by)
    return f"{number}, by {', '.join(recipe.groups.by)}" if recipe.groups.by else "1, of all trials"


def _batches_over(task: Any) -> tuple[str, ...]:
    return tuple(getattr(task, "batches_over", ()))


def _searched(trials: Any) -> dict[str, Any]:
    return {**trials.space, **trials.replicates} if trials.kind == "search" else {}


def _values(axis: Any) -> str:
    """An axis's values, or a searched dimension's prior."""
    for prior in ("uniform", "log_uniform", "int_uniform"):
        bounds = getattr(axis, prior, None)
        if bounds is not None:
            return f"{prior} in [{bounds[0]:g}, {bounds[1]:g}]"
    points: Sequence[Any] = axis.choices if hasattr(axis, "choices") else axis.points
    shown = ", ".join(str(value) for value in points[:SHOWN_VALUES])
    return f"{len(points)}: {shown}" + (", ..." if len(points) > SHOWN_VALUES else "")
