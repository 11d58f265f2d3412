"""The section ``trials:`` is a single trial, a scan over axes, or a search over a space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from lblhep.recipe.component import Component

MAX_TRIALS = 10_000_000
"""More than this is taken for a slip of the pen, and would not fit in memory."""

MAX_FACTORS = 8
"""Axes that a message about the number of trials names."""

RESERVED = frozenset({"trial", "name", "status", "group", "launch", "trials", "step"})
"""Columns of the tables of trials, groups and curves, which neither an axis nor a metric may be called."""

Name = Annotated[str, Field(pattern=r"^[^\W\d][\w-]*$")]
"""The name of an axis, data set, model, ...: one step of a dotted address."""

Path = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
Goal = Literal["maximize", "minimize"]


def fault(key: str, message: str, **context: int) -> PydanticCustomError:
    """Return an error of one key that only shows when several are read together."""
    return PydanticCustomError("recipe", "{message}", {"key": key, "message": message, **context})


class Section(BaseModel):
    """Refuses keys that it does not know, and never changes."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Axis(Section):
    """Lists the values that one address takes: ``range: [first, end)`` or ``values: [...]``.

    Values that are mappings set several arguments of the component at ``path`` together.
    """

    path: Path
    range: tuple[int, int] | None = Field(default=None, strict=False)
    values: tuple[Any, ...] | None = Field(default=None, strict=False, min_length=1)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = "`range: [first, end]` (end excluded) or `values: [...]`"
        if self.range is None and self.values is None:
            raise fault("", f"has no values: give it {forms}")
        if self.range is not None and self.values is not None:
            raise fault("range", f"stands beside `values`: give {forms}, or override the axis as a whole")
        if self.range is not None and self.range[1] <= self.range[0]:
            raise fault("range", f"is empty: {list(self.range)} holds no integer (the end is excluded)")
        return self

    @property
    def points(self) -> Sequence[Any]:
        """Return the axis values in order."""
        return self.values if self.range is None else range(*self.range)  # type: ignore[return-value]

    @property
    def count(self) -> int:
        """Return the number of values; ``len`` cannot say it of a range of 2^63 or more."""
        return len(self.values or ()) if self.range is None else self.range[1] - self.range[0]


class Dimension(Section):
    """States a searched address and its prior: bounds (of integers half-open, as a range's), or choices."""

    path: Path
    uniform: tuple[float, float] | None = Field(default=None, strict=False)
    log_uniform: tuple[float, float] | None = Field(default=None, strict=False)
    int_uniform: tuple[int, int] | None = Field(default=None, strict=False)
    choices: tuple[Any, ...] | None = Field(default=None, strict=False, min_length=1)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = ("uniform", "log_uniform", "int_uniform", "choices")
        given = [form for form in forms if getattr(self, form) is not None]
        if len(given) != 1:
            has = " and ".join(f"`{form}`" for form in given) or "no prior"
            raise fault("", f"has {has}: give one of {', '.join(forms)}")
        bounds = self.uniform or self.log_uniform or self.int_uniform
        if bounds is not None:
            low, high = bounds
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise fault(given[0], f"needs two finite bounds, the lower first, not {list(bounds)}")
            if self.log_uniform is not None and low <= 0:
                raise fault("log_uniform", f"needs positive bounds, not {list(bounds)}")
        return self


class Objective(Section):
    """Names the group metric that a search improves."""

    metric: str
    goal: Goal


class TrialsSection(Section):
    """Holds what the three kinds of trials have in common."""

    @property
    def listed_axes(self) -> dict[str, Axis]:
        """Return the axes whose values the recipe lists, by name."""
        return {}

    @property
    def dimensions(self) -> Mapping[str, Axis | Dimension]:
        """Return everything that ``Recipe.at`` may set, by name."""
        return self.listed_axes

    @property
    def axes_of_trial(self) -> dict[str, str]:
        """Return the addresses of everything that ``Recipe.at`` may set, by name."""
        return {name: dimension.path for name, dimension in self.dimensions.items()}


class Single(TrialsSection):
    """Asks for one trial: the recipe as it stands."""

    kind: Literal["single"]

    @property
    def pack(self) -> int:
        """Return the largest number of trials in a pack."""
        return 1

    @property
    def objective(self) -> None:
        """Return the metric that a search improves; there is none here."""

    @property
    def total(self) -> int:
        """Return the number of trials."""
        return 1


class Scan(TrialsSection):
    """Asks for every combination of the axis values, executed in packs."""

    kind: Literal["scan"]
    expect: int = Field(ge=1)
    pack: int = Field(default=1, ge=1)
    axes: dict[Name, Axis] = Field(min_length=1)

    @model_validator(mode="after")
    def _count(self) -> Self:
        _check_expect(self.expect, "axes", {name: axis.count for name, axis in self.axes.items()})
        return self

    @property
    def listed_axes(self) -> dict[str, Axis]:
        """Return the axes whose values the recipe lists, by name."""
        return self.axes

    @property
    def objective(self) -> None:
        """Return the metric that a search improves; there is none here."""

    @property
    def total(self) -> int:
        """Return the number of trials."""
        return self.expect


class Search(TrialsSection):
    """Asks for points that a sampler proposes; each is a group of replicates with one objective."""

    kind: Literal["search"]
    points: int = Field(ge=1)
    expect: int | None = Field(default=None, ge=1)
    space: dict[Name, Dimension] = Field(min_length=1)
    replicates: dict[Name, Axis] = Field(default_factory=dict)
    objective: Objective
    sampler: Component | None = None
    scheduler: Component | None = None

    @model_validator(mode="after")
    def _count(self) -> Self:
        lengths = {name: axis.count for name, axis in self.replicates.items()}
        _check_expect(self.expect, "points", {"points": self.points, **lengths})
        both = sorted(self.space.keys() & self.replicates.keys())
        if both:
            raise fault("replicates", f"and `space` both name {', '.join(both)}")
        return self

    @property
    def listed_axes(self) -> dict[str, Axis]:
        """Return the axes whose values the recipe lists, by name."""
        return self.replicates

    @property
    def dimensions(self) -> Mapping[str, Axis | Dimension]:
        """Return everything that ``Recipe.at`` may set, by name."""
        return {**self.space, **self.replicates}

    @property
    def replicates_total(self) -> int:
        """Return the number of trials of one point."""
        return math.prod(axis.count for axis in self.replicates.values())

    @property
    def total(self) -> int:
        """Return the number of trials if no point is stopped early."""
        return self.points * self.replicates_total


Trials = Annotated[Single | Scan | Search, Field(discriminator="kind")]


def _check_expect(expect: int | None, source: str, lengths: dict[str, int]) -> None:
    """Refuse a wrong count: it is the cheapest guard against a scan that is not the one intended.

    Args:
        expect: the number that the recipe states; None if it states none.
        source: the key to which too many trials are put down.
    """
    total = math.prod(lengths.values())
    longest = sorted(lengths, key=lambda name: -lengths[name])[:MAX_FACTORS]
    shown = [f"{lengths[name]} {name}" for name in lengths if name in longest]
    product = " x ".join([*shown, *(["..."] if len(lengths) > MAX_FACTORS else [])])
    if total > MAX_TRIALS:  # and perhaps too many to be printed
        raise fault(source, f"make more than {MAX_TRIALS:,} trials: {product}")
    if expect is not None and total != expect:
        raise fault("expect", f"is {expect}, but there are {total} trials: {product}", total=total)
