"""A recipe states everything that a launch's result depends on; this module has its sections."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError

from lblhep.errors import Problem, RecipeError
from lblhep.names import DiskName
from lblhep.recipe import axis_values, reading, writing
from lblhep.recipe.component import Component, DatasetComponent, Groups, MetricComponent
from lblhep.recipe.marks import Keys
from lblhep.recipe.problems import problem_at
from lblhep.recipe.trials import Name, Section, Trials
from lblhep.recipe.valid_subset import valid_subset

SCHEMA = "lblhep/recipe@1"

NOT_IN_DIGEST = ("title", "resources", "tracking", "notify", "report", "profiles")
"""Sections on which no row of the result depends: they stay out of the digest."""


class Resources(Section):
    """States what one pack occupies."""

    cpu: Annotated[int, Field(ge=1)] = 1
    gpu: Annotated[float, Field(ge=0)] = 0.0


class Tracking(Section):
    """Says how MLflow files the launch; the experiment is the study unless named."""

    experiment: str | None = None


class Notify(Section):
    """Names the environment variable that holds the addresses to notify, and the ends of a launch that do."""

    urls_env: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    on: Annotated[
        tuple[Literal["started", "interrupted", "failed", "finished"], ...], Field(strict=False)
    ] = (
        "failed",
        "finished",
    )


class Recipe(Section):
    """Declares one study, validated. Read it with ``Recipe.read``; it never changes afterwards."""

    schema_: Literal["lblhep/recipe@1"] = Field(alias="schema")
    study: DiskName
    title: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    datasets: dict[Name, DatasetComponent] = Field(default_factory=dict)
    models: dict[Name, Component] = Field(default_factory=dict)
    task: Component
    metrics: dict[Name, MetricComponent] = Field(default_factory=dict)
    trials: Trials
    groups: Groups | None = None
    report: Component | None = None
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    notify: Notify | None = None
    profiles: dict[Name, dict[str, Any]] = Field(default_factory=dict)

    _origin: reading.Origin = PrivateAttr(default_factory=reading.Origin)
    _values: dict[str, Any] | None = PrivateAttr(default=None)

    @classmethod
    def read(cls, path: str | Path, overrides: Iterable[str] = (), profile: str | None = None) -> Self:
        """Read the recipe of a file, with a profile and then overrides (``a.b.c=value``) applied.

        Raises RecipeError with every problem found.

        >>> recipe = Recipe.read(workspace / "recipes" / "toy.yaml", ["seed=5"])
        >>> recipe.study, recipe.seed
        ('toy', 5)
        """
        recipe, problems, _ = cls.survey(path, overrides, profile)
        if problems or recipe is None:
            raise RecipeError(problems)
        return recipe

    @classmethod
    def survey(
        cls, path: str | Path, overrides: Iterable[str] = (), profile: str | None = None
    ) -> tuple[Self | None, list[Problem], frozenset[str]]:
        """Read the recipe or what holds of it; return also the problems of its form and the addresses of what
        was left out.

        Raises RecipeError when the text itself is faulty.

        >>> recipe, problems, left_out = Recipe.survey(workspace / "recipes" / "toy.yaml", ["seed=one"])
        >>> print(problems[0].message)
        must be an integer, not the text 'one'
        """
        (resolved,) = reading.resolve(Path(path), tuple(overrides), [profile])
        return cls._surveyed(resolved)

    @classmethod
    def survey_profiles(
        cls, path: str | Path, overrides: Iterable[str], profiles: Iterable[str]
    ) -> Iterator[tuple[Self | None, list[Problem], frozenset[str]]]:
        """Survey the recipe with each of the profiles; the file is read once for all of them.

        The section ``profiles`` itself is left out: a survey without a profile has looked at it.
        """
        for resolved in reading.resolve(Path(path), tuple(overrides), profiles):
            resolved.document.values = {
                name: value for name, value in resolved.document.values.items() if name != "profiles"
            }
            yield cls._surveyed(resolved)

    @classmethod
    def _surveyed(cls, resolved: reading.Resolved) -> tuple[Self | None, list[Problem], frozenset[str]]:
        document, gone, error = resolved.document, frozenset[str](), None
        values = document.values
        try:
            recipe = cls.model_validate(values)
        except ValidationError as invalid:
            error = invalid
        problems = reading.all_problems(document, resolved.faults, error, cls)
        if problems:
            left = valid_subset(values, cls)
            if left is None:
                return None, problems, gone
            values, gone = left
            recipe = cls.model_validate(values)
        recipe._origin, recipe._values = resolved.origin, values
        return recipe, problems, gone

    def at(self, point: Mapping[str, Any]) -> Self:
        """Return the recipe of one trial: axis name -> value filled in, validated again. Raises
        RecipeError.

        >>> recipe = Recipe.read(workspace / "recipes" / "toy.yaml")
        >>> recipe.at({"steps": 2}).task.arguments
        {'steps': 2}
        """
        values, addresses = axis_values.fill(self.values, self.trials.axes_of_trial, point)
        cls = type(self)
        try:
            recipe = cls.model_validate(values)
        except ValidationError as error:
            faults = reading.point_problems(self._origin, error, addresses, values, cls)
            raise RecipeError(faults) from None
        recipe._origin, recipe._values = self._origin, values
        return recipe

    @property
    def file(self) -> Path:
        """Return the file that the recipe was read from."""
        return self._origin.file

    @property
    def workspace(self) -> Path:
        """Return the nearest folder above the file that holds ``data_cards/``."""
        return self._origin.workspace

    @property
    def values(self) -> dict[str, Any]:
        """Return the recipe as plain mappings, lists and scalars. Not to be altered."""
        if self._values is None:
            self._values = self.model_dump(by_alias=True, exclude_unset=True)
        return self._values

    def problem(self, keys: Keys, message: str, hint: str = "") -> Problem:
        """Return a problem at an address, with the line of the nearest thing that is written there."""
        return problem_at(self._origin.marks, self._origin.shown, keys, message, hint)

    def digest(self) -> str:
        """Return the sha256 of all that the result depends on; defaults left out do not differ from defaults
        written.

        >>> recipe = Recipe.read(workspace / "recipes" / "toy.yaml", ["title=Another title"])
        >>> recipe.digest() == Recipe.read(workspace / "recipes" / "toy.yaml").digest()
        True
        """
        matter = self.model_dump(by_alias=True, exclude_defaults=True, exclude=set(NOT_IN_DIGEST))
        text = json.dumps(matter, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_yaml(self) -> str:
        """Write the resolved recipe as a file that ``read`` takes: profile and overrides applied, profiles
        gone."""
        return writing.to_yaml(self.model_dump(by_alias=True, exclude_unset=True, exclude={"profiles"}))
