"""Trials, packs and groups: what a recipe's ``trials:`` and ``groups:`` sections amount to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, product
from typing import Any

from lblhep.recipe import Axis, Recipe, Search, cells
from lblhep.recipe.points import addresses_of


@dataclass(frozen=True)
class Trial:
    """One point of a recipe. Cheap: the recipe of the point is made and validated when it is read."""

    id: str
    base: Recipe = field(repr=False, compare=False)
    point: dict[str, Any]

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe with the axis values filled in. Raises RecipeError."""
        return self.base.at(self.point)

    @property
    def name(self) -> str:
        """``window=3 fold=1``, for people."""
        return _named(self.point) or self.base.study

    def __getstate__(self) -> dict[str, Any]:
        """Workers get the base recipe (once for a pack) and make the trial's own."""
        return {"id": self.id, "base": self.base, "point": self.point}


@dataclass(frozen=True)
class Pack:
    """Trials that a task executes together."""

    id: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Group:
    """Trials (by id) that only together mean something, and the axis values that they share."""

    id: str
    key: dict[str, Any]
    trials: tuple[str, ...]

    @property
    def name(self) -> str:
        """``window=3``, for people."""
        return _named(self.key) or "all trials"


@dataclass(frozen=True)
class Plan:
    """A launch, cut into pieces before it starts."""

    trials: tuple[Trial, ...]
    packs: tuple[Pack, ...]
    groups: tuple[Group, ...]


def plan(recipe: Recipe, batches_over: tuple[str, ...]) -> Plan:
    """The trials of a single or scan in row-major order of the axes, their packs and their groups.

    ``batches_over``: the arguments that the task can vary inside a pack; an axis is one of them if the last
    step of its path is. Trials that differ in another axis never share a pack. Packs hold at most the
    recipe's ``pack`` trials, in near-equal parts.

    Raises ValueError for a search, whose points are not known beforehand (see ``point_pack``).
    """
    if isinstance(recipe.trials, Search):
        raise ValueError("a search has no plan: its points are proposed one by one")
    axes: dict[str, Axis] = getattr(recipe.trials, "axes", {})
    # Places along the axes rather than values: a value may be a list or a mapping.
    places = list(product(*(range(len(axis.points)) for axis in axes.values())))
    trials = tuple(Trial(f"{index:06d}", recipe, point) for index, point in enumerate(_points(axes)))
    apart = [index for index, axis in enumerate(axes.values()) if not is_batched(axis, batches_over)]
    size: int = getattr(recipe.trials, "pack", 1)
    packs = tuple(
        Pack(f"{index:06d}", tuple(pack))
        for index, pack in enumerate(_chunks(_together(trials, places, apart), size))
    )
    return Plan(trials, packs, _groups(recipe, tuple(axes), trials, places))


def point_pack(recipe: Recipe, index: int, values: Mapping[str, Any]) -> Pack:
    """All replicates of point number ``index`` of a search, at the proposed ``values``; also its group."""
    search = recipe.trials
    if not isinstance(search, Search):
        raise ValueError(f"a {search.kind} has no points to propose")
    first = index * search.replicates_total
    trials = tuple(
        Trial(f"{first + offset:06d}", recipe, {**values, **replicate})
        for offset, replicate in enumerate(_points(search.replicates))
    )
    return Pack(f"{index:06d}", trials)


def point_group(pack: Pack) -> Group:
    """The group that a search point is; its key: the values that its replicates share."""
    first = pack.trials[0]
    search = first.base.trials
    if not isinstance(search, Search):
        raise ValueError(f"a pack of a {search.kind} is not a point")
    key = {name: value for name, value in first.point.items() if name in search.space}
    return Group(pack.id, key, tuple(trial.id for trial in pack.trials))


def is_batched(axis: Axis, batches_over: tuple[str, ...]) -> bool:
    """Whether trials that differ in this axis may share a pack: in all arguments that it sets."""
    paths = {path for value in axis.values or () for path in addresses_of(axis.path, value)} or {axis.path}
    return all(path.rpartition(".")[2] in batches_over for path in paths)


def _points(axes: Mapping[str, Axis]) -> Iterator[dict[str, Any]]:
    """Every combination of axis values, the last axis fastest; one empty point without axes."""
    names = tuple(axes)
    for combination in product(*(axis.points for axis in axes.values())):
        yield dict(zip(names, combination, strict=True))


def _together(
    trials: Sequence[Trial], places: Sequence[tuple[int, ...]], axes: Sequence[int]
) -> dict[tuple[int, ...], list[Trial]]:
    """The trials by their places along the given axes, in order of first appearance."""
    found: dict[tuple[int, ...], list[Trial]] = {}
    for trial, place in zip(trials, places, strict=True):
        found.setdefault(tuple(place[axis] for axis in axes), []).append(trial)
    return found


def _chunks(parts: Mapping[Any, list[Trial]], size: int) -> Iterator[list[Trial]]:
    """Packs of ``size`` of near-equal length: 30 trials at 25 make two packs of 15."""
    for part in parts.values():
        count = math.ceil(len(part) / size)
        edges = [len(part) * index // count for index in range(count + 1)]
        yield from (part[low:high] for low, high in pairwise(edges))


def _groups(
    recipe: Recipe, names: Sequence[str], trials: Sequence[Trial], places: Sequence[tuple[int, ...]]
) -> tuple[Group, ...]:
    if recipe.groups is None:
        return ()
    by = recipe.groups.by
    parts: Iterable[list[Trial]] = _together(trials, places, [names.index(name) for name in by]).values()
    return tuple(
        Group(
            f"{index:06d}",
            {name: part[0].point[name] for name in by},
            tuple(trial.id for trial in part),
        )
        for index, part in enumerate(parts)
    )


def _named(point: Mapping[str, Any]) -> str:
    """Axis values in words, as everything that people see calls trials, groups and points."""
    return " ".join(f"{axis}={_shown(value)}" for axis, value in cells(point).items())


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and "use" in value:
        return str(value["use"]).rpartition(":")[2]
    if isinstance(value, dict):
        return ",".join(f"{key}:{_shown(item)}" for key, item in value.items())
    return str(value)
