"""Read YODA files, also gzipped: reference data that Rivet ships, and histograms that a generator filled.

    BEGIN YODA_SCATTER2D_V2 /REF/ALEPH_1996_S3486095/d01-x01-y01        x, its errors down and up, y, errors
    BEGIN YODA_ESTIMATE1D_V3 /REF/...              Edges(A1): [...], then value and signed errors by source
    BEGIN YODA_HISTO1D_V2 /ALEPH_1996_S3486095/d01-x01-y01              sums over the fills of each bin

Scatter2D of YODA 1, Estimate1D of YODA 2, and histograms (``yoda_histograms``).  BinnedEstimate<I> has whole
numbers for edges.  Masked bins are left out, and so is everything else in a file (Counter, Histo2D, ...),
with what lies below /RAW and /TMP, which Rivet has not normalised yet.  Numbers of bins count as
``mkScatter`` of YODA does.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lblhep.surrogates.exchange.bin_ids import split_path
from lblhep.surrogates.exchange.files import FormatError, read_text
from lblhep.surrogates.exchange.reference import reference_table, total_error
from lblhep.surrogates.exchange.yoda_blocks import Block, binned_rows, blocks, listed, number
from lblhep.surrogates.exchange.yoda_histograms import (
    BinRow,
    binned_histogram,
    filled_histogram,
    filled_profile,
)

EDGE_DIGITS = 10  # more than files have, fewer than round-off spoils
UNFINISHED = re.compile(r"/(RAW|TMP)/.")


def read_yoda(path: Path | str) -> pd.DataFrame:
    """Read the bins of a YODA file, columns as in ``reference``.

    Bins whose value or error is NaN are left out.  A table that is broken is left out with a warning that
    names it.  FormatError names the line of what is broken where no table is left, an object that is cut
    off, and a file without any table.

    >>> import tempfile
    >>> text = "BEGIN YODA_SCATTER2D_V2 /REF/A/d01\\n---\\n0.5 0.5 0.5 3 .1 .2\\nEND YODA_SCATTER2D_V2\\n"
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write(text)
    ...     file.flush()
    ...     read_yoda(file.name)[["table", "value", "error_up"]].values.tolist()
    [['d01', 3.0, 0.2]]
    """
    rows: list[dict[str, Any]] = []
    faults: list[FormatError] = []
    places: dict[tuple[str, str], int] = {}
    known = [block for block in blocks(path, read_text(path)) if not UNFINISHED.match(block.path)]
    for block in known:
        try:
            if reader := _reader(block):
                rows += _table(path, block, reader, places)
        except FormatError as fault:
            faults.append(fault)
    if not rows:
        raise faults[0] if faults else _nothing(path, known)
    for broken in faults:
        warnings.warn(f"{broken} (the file is read without this table)", stacklevel=2)
    return reference_table(rows)


def _reader(block: Block) -> Callable[[Path | str, Block], Iterator[BinRow]] | None:
    return next((reader for kind, reader in READERS.items() if re.fullmatch(kind, block.kind)), None)


def _nothing(path: Path | str, known: list[Block]) -> FormatError:
    found = ", ".join(sorted({block.kind for block in known})) or "nothing"
    remedy = "expected YODA_SCATTER2D, YODA_ESTIMATE1D, YODA_HISTO1D or YODA_PROFILE1D with bins"
    return FormatError(path, "", f"holds {found}, and no bin with a value", remedy)


def _table(
    path: Path | str,
    block: Block,
    reader: Callable[[Path | str, Block], Iterator[BinRow]],
    places: dict[tuple[str, str], int],
) -> list[dict[str, Any]]:
    """Return the rows of a table; ``places`` are the lines of the tables that were read before."""
    try:
        place = split_path(block.path)
    except ValueError:
        problem = f"the path {block.path!r} names no table"
        raise FormatError(path, f"line {block.line}", problem, "expected /REF/ANALYSIS/table") from None
    if place in places:
        problem = f"the table {block.path} stands in line {places[place]} already"
        raise FormatError(path, f"line {block.line}", problem, "keep one of the two")
    named = dict(zip(("experiment", "table"), place, strict=True))
    columns = ("x_low", "x_high", "value", "error_down", "error_up")
    rows: list[dict[str, Any]] = [
        named | {"bin": index} | dict(zip(columns, measured, strict=True))
        for index, measured in enumerate(reader(path, block))
        if all(map(math.isfinite, measured[2:]))
    ]
    places[place] = block.line
    return rows


def _points(path: Path | str, block: Block) -> Iterator[BinRow]:
    for line, words in block.rows:
        if len(words) < 6:
            problem = f"{len(words)} columns in a point of {block.path}"
            raise FormatError(path, f"line {line}", problem, "expected x, x errors -+, y, y errors -+")
        x, below, above, y, down, up = (number(path, line, word) for word in words[:6])
        low, high = x - abs(below), x + abs(above)
        if not (math.isfinite(low) and math.isfinite(high)):
            problem = f"an edge of a point of {block.path} is not finite"
            raise FormatError(path, f"line {line}", problem, "correct x and its errors")
        # Not 0.0049999... for 0.0075 - 0.0025: an edge has no more digits than what it is made of.
        size = max(abs(low), abs(high))
        digits = EDGE_DIGITS - math.floor(math.log10(size)) if size else 0
        yield round(low, digits), round(high, digits), y, abs(down), abs(up)


def _estimates(path: Path | str, block: Block) -> Iterator[BinRow]:
    labels = listed(path, block, "ErrorLabels") if "ErrorLabels" in block.headers else []
    if not all(isinstance(label, str) for label in labels):
        problem = f"ErrorLabels of {block.path} are not all text"
        raise FormatError(path, f"line {block.line}", problem, 'expected ["name", ...]')
    for low, high, line, words in binned_rows(path, block, discrete="BINNED" in block.kind):
        if len(words) != 1 + 2 * len(labels):
            problem = f"{len(words)} columns for {len(labels)} sources of errors"
            raise FormatError(path, f"line {line}", problem, "expected a value and two columns a source")
        value, *shifts = (0.0 if word == "---" else number(path, line, word) for word in words)
        sources = dict(zip(labels, zip(shifts[::2], shifts[1::2], strict=True), strict=True))
        # A source without a name is the total, given beside its parts or alone.
        counted = [sources[""]] if "" in sources else list(sources.values())
        yield low, high, value, *total_error(counted)


READERS: Mapping[str, Callable[[Path | str, Block], Iterator[BinRow]]] = {
    r"YODA_SCATTER2D(_V[123])?": _points,
    r"YODA_(ESTIMATE1D|BINNEDESTIMATE<I>)_V3": _estimates,
    r"YODA_HISTO1D(_V2)?": filled_histogram,
    r"YODA_PROFILE1D(_V2)?": filled_profile,
    r"YODA_HISTO1D_V3": binned_histogram,
}
