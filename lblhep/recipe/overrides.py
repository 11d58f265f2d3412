"""Apply overrides, which are dotted addresses with new values, from a profile or from the command line.

A profile may build on another one, ``extends: full``, whose overrides then come first.

An override names something that the recipe holds. New names are accepted only in the maps of named things
(data sets, axes, ...), and as arguments of a component, whose signature ``lblhep.validate`` then asks; keys
of the recipe's own sections need not be written either, since the schema knows them.
"""

from __future__ import annotations

from typing import Any

from lblhep.errors import Problem, RecipeError
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.marks import Keys, Mark, Marks
from lblhep.recipe.problems import problem_at
from lblhep.recipe.text import MAX_DEPTH, Document, parse_value

NAMED_MAPS: tuple[Keys, ...] = (
    ("datasets",),
    ("models",),
    ("metrics",),
    ("profiles",),
    ("trials", "axes"),
    ("trials", "space"),
    ("trials", "replicates"),
)
"""The maps of named things."""

SCHEMA_SECTIONS: tuple[Keys, ...] = (
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


def apply_profile(document: Document, name: str) -> list[Problem]:
    """Apply ``profiles.<name>`` to the document and return what cannot be applied.

    The document's values and marks are replaced, not altered: other documents may share them.
    """
    profiles = document.values.get("profiles")
    known = profiles if isinstance(profiles, dict) else {}
    written = document.marks
    chain, faults = _chain(document, known, name)
    for each in reversed(chain):
        for address, value in _entries(known[each]).items():
            if address != EXTENDS:
                marks = written.at(("profiles", each, address)) or Marks(Mark(document.file, 1, 1))
                faults += _put(document, address, value, marks.put_by(f"profile {each}"))
    return faults


def _chain(document: Document, known: dict[str, Any], name: str) -> tuple[list[str], list[Problem]]:
    """Return the profile, the one that it extends, and so on; and why the last of them is not sound."""
    chain: list[str] = []
    place: Keys = ("profiles",)
    extended: Any = name
    while True:
        if not isinstance(extended, str) or extended not in known:
            hint = did_you_mean(str(extended), known) if known else "the recipe has no profiles"
            message = f"there is no profile `{extended}`"
            return chain, [problem_at(document.marks, document.file, place, message, hint)]
        if extended in chain:
            return chain, [_circle(document, chain[chain.index(extended) :])]
        if len(chain) == MAX_DEPTH:
            message = f"stands on more than {MAX_DEPTH} profiles, one extending the other"
            return chain, [problem_at(document.marks, document.file, place, message)]
        chain.append(extended)
        place = ("profiles", extended, EXTENDS)
        entries = _entries(known[extended])
        if EXTENDS not in entries:
            return chain, []
        extended = entries[EXTENDS]


def _circle(document: Document, profiles: list[str]) -> Problem:
    """Return the one problem of profiles that extend one another in a circle, from whichever it was
    entered."""
    first = profiles.index(min(profiles))
    profiles = profiles[first:] + profiles[:first]
    message = f"extends itself: {' -> '.join([*profiles, profiles[0]])}"
    return problem_at(document.marks, document.file, ("profiles", profiles[0], EXTENDS), message)


def _entries(profile: Any) -> dict[str, Any]:
    """Return a profile's overrides; what is no mapping has none, and the schema says so."""
    return profile if isinstance(profile, dict) else {}


def apply_assignments(document: Document, assignments: tuple[str, ...]) -> list[Problem]:
    """Apply ``a.b.c=value`` texts to the document and return what cannot be applied."""
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
        faults += _put(document, address, value, Marks(Mark("command line")))
    return faults + [fault for text in assignments for fault in _swept(document, text.partition("=")[0])]


def _swept(document: Document, address: str) -> list[Problem]:
    """Return the problem of an address that an axis sets in every trial: an override there has no effect."""
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


def _put(document: Document, address: str, value: Any, marks: Marks) -> list[Problem]:
    """Set one address and its marks, or return the problem that it names nothing."""
    source = marks.mark or Mark(document.file)
    if address.count(".") >= MAX_DEPTH:
        message = f"has {address.count('.') + 1} steps: no recipe is nested more than {MAX_DEPTH} deep"
        return [Problem(source.file, source.line, source.column, f"{address[:60]}...", message)]
    *above, last = keys = tuple(address.split("."))
    values: Any = document.values
    for depth, key in enumerate(above):
        here = keys[:depth]
        if key not in values and here in SCHEMA_SECTIONS and (*here, key) in SCHEMA_SECTIONS:
            values = {}
        elif key not in values or not isinstance(values[key], dict):
            return [_nothing(source, address, here, key, values)]
        else:
            values = values[key]
    if last not in values and not _takes_new(tuple(above), values):
        return [_nothing(source, address, tuple(above), last, values)]
    document.values = _with(document.values, keys, value)
    document.marks = document.marks.put(keys, marks)
    return []


def _with(values: dict[str, Any], keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the values with one address set; the mappings on its path are copied, no others."""
    first, *rest = keys
    return {**values, first: _with(values.get(first, {}), tuple(rest), value) if rest else value}


def _takes_new(keys: Keys, values: dict[str, Any]) -> bool:
    """Return whether the mapping at ``keys`` accepts a key that it does not hold yet."""
    return keys in SCHEMA_SECTIONS or keys in NAMED_MAPS or keys[:-1] in NAMED_MAPS or "use" in values


def _nothing(source: Mark, address: str, above: Keys, key: str, values: dict[str, Any]) -> Problem:
    """Return the problem of an address whose step ``key`` is not there, or is no mapping."""
    place = ".".join(map(str, above)) or "the recipe"
    by = f" ({source.by})" if source.by else ""
    if key in values:
        what = "a list" if isinstance(values[key], list) else f"the value {values[key]!r}"
        step = ".".join(map(str, (*above, key)))
        message, hint = f"goes through {step}, which is {what}", f"override {step} as a whole"
    else:
        message, hint = f"names nothing: {place} has no `{key}`", did_you_mean(key, values)
    return Problem(source.file, source.line, source.column, address, message + by, hint)
