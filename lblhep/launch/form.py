"""The form of launch.json: what everything that reads it counts on, and a file edited by hand may lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lblhep.errors import LaunchError
from lblhep.recipe.marks import dotted
from lblhep.recipe.problems import wording

LATEST = 1e11
"""Seconds since 1970 in the year 5138: a later start is none, and few calendars know it."""


class _Content(BaseModel):
    """The keys that are read; lblhep writes more."""

    model_config = ConfigDict(strict=True)

    study: str
    state: str
    started: float = Field(ge=0, le=LATEST)
    recipe_digest: str
    code_digest: str
    code: dict[str, str]
    data: dict[str, str] = {}
    experiment: str | None = None
    run_id: str | None
    partition: dict[str, list[str]] | None
    mixed: list[str] = []


def check_form(path: Path, content: dict[str, Any]) -> None:
    """Raises LaunchError if the content of a launch.json is not what lblhep writes."""
    try:
        _Content.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LaunchError(
            f"{path}: {dotted(first['loc'])} {wording(first)}: was it edited by hand?"
        ) from None
