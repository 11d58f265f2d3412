"""YODA files of reference data: Scatter2D of YODA 1, Estimate1D of YODA 2, as Rivet ships them; also gzipped.

    BEGIN YODA_SCATTER2D_V2 /REF/ALEPH_1996_S3486095/d01-x01-y01        x, its errors down and up, y, errors
    BEGIN YODA_ESTIMATE1D_V3 /REF/...              Edges(A1): [...], then value and signed errors by source

An Estimate1D has a row before its first bin and one after the last, for what lies outside; they are left
out, as are masked bins.  BinnedEstimate<I> has whole numbers for edges and one such row.  Everything else in
a file (Histo1D, Counter, ...) is passed over.  Numbers of bins count as ``mkScatter`` of YODA does.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.tuning.exchange.bin_ids import split_path
from experiments.tuning.exchange.files import FormatError, read_text
from experiments.tuning.exchange.reference import reference_table, total_error

SCATTER = re.compile(r"YODA_SCATTER2D(_V[123])?")
ESTIMATE = re.compile(r"YODA_(ESTIMATE1D|BINNEDESTIMATE<I>)_V3")
DIGITS = 10  # more than files have, fewer than round-off spoils
HEADER = re.compile(r"([^:\s]+):(?:\s+(.*))?")


@dataclass
class Block:
    """One object of a file: its type, path, headers and rows of words, each with its line."""

    kind: str
    path: str
    line: int
    headers: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def read_yoda(path: Path | str) -> pd.DataFrame:
    """The measured bins of a YODA file, columns as in ``reference``.

    Bins that are NaN are left out.  FormatError names the line of what is broken, and a file without any
    reference data.
    """
    blocks = list(_blocks(path, read_text(path)))
    known = [block for block in blocks if SCATTER.fullmatch(block.kind) or ESTIMATE.fullmatch(block.kind)]
    if not known:
        found = ", ".join(sorted({block.kind for block in blocks})) or "nothing"
        remedy = "expected YODA_SCATTER2D or YODA_ESTIMATE1D: a file of reference data"
        raise FormatError(path, "", f"holds {found}", remedy)
    return reference_table(row for block in known for row in _measured(path, block))


def _blocks(path: Path | str, text: str) -> Iterator[Block]:
    block: Block | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words and words[0] == "BEGIN" and len(words) > 1 and words[1].startswith("YODA_"):
            if block is not None:
                break
            block = Block(words[1], words[2] if len(words) > 2 else "", number)
        elif words and words[0] == "END" and block is not None:
            yield block
            block = None
        elif block is not None and words and not words[0].startswith(("#", "---")):
            header = HEADER.fullmatch(line.strip())
            if header:
                block.headers[header[1]] = header[2] or ""
            else:
                block.rows.append((number, words))
    if block is not None:
        raise FormatError(path, f"line {block.line}", f"{block.path} has no END", "was the file cut off?")


def _measured(path: Path | str, block: Block) -> Iterator[dict[str, Any]]:
    try:
        experiment, table = split_path(block.path)
    except ValueError:
        problem = f"the path {block.path!r} names no table"
        raise FormatError(path, f"line {block.line}", problem, "expected /REF/ANALYSIS/table") from None
    points = _points(path, block) if SCATTER.fullmatch(block.kind) else _estimates(path, block)
    for number, (low, high, value, down, up) in enumerate(points):
        if math.isfinite(value):
            yield {
                "experiment": experiment,
                "table": table,
                "bin": number,
                "x_low": low,
                "x_high": high,
                "value": value,
                "error_down": down,
                "error_up": up,
            }


def _points(path: Path | str, block: Block) -> Iterator[tuple[float, ...]]:
    for line, words in block.rows:
        if len(words) < 6:
            problem = f"{len(words)} columns in a point of {block.path}"
            raise FormatError(path, f"line {line}", problem, "expected x, x errors -+, y, y errors -+")
        x, below, above, y, down, up = (_number(path, line, word) for word in words[:6])
        low, high = x - abs(below), x + abs(above)
        # Not 0.0049999... for 0.0075 - 0.0025: an edge has no more digits than what it is made of.
        size = max(abs(low), abs(high))
        digits = DIGITS - math.floor(math.log10(size)) if size else 0
        yield round(low, digits), round(high, digits), y, abs(down), abs(up)


def _estimates(path: Path | str, block: Block) -> Iterator[tuple[float, ...]]:
    discrete = "BINNED" in block.kind
    edges = [_edge(path, block, edge) for edge in _list(path, block, "Edges(A1)")]
    labels = _list(path, block, "ErrorLabels") if "ErrorLabels" in block.headers else []
    masked = _list(path, block, "MaskedBins") if "MaskedBins" in block.headers else []
    expected = len(edges) + 1
    if len(block.rows) != expected:
        problem = f"{len(block.rows)} rows for {len(edges)} edges of {block.path}"
        raise FormatError(path, f"line {block.line}", problem, f"expected {expected}, with those outside")
    lows, highs = (edges, edges) if discrete else (edges[:-1], edges[1:])
    for index, (low, high) in enumerate(zip(lows, highs, strict=True), start=1):  # 0 lies below all bins
        line, words = block.rows[index]
        if index in masked:
            continue
        if len(words) != 1 + 2 * len(labels):
            problem = f"{len(words)} columns for {len(labels)} sources of errors"
            raise FormatError(path, f"line {line}", problem, "expected a value and two columns a source")
        value, *shifts = (0.0 if word == "---" else _number(path, line, word) for word in words)
        sources = dict(zip(labels, zip(shifts[::2], shifts[1::2], strict=True), strict=True))
        # A source without a name is the total, given beside its parts or alone.
        counted = [sources[""]] if "" in sources else list(sources.values())
        yield low, high, value, *total_error(counted)


def _list(path: Path | str, block: Block, header: str) -> list[Any]:
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


def _edge(path: Path | str, block: Block, edge: Any) -> float:
    try:
        return float(edge)
    except (TypeError, ValueError):
        problem = f"{edge!r:.60} among Edges(A1) of {block.path} is no number"
        raise FormatError(path, f"line {block.line}", problem, "leave the table out of the file") from None


def _number(path: Path | str, line: int, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise FormatError(path, f"line {line}", f"{word!r} is no number", "correct the column") from None
