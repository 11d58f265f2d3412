"""Wild inputs for tests: values, and alterations of values, texts and bytes that were right before."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from lblhep.recipe.writing import to_yaml

Place = tuple[str | int, ...]

EXTREME = [2**31, 2**63 - 1, 2**63, -(2**63), 10**40, 1e308, 5e-324, "", ".", "..", "[/x]", "no", "a" * 300]
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(EXTREME)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def places(value: Any, above: Place = ()) -> list[Place]:
    """The address of everything inside a value."""
    inside: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [place for key, item in inside for place in ((*above, key), *places(item, (*above, key)))]


def holder(tree: Any, place: Place) -> Any:
    """The mapping or list that holds the value at an address."""
    for key in place[:-1]:
        tree = tree[key]
    return tree


@st.composite
def altered_values(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one to three values deleted, renamed, swapped or replaced."""
    tree = deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        found = places(tree)
        if not found:
            break
        place = draw(st.sampled_from(found))
        inside = holder(tree, place)
        match draw(st.sampled_from(["delete", "rename", "replace", "swap"])):
            case "delete":
                del inside[place[-1]]
            case "rename" if isinstance(inside, dict):
                inside[draw(st.text(max_size=6))] = inside.pop(place[-1])
            case "swap":
                other = draw(st.sampled_from(found))
                inside[place[-1]] = deepcopy(holder(tree, other)[other[-1]])
            case _:
                inside[place[-1]] = draw(values)
    return tree


@st.composite
def altered_lines(draw: st.DrawFn, text: str) -> str:
    """The text with one to four lines deleted, doubled, indented or dedented."""
    lines = text.splitlines() or [""]
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(0, len(lines) - 1)) if lines else 0
        line = lines[index] if lines else ""
        ways = {"delete": [], "double": [line, line], "indent": [f"  {line}"], "dedent": [line.strip()]}
        lines[index : index + 1] = ways[draw(st.sampled_from(sorted(ways)))]
    return "\n".join(lines)


@st.composite
def altered_characters(draw: st.DrawFn, text: str) -> str:
    """The text with a few characters inserted, up to three of them in place of others."""
    index = draw(st.integers(0, len(text)))
    return text[:index] + draw(st.text(max_size=5)) + text[index + draw(st.integers(0, 3)) :]


@st.composite
def altered_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes cut off, emptied, replaced, or with one of them altered."""
    index = draw(st.integers(0, max(len(content) - 1, 0)))
    match draw(st.sampled_from(["cut", "empty", "replace", "flip"])):
        case "cut":
            return content[:index]
        case "empty":
            return b""
        case "replace":
            return draw(st.binary(max_size=200))
        case _:
            return content[:index] + bytes([draw(st.integers(0, 255))]) + content[index + 1 :]


def yaml_or_nothing(tree: Any) -> str | None:
    """The tree as YAML; None where it holds text that YAML cannot."""
    try:
        return to_yaml(tree)
    except (ValueError, TypeError):
        return None
