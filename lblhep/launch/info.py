"""launch.json as it lies on disk, and what the launch's state is by it and by its lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lblhep.atomic import is_locked
from lblhep.errors import LaunchError

SCHEMA = "lblhep/launch@1"
LOCK = "lock"
"""The file in a launch's directory that its driver holds locked."""


def read_info(path: Path) -> dict[str, Any]:
    """launch.json: id, study, state, digests of recipe, code and data, partition, MLflow run.

    Raises:
        LaunchError: there is none, it is not one of ours, or it cannot be used without its recipe.
    """
    try:
        content: dict[str, Any] = json.loads((path / "launch.json").read_text())
    except FileNotFoundError:
        raise LaunchError(f"{path}: no launch here (launch.json is missing)") from None
    except OSError as error:
        raise LaunchError(f"{path / 'launch.json'}: {error.strerror}") from error
    except ValueError as error:
        raise LaunchError(f"{path / 'launch.json'}: not readable as JSON ({error})") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise LaunchError(f"{path / 'launch.json'}: schema {schema!r} is not {SCHEMA!r}")
    if not (path / "recipe.yaml").is_file():
        raise LaunchError(f"{path / 'recipe.yaml'}: missing, so nothing is known of this launch's trials")
    return content


def state(path: Path, info: dict[str, Any]) -> str:
    """What launch.json says, but ``killed`` where it says ``running`` and no driver holds the launch."""
    said = str(info["state"])
    return "killed" if said == "running" and not is_locked(path / LOCK) else said
