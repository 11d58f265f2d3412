"""Find the objects of a YODA file, each between a BEGIN and an END, in the three versions of the format.

    # BEGIN YODA_SCATTER2D /REF/...      version 1; the "# " may be missing, the path may stand in Path= alone
    Path=/REF/...                        annotations are the lines with "=" or ":", wherever they stand
    BEGIN YODA_SCATTER2D_V2 /REF/...     version 2
    Path: /REF/...                       annotations are the lines before "---"
    ---
    BEGIN YODA_ESTIMATE1D_V3 /REF/...    version 3; what says how to read the rows comes after "---"
    Path: /REF/...
    ---
    Edges(A1): [...]

So does YODA's own reader take them apart (``ReaderYODA.cc``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lblhep.surrogates.exchange.files import FormatError

HEADER = re.compile(r"([^:=\s]+)(?::\s|:$|=)\s*(.*)")
VERSION = re.compile(r"_V\d+$")  # of a type; the first version has none


@dataclass
class Block:
    """A block is one object of a file: its type, path, headers and rows of words, each with its line."""

    kind: str
    path: str
    line: int
    headers: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def blocks(path: Path | str, text: str) -> Iterator[Block]:
    """Yield the objects of a file in order; FormatError names one without an end."""
    block: Block | None = None
    annotations = False
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.lstrip("# ").split()
        begins = len(words) > 1 and words[0] == "BEGIN" and words[1].startswith("YODA_")
        if block is None and begins:
            block = Block(words[1], words[2] if len(words) > 2 else "", number)
            annotations = bool(VERSION.search(block.kind))
        elif block is None or not words:
            continue
        elif begins:
            break
        elif words[0] == "END" and len(words) > 1:
            block.path = block.path or block.headers.get("Path", "")
            yield block
            block = None
        elif line.strip() == "---":
            annotations = False
        elif not line.startswith("#"):
            _take(block, number, line.strip(), annotations)
    if block is not None:
        raise FormatError(path, f"line {block.line}", f"{block.path} has no END", "was the file cut off?")


def _take(block: Block, number: int, line: str, annotation: bool) -> None:
    """Put a line into the headers or the rows of its object."""
    header = HEADER.fullmatch(line)
    if header:
        block.headers[header[1]] = header[2]
    elif not annotation:
        block.rows.append((number, line.split()))


def listed(path: Path | str, block: Block, header: str) -> list[Any]:
    """Return the list that a header holds; FormatError if there is no such header or no list in it."""
    place = f"line {block.line}"
    if header not in block.headers:
        raise FormatError(path, place, f"{block.path} has no {header}", "export it again with YODA 2")
    try:
        content = json.loads(block.headers[header])
    except json.JSONDecodeError:
        content = None
    if not isinstance(content, list):
        raise FormatError(path, place, f"{header} of {block.path} is no list", "expected [..., ...]")
    return content


def edges_of(path: Path | str, block: Block) -> list[float]:
    """Return the edges of the bins of version 3; FormatError names one that is no number."""
    edges = []
    for edge in listed(path, block, "Edges(A1)"):
        try:
            edges.append(float(edge))
        except (TypeError, ValueError):
            problem = f"{edge!r:.60} among Edges(A1) of {block.path} is no number"
            raise FormatError(
                path, f"line {block.line}", problem, "leave the table out of the file"
            ) from None
    return edges


def binned_rows(
    path: Path | str, block: Block, *, discrete: bool = False
) -> Iterator[tuple[float, float, int, list[str]]]:
    """Yield the ends of each bin of version 3 that is not masked, with its line and words.

    There is a row before the first bin and one after the last, for what lies outside; ``discrete`` bins have
    one number instead of two ends, and the first of these rows alone.
    """
    edges = edges_of(path, block)
    masked = listed(path, block, "MaskedBins") if "MaskedBins" in block.headers else []
    expected = len(edges) + 1
    if len(block.rows) != expected:
        problem = f"{len(block.rows)} rows for {len(edges)} edges of {block.path}"
        raise FormatError(path, f"line {block.line}", problem, f"expected {expected}, with those outside")
    lows, highs = (edges, edges) if discrete else (edges[:-1], edges[1:])
    for index, (low, high) in enumerate(zip(lows, highs, strict=True), start=1):  # 0 lies below all bins
        if index not in masked:
            yield low, high, *block.rows[index]


def number(path: Path | str, line: int, word: str) -> float:
    """Return the number that a word stands for; FormatError names its line."""
    try:
        return float(word)
    except ValueError:
        raise FormatError(path, f"line {line}", f"{word!r} is no number", "correct the column") from None
