"""The columns of a data set may hold the same values whichever file or producer they come from.

* A table has rows.
* Observables and weights are numbers (or lists of them); ids and truth may also be text.
* No value is missing: neither null, an empty cell, nor NaN.  A column that states ``missing: allowed`` may
  lack values: they are null in Parquet and NaN in memory.  ``missing: -999`` names the number by which the
  source says that a value is missing; another one that is missing is then refused.  Weights and ids never
  lack any.
* No two ids become one number: an id that is a float is below 2^53 (float32: 2^24), and so are the integers
  of a column that lacks values, because they are floats in memory.

Whatever breaks the rule is refused, with the file, the column, how many values, and the first row (from 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lblhep.cards.card import Column
from lblhep.cards.content import is_list
from lblhep.errors import CardError

NUMERIC_ROLES = ("observable", "weight")
"""The roles of columns that are numbers."""

NUMBER_PATTERN = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$|^\s*$"
MAX_EXACT_INTEGER = {16: 2.0**11, 32: 2.0**24, 64: 2.0**53}
"""Bits of a float -> the integer from which on two neighbours may be the same float."""


def checked(table: pa.Table, columns: Mapping[str, Column], source: str) -> pa.Table:
    """Return the card's columns of ``table``, in its order, with what is allowed to be missing as null.

    ``source`` says in messages where the table comes from.  Raises CardError for what breaks the rule above.
    """
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise CardError(f"{source}: returned no column {', '.join(absent)}")
    if not len(table):
        raise CardError(f"{source}: holds no rows")
    table = table.select(list(columns)).combine_chunks()
    return pa.table(
        {name: _checked(table[name], column, f"{source}: column {name}") for name, column in columns.items()}
    )


def _checked(values: pa.ChunkedArray, column: Column, place: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    _require_type(values, column, place)
    if pa.types.is_null(values.type) or (column.role in NUMERIC_ROLES and values.null_count == len(values)):
        values = values.cast(pa.float64())  # also of text: no value says that it is text
    lacking = _lacking(values)
    if column.missing != "allowed":
        _refuse(
            lacking,
            f"{place}: {{}} missing (NaN or none)",
            "mend the source"
            if column.role in ("weight", "id") or is_list(values.type)
            else "mend the source, or state `missing: allowed` for the column if this is meant",
        )
    if column.missing is not None:
        values = _with_nulls(values, column.missing, lacking, place)
    _require_distinct(values, column, place)
    return values


def _require_type(values: pa.ChunkedArray, column: Column, place: str) -> None:
    leaf = _leaf(values.type)
    is_number = pa.types.is_integer(leaf) or pa.types.is_floating(leaf) or pa.types.is_boolean(leaf)
    is_text = pa.types.is_string(leaf) or pa.types.is_large_string(leaf)
    if not (is_number or is_text or pa.types.is_null(leaf)):
        raise CardError(f"{place}: is of type {values.type}: a column holds numbers, text, or lists of them")
    if not is_text or column.role not in NUMERIC_ROLES:
        return
    if is_list(values.type):
        raise CardError(f"{place}: holds lists of text, and its role, {column.role}, is for numbers")
    bad = pc.fill_null(pc.invert(pc.match_substring_regex(values, NUMBER_PATTERN)), False)
    bad = bad if pc.any(bad).as_py() else pc.is_valid(values)
    first = str(values[pc.index(bad, True).as_py()])[:60]
    _refuse(
        bad,
        f"{place}: {{}} text, such as {first!r}",
        f"its role, {column.role}, is for numbers: write them as 1.5e+02, or state the role id or truth"
        + ('; `decimal: ","` beside a CSV file in the card reads 1,5' if "," in first else ""),
    )


def _leaf(type_: pa.DataType) -> pa.DataType:
    """Return the type of a column's values or, for lists, of their values."""
    return _leaf(type_.value_type) if is_list(type_) else type_


def _lacking(values: Any) -> Any:
    """Return whether each row is null or NaN or, for lists, holds one that is."""
    if not is_list(values.type):
        return pc.is_null(values, nan_is_null=True)
    rows = np.array(pc.is_null(values).to_numpy())
    inner = _lacking(pc.list_flatten(values))
    if pc.any(inner).as_py():
        rows[pc.list_parent_indices(values).filter(inner).to_numpy()] = True
    return pa.chunked_array([rows])


def _refuse(bad: Any, message: str, remedy: str) -> None:
    """Raise a CardError if any row is bad; ``message`` has a place for how many are."""
    flags = np.asarray(bad.to_numpy(), dtype=bool)
    count = int(flags.sum())
    if count:
        many = f"{count} of {len(flags)} values {'is' if count == 1 else 'are'}"
        raise CardError(f"{message.format(many)}, first in row {int(flags.argmax()) + 1}; {remedy}")


def _with_nulls(values: Any, missing: Any, lacking: Any, place: str) -> Any:
    """Put null for what is missing; booleans become integers, which can be NaN in memory."""
    if is_list(values.type):
        raise CardError(f"{place}: is of lists, for which `missing:` cannot be stated")
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    if missing != "allowed":
        try:
            lacking = pc.equal(values, pa.scalar(missing).cast(values.type))
        except pa.ArrowException as error:
            message = f"{place}: is of type {values.type}, which has no value {missing}: correct `missing:`"
            raise CardError(message) from error
    return pc.if_else(lacking, pa.scalar(None, values.type), values)


def _require_distinct(values: Any, column: Column, place: str) -> None:
    leaf = values.type
    if pa.types.is_floating(leaf) and column.role == "id":
        limit, kind = MAX_EXACT_INTEGER[leaf.bit_width], f"{leaf} ids"
    elif pa.types.is_integer(leaf) and values.null_count:
        limit, kind = MAX_EXACT_INTEGER[64], "integers beside missing values"
    else:
        return
    size = pc.abs(values.cast(pa.float64()) if leaf.bit_width < 64 else values)
    beyond = pc.fill_null(pc.greater_equal(size, pa.scalar(limit).cast(size.type)), False)
    _refuse(
        beyond,
        f"{place}: {{}} at or beyond 2^{int(np.log2(limit))}",
        f"two such {kind} may become one float: write integers",
    )
