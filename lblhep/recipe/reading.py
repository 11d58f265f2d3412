"""Read a file to resolved values, and turn faults into problems with their places."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lblhep.errors import Problem, RecipeError
from lblhep.recipe import checks, overrides
from lblhep.recipe.axis_values import Addresses
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.marks import Mark, Marks
from lblhep.recipe.problems import problem_at, translate
from lblhep.recipe.text import Document, parse, read_text


@dataclass(frozen=True)
class Origin:
    """Says where a recipe came from."""

    file: Path = Path("recipe.yaml")
    shown: str = "recipe.yaml"
    """The file as the user named it, for messages."""
    profile: str | None = None
    marks: Marks = field(default_factory=Marks)

    @cached_property
    def workspace(self) -> Path:
        """Return the nearest folder above the file that holds ``data_cards/``, else the file's folder."""
        folders = [folder for folder in self.file.parents if (folder / "data_cards").is_dir()]
        return folders[0] if folders else self.file.parent


@dataclass(frozen=True)
class Resolved:
    """Holds a file's values with a profile and overrides applied, and what could not be applied."""

    document: Document
    origin: Origin
    faults: list[Problem]


def resolve(path: Path, assignments: tuple[str, ...], profiles: Iterable[str | None]) -> Iterator[Resolved]:
    """Read the file once and apply each of the profiles in turn (None: none of them).

    Raises RecipeError when the text itself is faulty.
    """
    if not path.exists():
        raise RecipeError([Problem(str(path), 0, 0, "", "there is no such recipe", _nearby(path))])
    found: list[Problem] = []
    written = parse(read_text(path), str(path), found)
    for profile in profiles:
        document, faults = replace(written), list(found)
        if profile is not None:
            faults += overrides.apply_profile(document, profile)
        faults += overrides.apply_assignments(document, assignments)
        yield Resolved(document, Origin(path.resolve(), str(path), profile, document.marks), faults)


def _nearby(path: Path) -> str:
    """Return a hint naming the recipe that may be meant, or all, of the same folder or of the ``recipes/``
    above."""
    here = Path.cwd()
    folders = (path.parent, *(above / "recipes" for above in (here, *here.parents)))
    found = [each for folder in folders for each in sorted(folder.glob("*.yaml"))]
    shown = {each.stem: os.path.relpath(each) for each in reversed(found)}  # the nearest folder's come last
    close = get_close_matches(path.stem, shown, n=1)
    return did_you_mean(shown[close[0]] if close else "", shown.values())


def all_problems(
    document: Document, faults: list[Problem], error: ValidationError | None, model: type[BaseModel]
) -> list[Problem]:
    """Return the text's faults, then the schema's, then those between sections; one for each address, by
    place.

    Args:
        document: the values and their places.
        faults: what was found on reading the text and applying overrides.
        error: what the schema found, if anything.
        model: the schema.
    """
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
    """Return the schema's faults of one trial, at the axes that brought them.

    Args:
        origin: where the recipe comes from.
        error: what the schema found in the trial.
        addresses: address -> name of the axis that sets it.
        values: the trial's values.
        model: the schema.
    """
    marks = origin.marks
    for address, axis in addresses.items():
        sections = [("trials", section, axis) for section in ("axes", "space", "replicates")]
        written = next(filter(None, map(origin.marks.at, sections)), Marks())
        mark = written.mark or Mark(origin.shown, 1, 1)
        marks = marks.put(address.split("."), Marks(replace(mark, by=f"axis {axis}")))
    return translate(error, Document(origin.shown, values, marks), model)
