"""Fill axis values into a recipe's plain values without copying what does not change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lblhep.errors import Problem, RecipeError
from lblhep.recipe.hints import did_you_mean

Addresses = dict[str, str]
"""Address -> name of the axis that sets it."""


def fill(
    values: dict[str, Any], axes: Mapping[str, str], point: Mapping[str, Any]
) -> tuple[dict[str, Any], Addresses]:
    """Return new values with ``point`` filled in; everything off the paths is shared with the old ones.

    A mapping is merged into a mapping, so that one axis can vary several arguments of a component together;
    any other value, a mapping with a ``use`` of its own included, replaces what was there.

    Raises RecipeError for a name that is no axis.

    Args:
        values: the recipe's plain values.
        axes: axis -> address.
        point: axis -> value.

    >>> fill({"task": {"steps": 3}}, {"steps": "task.steps"}, {"steps": 4})
    ({'task': {'steps': 4}}, {'task.steps': 'steps'})
    """
    addresses: Addresses = {}
    for name, value in point.items():
        if name not in axes:
            raise RecipeError(
                [Problem("point", 0, 0, name, "is not an axis of this recipe", did_you_mean(name, axes))]
            )
        addresses |= dict.fromkeys(addresses_of(axes[name], value), name)
        values = _with(values, axes[name].split("."), _plain(value))
    return values, addresses


def sets_several(value: Any) -> bool:
    """Return whether an axis value is a mapping of arguments, to be merged, rather than one argument's
    value."""
    return isinstance(value, dict) and "use" not in value


def cells(point: Mapping[str, Any]) -> dict[str, Any]:
    """Show a point as a table does: one column for each axis, or for each argument that its value sets.

    >>> cells({"init": 1, "hunt": {"window": 4, "method": "cwola"}})
    {'init': 1, 'window': 4, 'method': 'cwola'}
    """
    shown: dict[str, Any] = {}
    for axis, value in point.items():
        shown |= value if sets_several(value) else {axis: value}
    return shown


def addresses_of(path: str, value: Any) -> list[str]:
    """Return the addresses that an axis value sets."""
    return [f"{path}.{key}" for key in value] if sets_several(value) else [path]


def _with(values: dict[str, Any], steps: list[str], value: Any) -> dict[str, Any]:
    """Copy ``values`` with one address set (the mappings on its path are copied, no others)."""
    first, *rest = steps
    below = values.get(first)
    if not rest:
        return {
            **values,
            first: {**below, **value} if isinstance(below, dict) and sets_several(value) else value,
        }
    return {**values, first: _with(below if isinstance(below, dict) else {}, rest, value)}


def _plain(value: Any) -> Any:
    """Turn numpy scalars, which samplers propose, into Python's."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
