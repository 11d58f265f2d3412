"""What a launch directory holds for each pack and group, as `lblhep.launch.commit` has written it.

::

    packs/<pack>/    pack.json  rows.parquet  [curves.parquet]  [arrays.npz]  [failures.json]  [group/]
    groups/<group>/  metrics.json  [arrays.npz]
    failed/<pack>/   a search's point that failed, set aside until it has been tried again

A search's point is a pack and a group at once, so its group lies within its pack: one rename commits both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lblhep.tasks import Failure


def committed(directory: Path) -> set[str]:
    """Ids of the packs that are there."""
    return _names(directory / "packs")


def committed_groups(directory: Path) -> set[str]:
    """Ids of the groups that are there."""
    points = {path.parent.name for path in directory.glob("packs/[!.]*/group")}
    return _names(directory / "groups") | points


def group_directory(directory: Path, group: str) -> Path:
    """Where a group lies: a search's point within its pack."""
    within = directory / "packs" / group / "group"
    return within if within.is_dir() else directory / "groups" / group


def read_about(directory: Path, pack: str) -> dict[str, Any]:
    """A pack's pack.json."""
    content: dict[str, Any] = json.loads((directory / "packs" / pack / "pack.json").read_text())
    return content


def read_failures(directory: Path, pack: str) -> list[Failure]:
    """A pack's failures, usually none."""
    path = directory / "packs" / pack / "failures.json"
    return [Failure(**entry) for entry in json.loads(path.read_text())] if path.is_file() else []


def read_group(directory: Path, group: str) -> dict[str, Any]:
    """A group's metrics.json: group, key, metrics."""
    content: dict[str, Any] = json.loads((group_directory(directory, group) / "metrics.json").read_text())
    return content


def pack_of_trial(directory: Path) -> dict[str, str]:
    """Trial id -> id of the pack that holds its results, for the packs that are there."""
    return {trial: pack for pack in committed(directory) for trial in read_about(directory, pack)["trials"]}


def points_set_aside(directory: Path) -> dict[str, dict[str, Any]]:
    """Pack -> the point's values."""
    found = sorted(_names(directory / "failed"))
    return {
        pack: json.loads((directory / "failed" / pack / "pack.json").read_text())["point"] for pack in found
    }


def _names(parent: Path) -> set[str]:
    return {p.name for p in parent.iterdir() if not p.name.startswith(".")} if parent.is_dir() else set()
