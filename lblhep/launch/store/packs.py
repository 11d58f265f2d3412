"""Read each pack and group of a launch directory, as ``lblhep.launch.store.commit`` has written it.

::

    packs/<pack>/    pack.json  rows.parquet  [curves.parquet]  [arrays.npz]  [failures.json]
                     of a search also: point.json  [group/]
    groups/<group>/  metrics.json  [arrays.npz]
    failed/<pack>/   a search's point that failed, set aside until it has been tried again
    damaged/<pack>/  a pack that was not as written, set aside: nothing reads it

A search's point is a pack and a group at once, so its group lies within its pack: one rename commits both.
Packs and groups are known by number: whatever else lies there (``.DS_Store``, a copy) is none and is ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lblhep.launch.store.checksums import DamageError, checked, read_record
from lblhep.tasks import Failure

PACK_NUMBER = re.compile(r"\d{6,}")
ROWS, POINT = "rows.parquet", "point.json"


def committed(directory: Path) -> set[str]:
    """Return the ids of the packs that are there."""
    return numbered(directory / "packs")


def committed_groups(directory: Path) -> set[str]:
    """Return the ids of the groups that are there."""
    points = {pack for pack in committed(directory) if _holds_group(directory, pack)}
    return numbered(directory / "groups") | points


def group_directory(directory: Path, group: str) -> Path:
    """Return where a group lies: a search's point within its pack."""
    within = directory / "packs" / group / "group"
    return within if within.is_dir() else directory / "groups" / group


def read_about(directory: Path, pack: str) -> dict[str, Any]:
    """Read a pack's pack.json.

    Raises:
        DamageError: it is missing, or not what was written.
    """
    path = directory / "packs" / pack / "pack.json"
    content = read_record(path, remedy(directory))
    if content.get("pack", pack) != pack:
        raise DamageError(f"{path}: is that of pack {content['pack']!r:.60}; {remedy(directory)}")
    _stated(content, "trials", list, path, remedy(directory))
    return content


def pack_file(directory: Path, pack: str, name: str) -> Path | None:
    """Return the path of one of a pack's files, its bytes verified; None if there is none of that name.

    Raises:
        DamageError: it is missing, or not what was written; or pack.json is.
    """
    folder = directory / "packs" / pack
    path = checked(folder, read_about(directory, pack), name, remedy(directory))
    if path is None and name == ROWS:  # which every pack has
        raise DamageError(f"{folder / name}: is missing; {remedy(directory)}")
    return path


def read_failures(directory: Path, pack: str) -> list[Failure]:
    """Read a pack's failures, usually none.  Raises DamageError as ``pack_file`` does."""
    path = pack_file(directory, pack, "failures.json")
    return [] if path is None else [Failure(**entry) for entry in json.loads(path.read_text())]


def read_group(directory: Path, group: str) -> dict[str, Any]:
    """Read a group's metrics.json: group, key, metrics.  Raises DamageError as ``read_about`` does."""
    path = group_directory(directory, group) / "metrics.json"
    content = read_record(path, remedy(directory))
    if content.get("group") != group:
        raise DamageError(f"{path}: is that of group {content.get('group')!r:.60}; {remedy(directory)}")
    for name in ("key", "metrics"):
        _stated(content, name, dict, path, remedy(directory))
    return content


def group_file(directory: Path, group: str, name: str) -> Path | None:
    """Return the path of one of a group's files, as ``pack_file`` does for a pack's."""
    folder = group_directory(directory, group)
    return checked(folder, read_group(directory, group), name, remedy(directory))


def check_pack(directory: Path, pack: str) -> None:
    """Raise DamageError for the first file of a pack that is missing or not what was written."""
    for name in (ROWS, *read_about(directory, pack).get("sha256", ())):
        pack_file(directory, pack, name)


def check_group(directory: Path, group: str) -> None:
    """Raise DamageError for the first file of a group that is missing or not what was written."""
    for name in read_group(directory, group).get("sha256", ()):
        group_file(directory, group, name)


def pack_of_trial(directory: Path) -> dict[str, str]:
    """Return the id of the pack that holds each trial's results, for the packs that are there."""
    return {trial: pack for pack in committed(directory) for trial in read_about(directory, pack)["trials"]}


def points_set_aside(directory: Path) -> dict[str, dict[str, Any]]:
    """Read the values of the points that were set aside, by pack.  Raises DamageError as ``read_about``."""
    found = sorted(numbered(directory / "failed"))
    return {pack: read_point(directory / "failed" / pack) for pack in found}


def read_point(pack: Path) -> dict[str, Any]:
    """Read the values of a search's point; nothing else knows them, so they are there twice.

    Raises:
        DamageError: neither file that states them is as it was written.
    """
    try:
        return _point_in(pack / "pack.json")
    except DamageError:
        return _point_in(pack / POINT)


def _point_in(path: Path) -> dict[str, Any]:
    again = remedy(path.parents[2])
    point: dict[str, Any] = _stated(read_record(path, again), "point", dict, path, again)
    return point


def _stated(content: Mapping[str, Any], name: str, kind: type, path: Path, remedy: str) -> Any:
    """Return an entry of the record at ``path``, which format 1 does not protect against being edited."""
    if not isinstance(content.get(name), kind):
        raise DamageError(f"{path}: {name} is missing, or no {kind.__name__}; {remedy}")
    return content[name]


def _holds_group(directory: Path, pack: str) -> bool:
    stated = read_about(directory, pack).get("sha256", ())
    return "group/metrics.json" in stated or (directory / "packs" / pack / "group").is_dir()


def remedy(directory: Path) -> str:
    """Return what to do about a damaged pack or group, as the end of a sentence."""
    return f"the command that made the launch, with --resume {directory.name}, makes this part of it again"


def numbered(parent: Path) -> set[str]:
    """Return the names of the folders called like packs and groups."""
    if not parent.is_dir():
        return set()
    return {path.name for path in parent.iterdir() if PACK_NUMBER.fullmatch(path.name) and path.is_dir()}
