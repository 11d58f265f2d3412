"""From a file to resolved values, and from faults to problems with their places."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lblhep.errors import Problem, RecipeError
from lblhep.recipe import checks, overrides
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.points import Addresses
from lblhep.recipe.problems import problem_at, translate
from lblhep.recipe.text import Document, Keys, Mark, parse, read_text


@dataclass(frozen=True)
class Origin:
    """Where a recipe came from."""

    file: Path = Path("recipe.yaml")
    shown: str = "recipe.yaml"
    """The file as the user named it, for messages."""
    profile: str | None = None
    marks: dict[Keys, Mark] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        """The nearest folder above the file that holds ``data_cards/``, else the file's folder."""
        folders = [folder for folder in self.file.parents if (folder / "data_cards").is_dir()]
        return folders[0] if folders else self.file.parent


def resolve(
    path: Path, assignments: tuple[str, ...], profile: str | None
) -> tuple[Document, Origin, list[Problem]]:
    """The file's values with profile and overrides applied, and what could not be applied.

    Raises RecipeError when the text itself is faulty.
    """
    if not path.exists():
        raise RecipeError([Problem(str(path), 0, 0, "", "there is no such recipe", _nearby(path))])
    faults: list[Problem] = []
    document = parse(read_text(path), str(path), faults)
    if profile is not None:
        faults += overrides.apply_profile(document, profile)
    faults += overrides.apply_assignments(document, assignments)
    return document, Origin(path.resolve(), str(path), profile, document.marks), faults


def _nearby(path: Path) -> str:
    """A hint naming the recipe that may be meant, or all, of the same folder or of the ``recipes/`` above."""
    here = Path.cwd()
    folders = (path.parent, *(above / "recipes" for above in (here, *here.parents)))
    found = [each for folder in folders for each in sorted(folder.glob("*.yaml"))]
    shown = {each.stem: os.path.relpath(each) for each in reversed(found)}  # the nearest folder's come last
    close = get_close_matches(path.stem, shown, n=1)
    return did_you_mean(shown[close[0]] if close else "", shown.values())


def all_problems(
    document: Document, faults: list[Problem], error: ValidationError | None, model: type[BaseModel]
) -> list[Problem]:
    """The text's faults, then the schema's, then those between sections; one for each address, by place."""
    found = {problem.path or str(problem): problem for problem in faults}
    schema = [] if error is None else translate(error, document, model)
    between = [
        problem_at(document.marks, document.file, fault.keys, fault.message, fault.hint)
        for fault in checks.faults(document.values)
    ]
    for problem in (*schema, *between):
        found.setdefault(problem.path or str(problem), problem)
    # The command line's, which have no line, come last.
    return sorted(found.values(), key=lambda problem: (problem.line == 0, problem.line, problem.column))


def point_problems(
    origin: Origin, error: ValidationError, addresses: Addresses, values: Any, model: type[BaseModel]
) -> list[Problem]:
    """The schema's faults of one trial, at the axes that brought them."""
    marks = dict(origin.marks)
    for address, axis in addresses.items():
        sections = [("trials", section, axis) for section in ("axes", "space", "replicates")]
        mark = next(
            (origin.marks[keys] for keys in sections if keys in origin.marks), Mark(origin.shown, 1, 1)
        )
        marks[tuple(address.split("."))] = Mark(mark.file, mark.line, mark.column, f"axis {axis}")
    return translate(error, Document(origin.shown, values, marks), model)
