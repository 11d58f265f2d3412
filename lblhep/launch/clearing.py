"""Before a launch goes on: what its end had written, what failed and what is damaged is taken out of it.

The groups go first: as long as a bad pack is there, whoever resumes after a kill does all of this again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lblhep.atomic import remove_directory
from lblhep.launch import commit, packs, tables
from lblhep.launch.checksums import DamageError
from lblhep.launch.directory import LaunchDirectory


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
    # Which groups they were part of is cheap to find out again, and cheap to redo.
    said += _forget_groups(found.path, every=bool(damaged or failed))
    for pack in failed:
        _run_again(found, pack)
    for pack in damaged:
        _run_again(found, pack, damaged=True)
    return said + _forget_points(found.path)


def _pack_fault(found: LaunchDirectory, pack: str) -> str:
    """What is wrong with a pack as it lies there; empty if nothing is."""
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
