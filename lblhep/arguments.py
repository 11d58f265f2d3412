"""Whether arguments fit a signature: names always, types where the annotations are ours and plain."""

from __future__ import annotations

import inspect
import json
import sys
import sysconfig
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from lblhep.recipe import Component
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.problems import wording
from lblhep.recipe.text import Keys, dotted


@dataclass(frozen=True)
class ArgumentFault:
    """One argument, or a part of one, that does not fit."""

    keys: Keys
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{dotted(self.keys)}: {self.message}" + (self.hint and f"; {self.hint}")


@lru_cache(maxsize=1024)
def parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a callable takes by name; under ``**`` if it takes any name. Empty if it has no signature."""
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
    target: Callable[..., Any], arguments: Mapping[str, Any], given: Set[str]
) -> list[ArgumentFault]:
    """Unknown, missing and mistyped arguments. ``given``: the names that the harness offers besides."""
    named = parameters(target)
    name = getattr(target, "__name__", "the component")
    found = []
    for argument, value in arguments.items():
        if argument in named:
            found += _type_faults(target, named[argument], value)
        elif "**" not in named:
            hint = did_you_mean(argument, [known for known in named if known not in given])
            found.append(ArgumentFault((argument,), f"{name} takes no such argument", hint))
    return found + [
        ArgumentFault((argument,), f"is missing: {name} needs it")
        for argument, parameter in named.items()
        if isinstance(target, type)  # a function is called with more later
        and argument != "**"
        and parameter.default is parameter.empty
        and argument not in arguments
        and argument not in given
    ]


def _type_faults(target: Callable[..., Any], parameter: inspect.Parameter, value: Any) -> list[ArgumentFault]:
    """The faults of one value against its annotation; what cannot be judged passes."""
    if not is_ours(target) or _holds_component(value) or value is parameter.default:
        return []
    adapter = _adapter(target, parameter.name)
    if adapter is None:
        return []
    try:
        # As JSON: a list may stand for a tuple, an integer for a float, but no text for a number.
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]  # of a union, each alternative reports its own
        places = takewhile(lambda step: isinstance(step, int), first["loc"])
        return [ArgumentFault((parameter.name, *places), wording(first))]
    return []


@lru_cache(maxsize=1024)
def _adapter(target: Callable[..., Any], name: str) -> TypeAdapter[Any] | None:
    """A validator of one annotation, or None where pydantic cannot make one (arrays, tensors, Any)."""
    annotation = parameters(target)[name].annotation
    if isinstance(annotation, str):
        annotation = _evaluated(annotation, target)
    if annotation in (inspect.Parameter.empty, Any, None):
        return None
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, NameError, TypeError):
        return None


def _evaluated(annotation: str, target: Callable[..., Any]) -> Any:
    """A postponed annotation's type; Any where its names exist for type checkers only."""
    module = sys.modules.get(getattr(target, "__module__", ""))
    try:
        return eval(annotation, vars(module) if module else {})
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any


@lru_cache(maxsize=1024)
def is_ours(target: Callable[..., Any]) -> bool:
    """Whether the annotations are ours or the user's: other packages' are often looser than their words."""
    name = getattr(target, "__module__", None) or ""
    if name.split(".")[0] in ("lblhep", "experiments"):
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return False
    folders = [Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return not any(Path(file).is_relative_to(folder) for folder in folders)


def _holds_component(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_component(item) for item in value.values())
    return isinstance(value, Component) or (
        isinstance(value, list) and any(_holds_component(item) for item in value)
    )
