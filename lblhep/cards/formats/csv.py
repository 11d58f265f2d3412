"""Read CSV files: values stand in columns below a header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lblhep.cards.formats.columns import chosen
from lblhep.errors import CardError

OPTIONS = "state `separator:`, `comment:` or `decimal:` beside the file in the card, or mend the file"
FLOAT_LIMIT = 2.0**63
"""Arrow reads integers from here on as floats."""


@dataclass(frozen=True)
class _Text:
    """A CSV file without its comments: the column names, the line that states them, and what is below it."""

    names: list[str]
    line: int  # from 1, comments counted
    skip: int  # lines up to the header's, comments not counted
    content: bytes | None  # None: the file itself, which has no comments

    def convert(
        self, path: Path, separator: str, options: dict[str, Any], names: list[str], text: bool = False
    ) -> pa.Table:
        """Read the named columns with the types that Arrow finds, or as text."""
        import pyarrow.csv as arrow

        return arrow.read_csv(
            path if self.content is None else pa.BufferReader(self.content),
            arrow.ReadOptions(skip_rows=self.skip, column_names=self.names),
            arrow.ParseOptions(delimiter=separator),
            arrow.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, pa.string()) if text else None,
                strings_can_be_null=text,
                **options,
            ),
        )


def read_csv(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    separator: str = ",",
    comment: str | None = None,
    decimal: str = ".",
) -> pa.Table:
    """Read the named columns, default all, below a header line.

    Args:
        path: the file.
        columns: their names in the file; all, if None.
        separator: stands between the values.
        comment: lines that begin with it are left out.
        decimal: stands in a number.

    Raises:
        CardError: the file cannot be read, or lacks a column.
    """
    text = _opened(path, separator, comment)
    try:
        names = chosen(f"{path}, line {text.line}", columns, text.names)
    except CardError as error:
        raise CardError(f"{error}{_hint(text.names)}") from error
    options = {"decimal_point": decimal}
    try:
        table = text.convert(path, separator, options, names)
    except pa.ArrowInvalid as error:
        raise CardError(f"{path}: cannot be read as csv: {error}; {OPTIONS}") from error
    for number, name in enumerate(names):
        if _beyond(table[name]):
            digits = text.convert(path, separator, options, [name], text=True)[name]
            table = table.set_column(number, name, _integers(path, name, digits, table[name]))
    return table


def _opened(path: Path, separator: str, comment: str | None) -> _Text:
    """Find the header, the first line that is neither empty nor a comment, and leave the comments out."""
    mark = comment.encode() if comment else None
    kept: list[bytes] = []
    line = 0
    with io.BufferedReader(pa.input_stream(str(path))) as lines:
        while not (kept and kept[-1].strip()):
            if not (text := lines.readline()):
                raise CardError(f"{path}: holds no line that could name its columns: it is empty")
            line += 1
            kept += [] if mark and text.startswith(mark) else [text]
        skip = len(kept)
        if mark is not None:
            kept += [text for text in lines if not text.startswith(mark)]
    header = kept[skip - 1].decode("utf-8-sig", errors="replace")
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
    return _Text(names, line, skip, None if mark is None else b"".join(kept))


def _hint(names: list[str]) -> str:
    """Return the option that would help, if the header is of one column or begins like a comment."""
    if names[0].startswith(("#", "%")):
        mark = names[0][0]
        return (
            f'; `comment: "{mark}"` beside the file in the card leaves out the lines that begin with {mark}'
        )
    for separator, name in ((";", ";"), ("\t", r"\t"), ("|", "|"), (" ", " ")):
        if len(names) == 1 and separator in names[0]:
            return f'; `separator: "{name}"` beside the file in the card parts them'
    return ""


def _beyond(values: pa.ChunkedArray) -> bool:
    """Return whether a column is of floats that Arrow may have made of long integers."""
    if not pa.types.is_floating(values.type):
        return False
    largest = pc.max(pc.abs(values)).as_py()
    return largest is not None and largest >= FLOAT_LIMIT


def _integers(path: Path, name: str, digits: pa.ChunkedArray, floats: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column as unsigned integers if it holds integers only, else as the floats that it is."""
    if not pc.all(pc.match_substring_regex(digits, r"^\s*[+-]?\d+\s*$")).as_py():
        return floats
    try:
        return pc.utf8_ltrim(pc.utf8_trim_whitespace(digits), "+").cast(pa.uint64())
    except pa.ArrowInvalid as error:
        raise CardError(
            f"{path}: column {name} holds integers that do not fit in 64 bits ({error}): "
            "split them into two columns"
        ) from error
