"""Resuming: which launch, and whether what it was made from is still the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.errors import LaunchError
from lblhep.launch.code import changed, code_digests
from lblhep.launch.data import fingerprints
from lblhep.launch.directory import LaunchDirectory, launches
from lblhep.trials import Pack, Plan

if TYPE_CHECKING:
    from lblhep.recipe import Recipe


def find(recipe: Recipe, name: str | None) -> LaunchDirectory:
    """The launch to resume: ``name`` (or its directory), or the newest unfinished one of the recipe's digest.

    Raises:
        LaunchError: there is none.
    """
    known = launches(recipe.workspace)
    if name is None:
        return _newest_unfinished(recipe, known)
    matching = [path for path in known if path.name == Path(name).name]
    if not matching:
        recent = ", ".join(path.name for path in reversed(known[-3:])) or "none"
        raise LaunchError(
            f"no launch {name!r} in {recipe.workspace / 'mlruns' / 'launches'}; newest: {recent}"
        )
    return LaunchDirectory(matching[0])


def _newest_unfinished(recipe: Recipe, known: list[Path]) -> LaunchDirectory:
    digest, others = recipe.digest(), []
    for path in reversed(known):
        try:
            candidate = LaunchDirectory(path)
        except LaunchError:  # one that is broken hinders no other; ``lblhep list`` shows it
            continue
        if candidate.info["state"] == "finished":
            continue
        if candidate.info["recipe_digest"] == digest:
            return candidate
        others.append(path.name)
    if others:
        raise LaunchError(
            f"no unfinished launch of this recipe (digest {digest[:12]}) to resume. Unfinished, "
            f"of other or changed recipes: {', '.join(others[:3])}. Use the same profile and overrides as "
            f"then, or name one: --resume {others[0]}"
        )
    raise LaunchError("no unfinished launch to resume; run without --resume")


def changes(recipe: Recipe, found: LaunchDirectory) -> dict[str, str]:
    """What is not as it was when the launch began (``recipe``, ``code``, ``data``), in words."""
    said = {}
    if found.info["recipe_digest"] != recipe.digest():
        said["recipe"] = (
            f"launch {found.id} was made from a recipe that differs from this one: compare with "
            f"{found.path / 'recipe.yaml'}, or use the same profile and overrides as then"
        )
    files = changed(found.info["code"], code_digests(recipe.workspace, recipe.study))
    if files:
        said["code"] = f"the code changed since launch {found.id} began: {_some(files)}"
    now = fingerprints(recipe)
    data = changed(found.info.get("data", now), now)
    if data:
        said["data"] = f"the data of these cards changed since launch {found.id} began: {_some(data)}"
    return said


def refuse(said: dict[str, str]) -> None:
    """Raises LaunchError if there are changes, with all of them."""
    if said:
        raise LaunchError(
            f"{'; '.join(said.values())}. Its finished packs came from the old: start anew without --resume, "
            "or --force to mix them"
        )


def kept_partition(planned: Plan, directory: LaunchDirectory) -> dict[str, Pack]:
    """The packs as they were cut when the launch began, whatever the task would batch now.

    Raises:
        LaunchError: the launch is of other trials.
    """
    trials = {trial.id: trial for trial in planned.trials}
    partition = directory.partition or {}
    if {trial for ids in partition.values() for trial in ids} != trials.keys():
        raise LaunchError(
            f"launch {directory.id} is of {sum(map(len, partition.values()))} trials, this recipe has "
            f"{len(trials)}: start anew without --resume"
        )
    return {pack: Pack(pack, tuple(trials[trial] for trial in ids)) for pack, ids in partition.items()}


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
