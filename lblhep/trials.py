"""Turn a recipe's sections ``trials:`` and ``groups:`` into trials, packs and groups."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise, product
from typing import Any

from lblhep.recipe import Axis, Recipe, Search, cells
from lblhep.recipe.axis_values import addresses_of


@dataclass(frozen=True)
class Trial:
    """Holds one point of a recipe, which costs little: its recipe is made and validated when it is read."""

    id: str
    base: Recipe = field(repr=False, compare=False)
    point: dict[str, Any]

    @cached_property
    def recipe(self) -> Recipe:
        """Return the recipe with the axis values filled in; RecipeError is raised if they do not fit."""
        return self.base.at(self.point)

    @property
    def name(self) -> str:
        """Return the axis values in words, such as ``window=3 fold=1``."""
        return _named(self.point) or self.base.study

    def __getstate__(self) -> dict[str, Any]:
        """Leave the trial's own recipe out: workers get the base recipe (once for a pack) and make it."""
        return {"id": self.id, "base": self.base, "point": self.point}


@dataclass(frozen=True)
class Pack:
    """Holds the trials that a task executes together."""

    id: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Group:
    """Holds the trials (by id) that mean something only together, and the axis values that they share."""

    id: str
    key: dict[str, Any]
    trials: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the values of the key in words, such as ``window=3``."""
        return _named(self.key) or "all trials"


@dataclass(frozen=True)
class ScanPlan:
    """Cuts a single trial or a scan into packs and groups before the launch starts."""

    trials: tuple[Trial, ...]
    packs: tuple[Pack, ...]
    groups: tuple[Group, ...]

    @property
    def partition(self) -> dict[str, list[str]]:
        """Return the ids of each pack's trials, by the pack's id."""
        return {pack.id: [trial.id for trial in pack.trials] for pack in self.packs}

    def cut_as(self, partition: Mapping[str, Sequence[str]]) -> ScanPlan:
        """Return this plan with its trials cut into the packs of ``partition`` (pack id -> trial ids)."""
        trials = {trial.id: trial for trial in self.trials}
        cut = (Pack(pack, tuple(trials[trial] for trial in ids)) for pack, ids in partition.items())
        return replace(self, packs=tuple(cut))

    def pack_of(self, pack: str, point: Mapping[str, Any] | None = None) -> Pack:
        """Return the pack of this id; a scan knows its values without a ``point``."""
        return self._by_id[pack]

    def groups_of(self, pack: Pack) -> dict[str, Group]:
        """Return the group of each of the pack's trials that has one, by the trial's id."""
        return {t.id: self._group_of[t.id] for t in pack.trials if t.id in self._group_of}

    def point_of(self, pack: Pack) -> None:
        """Return no group, since no pack of a scan is a point of a search."""

    def pack_holding(self, trial: str) -> str:
        """Return the id of the pack that a trial is in."""
        return next(pack.id for pack in self.packs if any(one.id == trial for one in pack.trials))

    def remaining(self, committed: Collection[str]) -> list[Pack]:
        """Return the packs that are not among the ``committed`` ones."""
        return [pack for pack in self.packs if pack.id not in committed]

    @property
    def sizes(self) -> list[int]:
        """Return the number of trials of each pack."""
        return [len(pack.trials) for pack in self.packs]

    @cached_property
    def _by_id(self) -> dict[str, Pack]:
        return {pack.id: pack for pack in self.packs}

    @cached_property
    def _group_of(self) -> dict[str, Group]:
        return {trial: group for group in self.groups for trial in group.trials}


@dataclass(frozen=True)
class SearchPlan:
    """Plans a search: its points are proposed one by one, and each is a pack and a group at once."""

    recipe: Recipe
    search: Search
    trials: tuple[Trial, ...] = ()
    packs: tuple[Pack, ...] = ()
    groups: tuple[Group, ...] = ()
    partition: None = None

    def pack_of(self, pack: str, point: Mapping[str, Any] | None = None) -> Pack:
        """Return the pack of this id at the values ``point``, without which there is none."""
        assert point is not None
        return point_pack(self.recipe, int(pack), point)

    def groups_of(self, pack: Pack) -> dict[str, Group]:
        """Return the group that the pack is, by the id of each of its trials."""
        point = point_group(pack)
        return dict.fromkeys(point.trials, point)

    def point_of(self, pack: Pack) -> Group:
        """Return the group that the pack is."""
        return point_group(pack)

    def pack_holding(self, trial: str) -> str:
        """Return the id of the pack that a trial is in."""
        return f"{int(trial) // self.search.replicates_total:06d}"

    def remaining(self, committed: Collection[str]) -> list[int]:
        """Return the numbers of the points that are not among the ``committed`` packs."""
        return [index for index in range(self.search.points) if f"{index:06d}" not in committed]

    @property
    def sizes(self) -> list[int]:
        """Return the number of trials of each pack."""
        return [self.search.replicates_total] * self.search.points


Plan = ScanPlan | SearchPlan


def plan(recipe: Recipe, batches_over: tuple[str, ...]) -> Plan:
    """Return the plan of a recipe of any kind; ``batches_over`` as for ``scan_plan``."""
    if isinstance(recipe.trials, Search):
        return SearchPlan(recipe, recipe.trials)
    return scan_plan(recipe, batches_over)


def scan_plan(recipe: Recipe, batches_over: tuple[str, ...]) -> ScanPlan:
    """Return the trials of a single or scan in row-major order of the axes, their packs and their groups.

    Trials that differ in an axis over which the task cannot batch never share a pack.  Packs hold at most the
    recipe's ``pack`` trials, in near-equal parts.

    Args:
        batches_over: the arguments that the task can vary inside a pack; an axis is one of them if the last
            step of its path is.

    Raises:
        ValueError: the recipe is a search, whose points are not known beforehand (see ``point_pack``).
    """
    if isinstance(recipe.trials, Search):
        raise ValueError("a search has no plan: its points are proposed one by one")
    axes = recipe.trials.listed_axes
    # Places along the axes rather than values: a value may be a list or a mapping.
    places = list(product(*(range(len(axis.points)) for axis in axes.values())))
    trials = tuple(Trial(f"{index:06d}", recipe, point) for index, point in enumerate(_points(axes)))
    apart = [index for index, axis in enumerate(axes.values()) if not is_batched(axis, batches_over)]
    packs = tuple(
        Pack(f"{index:06d}", tuple(pack))
        for index, pack in enumerate(_chunks(_together(trials, places, apart), recipe.trials.pack))
    )
    return ScanPlan(trials, packs, _groups(recipe, tuple(axes), trials, places))


def point_pack(recipe: Recipe, index: int, values: Mapping[str, Any]) -> Pack:
    """Return all replicates of point number ``index`` of a search, at the proposed ``values``."""
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
    """Return the group that a search point is; its key holds the values that its replicates share."""
    first = pack.trials[0]
    search = first.base.trials
    if not isinstance(search, Search):
        raise ValueError(f"a pack of a {search.kind} is not a point")
    key = {name: value for name, value in first.point.items() if name in search.space}
    return Group(pack.id, key, tuple(trial.id for trial in pack.trials))


def goal(recipe: Recipe) -> tuple[str, str] | None:
    """Return (metric, "maximize" or "minimize"): a search's objective, else the first metric with a goal."""
    if (objective := recipe.trials.objective) is not None:
        return objective.metric, objective.goal
    return next(((name, metric.goal) for name, metric in recipe.metrics.items() if metric.goal), None)


