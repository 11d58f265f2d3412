"""Check whether arguments fit a signature: their names, and their types by annotation or else default."""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lblhep.recipe import Component
from lblhep.recipe.hints import did_you_mean, plain_value
from lblhep.recipe.marks import Keys, dotted
from lblhep.recipe.problems import shown, wording


@dataclass(frozen=True)
class ArgumentFault:
    """This fault says which argument, or which part of one, does not fit."""

    keys: Keys
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{dotted(self.keys)}: {self.message}" + (self.hint and f"; {self.hint}")


@lru_cache(maxsize=1024)
def parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return what a callable takes by name; under ``**`` if it takes any name. Empty if it has no
    signature."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # some builtins have none: their call will tell
        return {"**": inspect.Parameter("any", inspect.Parameter.VAR_KEYWORD)}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        "**" if parameter.kind is parameter.VAR_KEYWORD else name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind in (*named, parameter.VAR_KEYWORD)
    }


def argument_faults(
    target: Callable[..., Any], arguments: Mapping[str, Any], given: Set[str], *, complete: bool = True
) -> list[ArgumentFault]:
    """Return the faults of unknown, missing and mistyped arguments.

    Args:
        given: the names that the harness offers besides.
        complete: these are all its arguments: one that it needs and does not find here is missing.
    """
    named = parameters(target)
    name = getattr(target, "__name__", "the component")
    found = []
    for argument, value in arguments.items():
        if argument in named:
            found += _type_faults(target, named[argument], value)
        elif "**" not in named:
            hint = did_you_mean(argument, [known for known in named if known not in given])
            found.append(ArgumentFault((argument,), f"{name} takes no such argument", hint))
    if not complete or not isinstance(target, type):  # a function is called with more later
        return found
    return found + [
        ArgumentFault((argument,), f"is missing: {name} needs it")
        for argument, parameter in named.items()
        if argument != "**"
        and parameter.default is parameter.empty
        and argument not in arguments
        and argument not in given
    ]


def _type_faults(target: Callable[..., Any], parameter: inspect.Parameter, value: Any) -> list[ArgumentFault]:
    """Return the faults of one value against its annotation, or its default; what neither can judge
    passes."""
    default = parameter.default
    if _holds_component(value) or value is default or (type(value) is type(default) and value == default):
        return []
    adapter = _adapter(target, parameter.name)
    if adapter is None:
        return list(_default_faults(parameter, (parameter.name,), default, value))
    try:
        # As JSON: a list may stand for a tuple, an integer for a float, but no text for a number.
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]  # of a union, each alternative reports its own
        places = takewhile(lambda step: isinstance(step, int), first["loc"])
        wants_number = first["type"] in ("bool_type", "float_type", "int_type")
        hint = plain_value(first["input"]) if wants_number and isinstance(first["input"], str) else ""
        return [ArgumentFault((parameter.name, *places), wording(first), hint)]
    return []


def _default_faults(
    parameter: inspect.Parameter, keys: Keys, default: Any, value: Any
) -> Iterator[ArgumentFault]:
    """Return the fault of text where the default is a number or a truth value, or a list of these.

    An argument without any annotation may take a word beside its number (scikit-learn's ``max_features``):
    there only text that reads as a number or a truth value is refused.
    """
    if isinstance(default, list | tuple) and isinstance(value, list):
        for place, (inner, item) in enumerate(zip(default, value, strict=False)):
            yield from _default_faults(parameter, (*keys, place), inner, item)
    elif isinstance(default, bool | int | float) and isinstance(value, str):
        hint = plain_value(value)
        if hint or parameter.annotation is not parameter.empty:
            wanted = "true or false" if isinstance(default, bool) else "a number"
            yield ArgumentFault(keys, f"must be {wanted}, not {shown(value)}", hint)


@lru_cache(maxsize=1024)
def _adapter(target: Callable[..., Any], name: str) -> TypeAdapter[Any] | None:
    """Make a validator of one annotation, or None where pydantic cannot make one (arrays, tensors, Any)."""
    annotation = parameters(target)[name].annotation
    if isinstance(annotation, str):
        annotation = _evaluated(annotation, target)
    if annotation in (inspect.Parameter.empty, Any, None):
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of other packages' types, which we cannot mend
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except Exception:  # whatever other packages' types may raise while they are looked at
        return None
    return adapter if adapter.pydantic_complete else None


def _evaluated(annotation: str, target: Callable[..., Any]) -> Any:
    """Return a postponed annotation's type; Any where its names exist for type checkers only."""
    function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    module = sys.modules.get(getattr(target, "__module__", ""))
    names = getattr(inspect.unwrap(function), "__globals__", vars(module) if module else {})
    try:
        return eval(annotation, names)
    except Exception:  # as above
        return Any


def _holds_component(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_component(item) for item in value.values())
    return isinstance(value, Component) or (
        isinstance(value, list) and any(_holds_component(item) for item in value)
    )
