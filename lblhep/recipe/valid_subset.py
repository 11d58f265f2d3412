"""Keep the sound parts of a faulty recipe, so that they can be checked although others have a wrong form.

The faulty parts are taken out, or replaced where a recipe cannot do without them, until the schema accepts
the rest.  Nothing is ever launched from it: it exists to find more faults in one go.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError

from lblhep.recipe import checks
from lblhep.recipe.marks import Keys, dotted
from lblhep.recipe.problems import address

REQUIRED_PARTS: dict[Keys, Any] = {
    ("schema",): "lblhep/recipe@1",
    ("study",): "unnamed",
    ("task",): {"use": "absent:Task"},
    ("trials",): {"kind": "single"},
    ("trials", "expect"): 1,
    ("trials", "points"): 1,
    ("trials", "objective"): {"metric": "unnamed", "goal": "maximize"},
}
"""What stands in for a part that must be there."""

MAX_ROUNDS = 20
"""Taking out one part may show another to be faulty, but not this often."""


def valid_subset(
    values: dict[str, Any], model: type[BaseModel]
) -> tuple[dict[str, Any], frozenset[str]] | None:
    """Return the values without their faulty parts, and the addresses of these; None where nothing is
    left."""
    gone: set[str] = set()
    values = deepcopy(values)
    for _ in range(MAX_ROUNDS):
        faulty = [fault.keys for fault in checks.faults(values)]
        try:
            model.model_validate(values)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                total = details.get("ctx", {}).get("total")
                if total is None:
                    faulty.append(address(details))
                else:  # a wrong count says what the right one is
                    values["trials"]["expect"] = total
        else:
            if not faulty:
                return values, frozenset(gone)
        gone |= {dotted(_take_out(values, keys)) for keys in faulty}
    return None


def lies_in(path: str, gone: frozenset[str]) -> bool:
    """Return whether an address is one of those that were taken out, or inside one.

    >>> lies_in("task.steps", frozenset({"task"})), lies_in("tasks", frozenset({"task"}))
    (True, False)
    """
    ends = [place for place, letter in enumerate(path) if letter in ".["]
    return not gone.isdisjoint(path[:end] for end in (*ends, len(path)))


def _take_out(values: dict[str, Any], keys: Keys) -> Keys:
    """Removes the part at an address, or the nearest part around it that can go; its address comes back."""
    if keys[-1] == "use":  # without it a component would be a mere mapping
        keys = keys[:-1]
    for length in range(len(keys), 0, -1):
        place = keys[:length]
        holder, last = _inside(values, place[:-1]), place[-1]
        if not isinstance(holder, dict):
            continue
        if place[:2] == ("trials", "axes"):
            values["trials"].pop("pack", None)  # without this axis it may look too large
        if place in REQUIRED_PARTS and holder.get(last) != REQUIRED_PARTS[place]:
            holder[last] = deepcopy(REQUIRED_PARTS[place])
            return place
        if place not in REQUIRED_PARTS and last in holder:
            del holder[last]
            return place
    return keys


def _inside(values: Any, keys: Keys) -> Any:
    for key in keys:
        inside = isinstance(values, dict) and key in values
        values = values[key] if inside or (isinstance(values, list) and isinstance(key, int)) else None
    return values
