"""Overrides: dotted addresses and the values to put there, from a profile or from the command line.

A profile may build on another one, ``extends: full``, whose overrides then come first.

An override names something that the recipe holds. New names are accepted only in the maps of named things
(data sets, axes, ...), and as arguments of a component, whose signature ``lblhep.validate`` then asks; keys
of the recipe's own sections need not be written either, since the schema knows them.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from lblhep.errors import Problem, RecipeError
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.problems import problem_at
from lblhep.recipe.text import Document, Keys, Mark, parse_value

NAMED: tuple[Keys, ...] = (
    ("datasets",),
    ("models",),
    ("metrics",),
    ("profiles",),
    ("trials", "axes"),
    ("trials", "space"),
    ("trials", "replicates"),
)
"""The maps of named things."""

OWN: tuple[Keys, ...] = (
    (),
    ("resources",),
    ("tracking",),
    ("notify",),
    ("groups",),
    ("trials",),
    ("trials", "objective"),
)
"""The recipe's own sections: the schema itself refuses a key that they do not have."""

EXTENDS = "extends"
"""The one entry of a profile that is no override: the name of a profile that is applied before it."""


def apply_profile(document: Document, name: Any, below: tuple[str, ...] = ()) -> list[Problem]:
    """Applies ``profiles.<name>`` to the document in place; what cannot be applied is returned.

    Args:
        name: as written; what is no name is no profile.
        below: the profiles that extend this one.
    """
    profiles = document.values.get("profiles")
    known = profiles if isinstance(profiles, dict) else {}
    if not isinstance(name, str) or name not in known:
        place: Keys = ("profiles", below[-1], EXTENDS) if below else ("profiles",)
        hint = did_you_mean(str(name), known) if known else "the recipe has no profiles"
        return [problem_at(document.marks, document.file, place, f"there is no profile `{name}`", hint)]
    if name in below:
        return [_circle(document, below[below.index(name) :])]
    faults = []
    entries = dict(known[name]) if isinstance(known[name], dict) else {}
    if EXTENDS in entries:
        faults += apply_profile(document, entries.pop(EXTENDS), (*below, name))
    for address, value in entries.items():
        prefix: Keys = ("profiles", name, address)
        marks = {
            keys[3:]: Mark(mark.file, mark.line, mark.column, f"profile {name}")
            for keys, mark in document.marks.items()
            if keys[:3] == prefix
        }
        faults += _put(document, address, deepcopy(value), marks)
    return faults


def _circle(document: Document, profiles: tuple[str, ...]) -> Problem:
    """The one problem of profiles that extend one another in a circle, from whichever it was entered."""
    first = profiles.index(min(profiles))
    profiles = profiles[first:] + profiles[:first]
    message = f"extends itself: {' -> '.join([*profiles, profiles[0]])}"
    return problem_at(document.marks, document.file, ("profiles", profiles[0], EXTENDS), message)


def apply_assignments(document: Document, assignments: tuple[str, ...]) -> list[Problem]:
    """Applies ``a.b.c=value`` texts to the document in place; what cannot be applied is returned."""
    faults = []
    for text in assignments:
        address, equals, written = text.partition("=")
        if not equals or not address:
            message = f"{text!r} is no override"
            faults.append(Problem("command line", 0, 0, "", message, "write it as a.b.c=value"))
            continue
        try:
            value = parse_value(written, "command line")
        except RecipeError as error:
            faults += [Problem("command line", 0, 0, address, fault.message) for fault in error.problems]
            continue
        faults += _put(document, address, value, {(): Mark("command line")})
    return faults + [fault for text in assignments for fault in _swept(document, text.partition("=")[0])]


def _swept(document: Document, address: str) -> list[Problem]:
    """The problem of an address that an axis sets in every trial: an override there has no effect."""
    trials = document.values.get("trials")
    axes = trials.get("axes") if isinstance(trials, dict) else None
    return [
        Problem(
            "command line",
            0,
            0,
            address,
            f"the axis `{name}` sets it in every trial",
            f"override trials.axes.{name}.{'range' if 'range' in axis else 'values'}, and trials.expect",
        )
        for name, axis in (axes.items() if isinstance(axes, dict) else ())
        if isinstance(axis, dict) and axis.get("path") == address
    ]


def _put(document: Document, address: str, value: Any, marks: dict[Keys, Mark]) -> list[Problem]:
    """Sets one address and its marks, or returns the problem that it names nothing."""
    *above, last = keys = tuple(address.split("."))
    source = marks[()]
    values: Any = document.values
    for depth, key in enumerate(above):
        here = keys[:depth]
        if key not in values and here in OWN and (*here, key) in OWN:
            values[key] = {}
        if key not in values or not isinstance(values[key], dict):
            return [_nothing(source, address, here, key, values)]
        values = values[key]
    if last not in values and not _takes_new(tuple(above), values):
        return [_nothing(source, address, tuple(above), last, values)]
    values[last] = value
    document.marks = {place: mark for place, mark in document.marks.items() if place[: len(keys)] != keys}
    document.marks |= {(*keys, *below): mark for below, mark in marks.items()}
    return []


def _takes_new(keys: Keys, values: dict[str, Any]) -> bool:
    """Whether the mapping at ``keys`` accepts a key that it does not hold yet."""
    return keys in OWN or keys in NAMED or keys[:-1] in NAMED or "use" in values


def _nothing(source: Mark, address: str, above: Keys, key: str, values: dict[str, Any]) -> Problem:
    """The problem of an address whose step ``key`` is not there, or is no mapping."""
    place = ".".join(map(str, above)) or "the recipe"
    by = f" ({source.by})" if source.by else ""
    if key in values:
        what = "a list" if isinstance(values[key], list) else f"the value {values[key]!r}"
        step = ".".join(map(str, (*above, key)))
        message, hint = f"goes through {step}, which is {what}", f"override {step} as a whole"
    else:
        message, hint = f"names nothing: {place} has no `{key}`", did_you_mean(key, values)
    return Problem(source.file, source.line, source.column, address, message + by, hint)
