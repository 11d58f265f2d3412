"""Read tables of HEPData in CSV, as "Download / CSV" gives them.

Comments (``#:``) say what the table is; then comes a block for each measured quantity, with a blank line
between two:

    X [GEV],X [GEV] LOW,X [GEV] HIGH,Y [PB],stat +,stat -,sys +,sys -
    212.5,200.0,225.0,6.0,0.41,-0.51,0.1,-0.1

Older exports lack the first column, put names in single quotes, or several quantities into one block.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lblhep.surrogates.exchange import hepdata_errors
from lblhep.surrogates.exchange.files import FormatError, read_text
from lblhep.surrogates.exchange.reference import reference_table

Line = tuple[int, list[str]]  # its number and its cells


class Quantity(NamedTuple):
    """A measured quantity has the columns of its value, and of minus and plus of each source of errors."""

    value: int
    errors: list[tuple[int, int]]


def read_hepdata_csv(path: Path | str, *, experiment: str, number: int) -> pd.DataFrame:
    """Read the bins of the record's table ``number``: a ``table`` for each quantity, columns as in
    ``reference``.

    Errors of several sources are added in quadrature.  Bins without a value are left out and not counted, as
    in Rivet's files.  FormatError names the line of what is broken, and tables of two variables; without
    columns LOW and HIGH the first column alone is taken for the variable.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write("X,X LOW,X HIGH,Y,stat +,stat -\\n0.5,0.0,1.0,6.0,0.4,-0.5\\n")
    ...     file.flush()
    ...     read_hepdata_csv(file.name, experiment="A", number=1)["error_down"].tolist()
    [0.5]
    """
    rows: list[dict[str, Any]] = []
    column = 0
    for header, *lines in _blocks(read_text(path)):
        low, high, quantities = _columns(path, header)
        for quantity in quantities:
            table = hepdata_errors.table_name(number, column)
            measured = [row for line in lines if (row := _measured(path, header, line, low, high, quantity))]
            for index, row in enumerate(measured):
                rows.append({"experiment": experiment, "table": table, "bin": index} | row)
            column += 1
    if not column:
        raise FormatError(
            path, "", "there is no table in this file", "expected HEPData's CSV, with a header line"
        )
    return reference_table(rows)


def _blocks(text: str) -> Iterator[list[Line]]:
    """Yield the lines of each block, the header first."""
    block: list[Line] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip() and not line.startswith("#"):
            quote = "'" if line.lstrip().startswith("'") else '"'
            block.append((number, [cell.strip() for cell in next(csv.reader([line], quotechar=quote))]))
        elif block:
            yield block
            block = []


def _columns(path: Path | str, header: Line) -> tuple[int, int, list[Quantity]]:
    """Find the columns of the ends of the bins, and the quantities."""
    line, names = header
    place = f"line {line}"
    ends = [i for i, name in enumerate(names) if name.endswith((" LOW", " HIGH"))]
    if len(ends) not in (0, 2):
        raise FormatError(path, place, "bins in several variables", "only tables of one become histograms")
    low, high = ends or (0, 0)
    quantities: list[Quantity] = []
    for index in range(high + 1, len(names)):
        name = names[index]
        if name.endswith(" -"):
            continue
        if not name.endswith(" +"):
            quantities.append(Quantity(index, []))
            continue
        minus = index + 1
        if not quantities or minus >= len(names) or names[minus] != f"{name[:-1]}-":
            raise FormatError(path, place, f"no column {name[:-1]}- after {name}", "was a column lost?")
        quantities[-1].errors.append((minus, index))
    if not quantities:
        raise FormatError(path, place, "no column of values", "expected X, X LOW, X HIGH, Y, stat +, stat -")
    return low, high, quantities


def _measured(
    path: Path | str, header: Line, line: Line, low: int, high: int, quantity: Quantity
) -> dict[str, float] | None:
    """Return ends, value and errors of a bin, or None if it has no value."""
    (_, names), (number, cells) = header, line
    if len(cells) != len(names):
        problem = f"{len(cells)} cells for {len(names)} columns"
        raise FormatError(path, f"line {number}", problem, "was the line cut off?")
    value = hepdata_errors.number(cells[quantity.value])
    if value is None:
        return None
    x_low, x_high = (hepdata_errors.number(cells[index]) for index in (low, high))
    if x_low is None or x_high is None:
        problem = f"{cells[low]!r} to {cells[high]!r} is no bin"
        raise FormatError(path, f"line {number}", problem, "expected numbers")
    try:
        down, up = hepdata_errors.quadrature([(cells[m], cells[p]) for m, p in quantity.errors], value)
    except ValueError as problem:
        raise FormatError(path, f"line {number}", str(problem), "expected 0.1 or 5%") from None
    return {"x_low": x_low, "x_high": x_high, "value": value, "error_down": down, "error_up": up}
