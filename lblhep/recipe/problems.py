"""Put pydantic's errors into our words, at the lines that they come from."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lblhep.errors import Problem
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.marks import Keys, Mark, Marks, dotted
from lblhep.recipe.text import Document

EXPECTED_TYPES = {
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "float_type": "a number",
    "int_type": "an integer",
    "list_type": "a list",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "string_type": "text",
    "tuple_type": "a list",
}
"""What pydantic's type errors ask for."""


def translate(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """Return one problem for each of pydantic's errors."""
    return [_problem(details, document, model) for details in error.errors(include_url=False)]


def problem_at(marks: Marks, file: str, keys: Keys, message: str, hint: str = "") -> Problem:
    """Return a problem placed at ``keys`` or at the nearest written key above.

    Args:
        marks: where the document's keys are written.
        file: the document's file.
        keys: the address of what is wrong.
        message: what is wrong.
        hint: what may help.
    """
    mark = marks.nearest(keys) or Mark(file, 1, 1)
    by = f" ({mark.by})" if mark.by else ""
    return Problem(mark.file, mark.line, mark.column, dotted(keys), message + by, hint)


def _problem(details: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    keys, hint = address(details), ""
    match details["type"]:
        case "extra_forbidden":
            hint = did_you_mean(str(keys[-1]), known_keys(model, keys[:-1], document.values))
        case "union_tag_not_found":
            hint = "one of single, scan, search"
        case "union_tag_invalid":
            hint = did_you_mean(str(details["ctx"]["tag"]), ("single", "scan", "search"))
    message = _pattern(keys, details) if details["type"] == "string_pattern_mismatch" else wording(details)
    return problem_at(document.marks, document.file, keys, message, hint)


def wording(details: ErrorDetails) -> str:
    """Return what one of pydantic's errors says, in our words."""
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    match kind:
        case "recipe":
            return str(context["message"])
        case "missing" | "union_tag_not_found":
            return "is missing"
        case "extra_forbidden":
            return "is not known"
        case "union_tag_invalid":
            return f"must be one of {context['expected_tags']}, not '{context['tag']}'"
        case "literal_error":
            return f"must be {context['expected']}, not {shown(given)}"
        case "too_short":
            return f"needs at least {context['min_length']} entries, not {context['actual_length']}"
        case "too_long":
            return f"takes {context['max_length']} entries, not {context['actual_length']}"
        case "greater_than_equal":
            return f"must be at least {context['ge']}, not {shown(given)}"
        case _ if kind in EXPECTED_TYPES:
            return f"must be {EXPECTED_TYPES[kind]}, not {shown(given)}"
        case _:
            return details["msg"][:1].lower() + details["msg"][1:]


def address(details: ErrorDetails) -> Keys:
    """Return where one of pydantic's errors stands: its location without the names of alternatives."""
    alternatives = ("<component>", "<map>", "<list>", "<value>", "[key]")
    plain = [step for step in details["loc"] if step not in alternatives]
    if plain[:1] == ["trials"] and len(plain) > 1 and plain[1] in ("single", "scan", "search"):
        del plain[1]
    if details["type"] == "recipe" and details["ctx"]["key"]:
        plain.append(details["ctx"]["key"])
    if details["type"] in ("union_tag_not_found", "union_tag_invalid"):
        plain.append("kind")
    return tuple(plain)


def _pattern(keys: Keys, details: ErrorDetails) -> str:
    given = details["input"]
    if keys[-1] == "use":
        return f"must be an import path `module:Attribute`, not {shown(given)}"
    if keys[-1] == "path":
        return f"must be a dotted address such as `datasets.name.argument`, not {shown(given)}"
    return f"must be a word of letters, digits, `_` and `-`, not {shown(given)}"


def shown(value: Any) -> str:
    """Return a value as the user wrote it, kept short."""
    match value:
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            text = f"{value[:60]}..." if len(value) > 60 else value
            return f"the text {text!r}"
        case _:
            return str(value)


def known_keys(model: Any, keys: Keys, values: Any) -> list[str]:
    """Return the keys that the schema knows at an address, for hints."""
    found = model
    for key in keys:
        found, values = _below(found, key, values), values.get(key, {}) if isinstance(values, dict) else {}
    return [field.alias or name for cls in _models(found, values) for name, field in cls.model_fields.items()]


def _below(annotation: Any, key: str | int, values: Any) -> Any:
    """Return the annotation of what stands under ``key``."""
    for cls in _models(annotation, values):
        for name, field in cls.model_fields.items():
            if key == (field.alias or name):
                return field.annotation
    return get_args(annotation)[-1] if get_origin(annotation) is dict else None


def _models(annotation: Any, values: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation allows; of tagged ones, only the one whose ``kind`` the values
    have."""
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return [cls for part in get_args(annotation) for cls in _models(part, values)]
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    tag = annotation.model_fields.get("kind")
    kind = values.get("kind") if isinstance(values, dict) else None
    if tag is not None and get_origin(tag.annotation) is Literal and kind not in get_args(tag.annotation):
        return []
    return [annotation]
