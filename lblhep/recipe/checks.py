"""Find faults that show only when several sections are read together.

The checks read plain values, valid or not, so that their findings come with the schema's in one list: what
has the wrong form is passed over here, because the schema reports it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lblhep.recipe.axis_values import sets_several
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.marks import Keys
from lblhep.recipe.text import MAX_DEPTH
from lblhep.recipe.trials import RESERVED

VARIABLE_SECTIONS = ("datasets", "models", "task", "metrics", "seed")
"""The sections that an axis may vary: those that a trial is made of."""


@dataclass(frozen=True)
class Fault:
    """Says what is wrong at an address of the recipe, before the line is known."""

    keys: Keys
    message: str
    hint: str = ""


def faults(values: dict[str, Any]) -> list[Fault]:
    """Yield every fault between sections."""
    trials = _mapping(values.get("trials"))
    addresses = list(_addresses(trials))
    return [
        *(fault for keys, path in addresses for fault in _names_something(values, keys, path)),
        *_overlaps(addresses),
        *_doubles(trials),
        *_reserved(trials),
        *_groups(values, trials),
    ]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _addresses(trials: dict[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Yield every address that an axis sets, and where that is written."""
    for section in ("axes", "space", "replicates"):
        for name, axis in _mapping(trials.get(section)).items():
            path, values = _mapping(axis).get("path"), _mapping(axis).get("values")
            if not isinstance(path, str):
                continue
            keys: Keys = ("trials", section, name)
            several = [value for value in values if sets_several(value)] if isinstance(values, list) else []
            if not several:
                yield (*keys, "path"), path
            for index, value in enumerate(several):
                for key in value:
                    yield (*keys, "values", index, key), f"{path}.{key}"


def _names_something(values: dict[str, Any], keys: Keys, path: str) -> Iterator[Fault]:
    """Yield a fault unless the axis varies what the recipe holds, so that the recipe reads as one of its
    trials."""
    if path.count(".") >= MAX_DEPTH:
        steps = path.count(".") + 1
        yield Fault(keys, f"has {steps} steps: no recipe is nested more than {MAX_DEPTH} deep")
        return
    first, *rest = path.split(".")
    if first not in VARIABLE_SECTIONS:
        yield Fault(
            keys, f"`{path}` is not part of a trial", f"an axis varies one of {', '.join(VARIABLE_SECTIONS)}"
        )
        return
    here: Any = values
    done: list[str] = []
    for step in (first, *rest):
        if not isinstance(here, dict):
            hint = f"let the axis replace `{'.'.join(done)}` as a whole"
            yield Fault(keys, f"`{path}` names nothing: `{'.'.join(done)}` has no parts", hint)
            return
        if step not in here:
            place = ".".join(done) or "the recipe"
            hint = did_you_mean(step, here) or f"write `{step}` with its usual value there first"
            yield Fault(keys, f"`{path}` names nothing: {place} has no `{step}`", hint)
            return
        here = here[step]
        done.append(step)


def _overlaps(addresses: list[tuple[Keys, str]]) -> Iterator[Fault]:
    """Yield a fault for two axes on one address, or one inside the other's, which would overwrite each
    other."""
    setters: dict[str, Keys] = {}
    for keys, path in addresses:
        setters.setdefault(path, keys)
    for keys, path in addresses:
        steps = path.split(".", MAX_DEPTH)
        above = (".".join(steps[:length]) for length in range(1, len(steps) + 1))
        others = (setters[known] for known in above if known in setters)
        for other in others:
            if other[:3] != keys[:3]:
                yield Fault(keys, f"`{path}` is varied by `{other[2]}` as well")


def _doubles(trials: dict[str, Any]) -> Iterator[Fault]:
    """Yield a fault for values that an axis or a searched dimension holds twice: they would count twice."""
    for section, key in (("axes", "values"), ("space", "choices"), ("replicates", "values")):
        for name, axis in _mapping(trials.get(section)).items():
            first: dict[Any, int] = {}
            for index, value in enumerate(_list(axis, key)):
                before = first.setdefault(_identity(value), index)
                if before != index:
                    message = f"{str(value)[:60]} is given twice, first as {key}[{before}]"
                    yield Fault(("trials", section, name, key, index), message)


def _identity(value: Any) -> Any:
    """Return what equal values share: 1 and 1.0 are one value, 1 and true are two, a mapping has no order."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        return value
    return json.dumps(value, sort_keys=True)


def _reserved(trials: dict[str, Any]) -> Iterator[Fault]:
    """Yield a fault for axes, and arguments that an axis sets together, whose column in a table is taken."""
    for section in ("axes", "space", "replicates"):
        for name, axis in _mapping(trials.get(section)).items():
            values = [*_list(axis, "values"), *_list(axis, "choices")]
            columns = [name, *(key for value in values if sets_several(value) for key in value)]
            for column in dict.fromkeys(columns):
                if column in RESERVED:
                    message = f"`{column}` is a column that every table of results has"
                    yield Fault(("trials", section, name), message, "call it something else")


def _list(axis: Any, key: str) -> list[Any]:
    value = _mapping(axis).get(key)
    return value if isinstance(value, list) else []


def _groups(values: dict[str, Any], trials: dict[str, Any]) -> Iterator[Fault]:
    kind, groups = trials.get("kind"), values.get("groups")
    if kind == "search" and groups is None:
        hint = "name the component that combines a point's replicates"
        yield Fault(("trials", "objective"), "is a group metric, but the recipe has no `groups`", hint)
    by = _mapping(groups).get("by")
    names = [name for name in by if isinstance(name, str)] if isinstance(by, list) else []
    first = {name: index for index, name in reversed([*enumerate(names)])}
    if kind == "search" and names:
        yield Fault(("groups", "by"), "must be left out: in a search each point is a group")
        return
    axes = _mapping(trials.get("axes"))
    for index, name in enumerate(names):
        if name not in axes:
            hint = did_you_mean(name, axes)
            yield Fault(("groups", "by", index), f"`{name}` is not an axis of this recipe", hint)
        elif first[name] != index:
            yield Fault(("groups", "by", index), f"`{name}` is given twice")
