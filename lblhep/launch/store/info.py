"""Read launch.json from disk, and tell the launch's state by it and by the launch's lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lblhep.atomic import is_locked
from lblhep.errors import LaunchError
from lblhep.launch.store.checksums import FORMAT, read_record
from lblhep.recipe.marks import dotted
from lblhep.recipe.problems import wording

SCHEMA = f"lblhep/launch@{FORMAT}"
REMEDY = "get it back from a copy, or remove the launch (lblhep rm) and run its recipe anew"
LOCK_FILE = "lock"
"""The file in a launch's directory that its driver holds locked."""
MAX_START_SECONDS = 1e11
"""The latest start of a launch, in seconds since 1970: in the year 5138, where most calendars end."""


class _Content(BaseModel):
    """Names the keys of launch.json that lblhep reads; it writes more."""

    model_config = ConfigDict(strict=True)

    study: str
    state: str
    started: float = Field(ge=0, le=MAX_START_SECONDS)
    recipe_digest: str
    code_digest: str
    code: dict[str, str]
    data: dict[str, str] = {}
    experiment: str | None = None
    run_id: str | None
    partition: dict[str, list[str]] | None
    mixed: list[str] = []


def _check_form(path: Path, content: dict[str, Any]) -> None:
    """Raise LaunchError if the content of a launch.json is not what lblhep writes."""
    try:
        _Content.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LaunchError(
            f"{path}: {dotted(first['loc'])} {wording(first)}: was it edited by hand?"
        ) from None


def read_info(path: Path) -> dict[str, Any]:
    """Read launch.json: id, study, state, digests of recipe, code and data, partition, MLflow run.

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
    _check_form(path / "launch.json", content)
    return content


def state(path: Path, info: dict[str, Any]) -> str:
    """Return the state in launch.json, or ``killed`` where no driver holds a launch that is ``running``."""
    said = str(info["state"])
    return "killed" if said == "running" and not is_locked(path / LOCK_FILE) else said
