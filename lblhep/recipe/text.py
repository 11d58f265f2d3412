"""Parse YAML 1.2 text to plain values, with the position of every key.

ruamel.yaml parses; this module walks its node tree rather than its objects, because the nodes know their
line and column, and because a hostile file (aliases of aliases, a thousand brackets, a repeated key) must
end in a list of problems, never in an exception or a full memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lblhep.errors import Problem, RecipeError
from lblhep.recipe.marks import Keys, Mark, Marks, dotted

MAX_FILE_BYTES = 200_000
"""Bytes. A recipe is written by a person; ruamel.yaml reads this much in a few seconds."""
MAX_DEPTH = 50
MAX_VALUES = 100_000
"""Counted as often as aliases repeat them."""


@dataclass
class Document:
    """Holds a file's values and the place of each key."""

    file: str
    values: Any
    marks: Marks = field(default_factory=Marks)


def read_text(path: Path) -> str:
    """Read the file's text. Raises RecipeError if it is absent, unreadable, too large, or not text."""
    name = str(path)
    try:
        if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
            size = path.stat().st_size / 1000
            raise _only(name, f"is {size:,.0f} kB: more than {MAX_FILE_BYTES // 1000} kB is not a recipe")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise _only(name, "there is no such file") from None
    except OSError as error:
        raise _only(name, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise _only(name, f"is not a text file (UTF-8): byte {error.start} is not") from None


def parse(text: str, file: str, faults: list[Problem] | None = None) -> Document:
    """Parse a YAML mapping. Raises RecipeError with every fault that the text has.

    Faults that leave the rest readable (a repeated key, say) go into ``faults`` instead, where that is given.
    """
    node = _compose(text, file)
    if node is None:
        raise _only(file, "is empty")
    if not isinstance(node, MappingNode):
        raise _only(file, "is not a mapping of keys to values")
    reader = _Reader(Document(file, {}))
    reader.document.values = reader.value(node, ())
    if faults is not None:
        faults += reader.problems
    elif reader.problems:
        raise RecipeError(reader.problems)
    return reader.document


def parse_value(text: str, source: str) -> Any:
    """Parse one YAML value, as an override gives it. Raises RecipeError.

    >>> parse_value("[1e-3, four]", "the command line")
    [0.001, 'four']
    """
    node = _compose(text, source)
    reader = _Reader(Document(source, None))
    value = None if node is None else reader.value(node, ())
    if reader.problems:
        raise RecipeError(Problem(source, 0, 0, "", problem.message) for problem in reader.problems)
    return value


class _BoundedComposer(Composer):
    """Stops at YAML that is too deep: ruamel's composer recurses with the depth, and Python stops late."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.parser.peek_event().start_mark
            raise MarkedYAMLError(problem=f"is nested more than {MAX_DEPTH} deep", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str, file: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _BoundedComposer
    yaml.composer  # noqa: B018  (a property: makes the composer that the next line switches)
    try:
        node: Node | None = yaml.compose(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise RecipeError([Problem(file, line, column, "", f"not YAML: {message}")]) from None
    except (YAMLError, ValueError) as error:
        message = str(error).splitlines()[0]
        raise _only(file, f"not YAML: {message}") from None
    return node


@dataclass
class _Reader:
    """Turns nodes into values and collects problems on the way."""

    document: Document
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def value(self, node: Node, keys: Keys) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            if self.count == MAX_VALUES + 1:
                message = f"more than {MAX_VALUES} values, aliases (`*name`) counted as often as used"
                self.fault(node, keys[:3], message)
            return None
        if len(keys) > MAX_DEPTH:
            self.fault(node, keys[:3], f"is nested more than {MAX_DEPTH} deep: does an alias contain itself?")
            self.count = MAX_VALUES + 1  # enough is known
            return None
        if isinstance(node, MappingNode):
            return dict(self.items(node, keys))
        if isinstance(node, SequenceNode):
            return [self.element(item, (*keys, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node, keys)

    def element(self, node: Node, keys: Keys) -> Any:
        self.mark(node, keys)
        return self.value(node, keys)

    def items(self, node: MappingNode, keys: Keys) -> Iterator[tuple[str, Any]]:
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.fault(key_node, keys, "a key must be one word, not a list or a mapping")
                continue
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in lines:
                self.fault(key_node, (*keys, key), f"the key is given twice, first on line {lines[key]}")
                continue
            if str(key_node.tag).endswith(":merge"):
                self.fault(key_node, (*keys, key), "merge keys are not part of YAML 1.2: write the keys out")
                continue
            lines[key] = line
            self.mark(key_node, (*keys, key))
            yield key, self.value(value_node, (*keys, key))

    def scalar(self, node: ScalarNode, keys: Keys) -> Any:
        kind = str(node.tag).rpartition(":")[2]
        text = str(node.value)
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return text.lower() == "true"
            if kind == "int":
                return self.integer(node, text, keys)
            if kind == "float":
                return _float(text)
        except ValueError:
            self.fault(node, keys, f"{text[:40]!r} is not a number")
            return None
        if kind not in ("str", "timestamp", "value"):
            self.fault(node, keys, f"the tag {node.tag!s:.40} is not known here")
        return text

    def integer(self, node: ScalarNode, text: str, keys: Keys) -> int | None:
        digits = text.replace("_", "")
        number = int(digits, 0 if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else 10)
        if not -(2**63) <= number < 2**63:
            self.fault(node, keys, "the integer does not fit in 64 bits")
            return None
        return number

    def mark(self, node: Node, keys: Keys) -> None:
        start = node.start_mark
        self.document.marks.add(keys, Mark(self.document.file, start.line + 1, start.column + 1))

    def fault(self, node: Node, keys: Keys, message: str) -> None:
        start = node.start_mark
        path = dotted(keys)
        self.problems.append(Problem(self.document.file, start.line + 1, start.column + 1, path, message))


def _float(text: str) -> float:
    """Parse YAML 1.2 floats: ``1e-3``, ``.5``, ``.inf``, ``-.inf``, ``.nan``."""
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _only(file: str, message: str) -> RecipeError:
    """Report the one problem of a whole file, which stands on no line of it."""
    return RecipeError([Problem(file, 0, 0, "", message)])
