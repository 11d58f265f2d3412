"""launch.json as it lies on disk, and what the launch's state is by it and by its lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lblhep.atomic import is_locked
from lblhep.errors import LaunchError
from lblhep.launch.checksums import FORMAT, read_record
from lblhep.launch.form import check_form

SCHEMA = f"lblhep/launch@{FORMAT}"
REMEDY = "get it back from a copy, or remove the launch (lblhep rm) and run its recipe anew"
LOCK = "lock"
"""The file in a launch's directory that its driver holds locked."""


def read_info(path: Path) -> dict[str, Any]:
    """launch.json: id, study, state, digests of recipe, code and data, partition, MLflow run.

    Raises:
        LaunchError: there is none, it is not one of ours, or it cannot be used without its recipe.
    """
    if not (path / "launch.json").exists():
        raise LaunchError(f"{path}: no launch here (launch.json is missing)")
    content = read_record(path / "launch.json", REMEDY)
    known = [f"lblhep/launch@{number}" for number in range(1, FORMAT + 1)]
    if content.get("schema") not in known:
        schema = f"{content.get('schema')!r:.60}"
        raise LaunchError(f"{path / 'launch.json'}: schema {schema} is none of {', '.join(known)}")
    if not (path / "recipe.yaml").is_file():
        raise LaunchError(f"{path / 'recipe.yaml'}: missing, so nothing is known of this launch's trials")
    check_form(path / "launch.json", content)
    return content


def state(path: Path, info: dict[str, Any]) -> str:
    """What launch.json says, but ``killed`` where it says ``running`` and no driver holds the launch."""
    said = str(info["state"])
    return "killed" if said == "running" and not is_locked(path / LOCK) else said