def is_batched(axis: Axis, batches_over: tuple[str, ...]) -> bool:
    """Say whether trials that differ in this axis, in all arguments that it sets, may share a pack."""
    paths = {path for value in axis.values or () for path in addresses_of(axis.path, value)} or {axis.path}
    return all(path.rpartition(".")[2] in batches_over for path in paths)


def _points(axes: Mapping[str, Axis]) -> Iterator[dict[str, Any]]:
    """Yield every combination of axis values, the last axis fastest; one empty point without axes."""
    names = tuple(axes)
    for combination in product(*(axis.points for axis in axes.values())):
        yield dict(zip(names, combination, strict=True))


def _together(
    trials: Sequence[Trial], places: Sequence[tuple[int, ...]], axes: Sequence[int]
) -> dict[tuple[int, ...], list[Trial]]:
    """Return the trials by their places along the given axes, in order of first appearance."""
    found: dict[tuple[int, ...], list[Trial]] = {}
    for trial, place in zip(trials, places, strict=True):
        found.setdefault(tuple(place[axis] for axis in axes), []).append(trial)
    return found


def _chunks(parts: Mapping[Any, list[Trial]], size: int) -> Iterator[list[Trial]]:
    """Yield packs of at most ``size`` trials, near-equal in length: 30 trials at 25 make two packs of 15."""
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
    """Return axis values in words, as everything that people see calls trials, groups and points."""
    return " ".join(f"{axis}={_shown(value)}" for axis, value in cells(point).items())


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and "use" in value:
        return str(value["use"]).rpartition(":")[2]
    if isinstance(value, dict):
        return ",".join(f"{key}:{_shown(item)}" for key, item in value.items())
    return str(value)
