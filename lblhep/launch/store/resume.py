"""Choose the launch to resume, check that its inputs are still the same, and say which packs run again.

What its end had written, what failed and what is damaged is taken out of a launch before it goes on.  The
groups go first: as long as a bad pack is there, whoever resumes after a kill does all of this again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.atomic import remove_directory
from lblhep.errors import LaunchError
from lblhep.launch.store import commit, packs, tables
from lblhep.launch.store.checksums import DamageError
from lblhep.launch.store.directory import LaunchDirectory, launches
from lblhep.launch.store.inputs import changed, code_digests, fingerprints
from lblhep.trials import Plan, SearchPlan

if TYPE_CHECKING:
    from lblhep.recipe import Recipe


def find(recipe: Recipe, name: str | None) -> LaunchDirectory:
    """Find the launch to resume: the newest unfinished one of the recipe's digest, or the one that is named.

    Args:
        name: the id of the launch, or its directory; None for the newest.

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
    """Say how each of ``recipe``, ``code`` and ``data`` differs that is not as when the launch began."""
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
    """Raise LaunchError with all changes if there are any."""
    if said:
        raise LaunchError(
            f"{'; '.join(said.values())}. Its finished packs came from the old: start anew without --resume, "
            "or --force to mix them"
        )


def kept_plan(planned: Plan, directory: LaunchDirectory) -> Plan:
    """Return the plan with the packs as they were cut when the launch began, whatever the task batches now.

    Raises:
        LaunchError: the launch is of other trials.
    """
    if isinstance(planned, SearchPlan):
        return planned
    partition = directory.partition or {}
    if {trial for ids in partition.values() for trial in ids} != {trial.id for trial in planned.trials}:
        raise LaunchError(
            f"launch {directory.id} is of {sum(map(len, partition.values()))} trials, this recipe has "
            f"{len(planned.trials)}: start anew without --resume"
        )
    return planned.cut_as(partition)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def clear(found: LaunchDirectory) -> list[str]:
    """Take out of a launch what is to be made again.

    Returns:
        A line for each pack and group that is damaged.
    """
    commit.sweep(found.path)
    shutil.rmtree(found.path / "live", ignore_errors=True)
    found.list_tables([])
    for name in ("rows", "curves", "groups"):
        (found.path / f"{name}.parquet").unlink(missing_ok=True)
    return forget_failures(found)


def forget_failures(found: LaunchDirectory) -> list[str]:
    """Take out packs that are damaged or hold a failure, and the groups built on them: they run again.

    Returns:
        A line for each pack and group that is damaged.
    """
    faults = {pack: _pack_fault(found, pack) for pack in sorted(packs.committed(found.path))}
    damaged = [pack for pack, fault in faults.items() if fault]
    failed = [pack for pack, fault in faults.items() if not fault and packs.read_failures(found.path, pack)]
    said = [f"set aside: {faults[pack]}" for pack in damaged]
    # Every group goes, since it is cheap to combine again and no record says which packs it was built on.
    said += _forget_groups(found.path, every=bool(damaged or failed))
    for pack in failed:
        _run_again(found, pack)
    for pack in damaged:
        _run_again(found, pack, damaged=True)
    return said + _forget_points(found.path)


def _pack_fault(found: LaunchDirectory, pack: str) -> str:
    """Return what is wrong with a pack as it lies there; an empty text if nothing is."""
    if found.partition is not None and pack not in found.partition:
        return f"{found.path / 'packs' / pack}: is no pack of this launch"
    try:
        packs.check_pack(found.path, pack)
        tables.read_rows(found.path, pack)
    except DamageError as damage:
        return str(damage)
    return ""


def _forget_groups(launch: Path, every: bool) -> list[str]:
    """Remove the groups of a scan that are damaged, or every one.  (A search's lie within its packs.)"""
    said = []
    for group in sorted(packs.numbered(launch / "groups")):
        try:
            packs.check_group(launch, group)
        except DamageError as damage:
            said.append(f"removed: {damage}")
            remove_directory(launch / "groups" / group)
            continue
        if every:
            remove_directory(launch / "groups" / group)
    return said


def _run_again(found: LaunchDirectory, pack: str, damaged: bool = False) -> None:
    """Take a pack out of the launch; nothing else knows a search's point, so its values are kept."""
    path = found.path / "packs" / pack
    if found.partition is None and _point_is_known(path):
        commit.set_aside(path, "failed")
    elif damaged:
        commit.set_aside(path, "damaged")
    else:
        remove_directory(path)


def _point_is_known(pack: Path) -> bool:
    try:
        packs.read_point(pack)
    except DamageError:
        return False
    return True


def _forget_points(launch: Path) -> list[str]:
    """Set aside the failed points of a search whose values are damaged: new ones take their numbers."""
    said = []
    for pack in sorted(packs.numbered(launch / "failed")):
        try:
            packs.read_point(launch / "failed" / pack)
        except DamageError as damage:
            said.append(f"set aside: {damage}")
            commit.set_aside(launch / "failed" / pack, "damaged")
    return said
