"""Hash what a table says, apart from how its file says it."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lblhep.errors import CardError


def content_digest(table: pa.Table) -> str:
    """Return ``sha256:...`` of the columns' names, types and values, in the order of names and rows.

    It does not depend on the order of columns, on row groups, compression, or the version of the library
    that wrote the file.  Columns hold numbers, strings, or lists of them.  Which values are missing enters
    the digest; whether any may be is not asked here (``lblhep.cards.values``).

    >>> one, other = pa.table({"a": [1], "b": [2]}), pa.table({"b": [2], "a": [1]})
    >>> content_digest(one) == content_digest(other)
    True
    """
    digest = hashlib.sha256(f"lblhep/content@1:{len(table)}".encode())
    for name in sorted(table.column_names):
        digest.update(f"\n{name}:".encode())
        _add(digest, name, table[name].combine_chunks())
    return f"sha256:{digest.hexdigest()}"


def _add(digest: Any, name: str, values: Any) -> None:
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    digest.update(f"{_type_name(values.type)}:".encode())
    if values.null_count:
        if is_list(values.type):
            raise CardError(f"column {name}: {values.null_count} lists are missing; a data set has none")
        digest.update(b"missing:" + values.is_null().to_numpy(zero_copy_only=False).tobytes())
        values = pc.fill_null(values, pa.scalar("" if _is_text(values.type) else 0).cast(values.type))
    if is_list(values.type):
        _add(digest, name, pc.list_value_length(values).cast(pa.int64()))
        _add(digest, name, values.flatten())
    elif _is_text(values.type):
        encoded = [value.encode() for value in values.to_pylist()]
        _add(digest, name, pa.array([len(value) for value in encoded], pa.int64()))
        digest.update(b"".join(encoded))
    else:
        array = values.to_numpy(zero_copy_only=False)
        # Bytes in little-endian order, whatever the machine's.
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())


def _type_name(type_: Any) -> str:
    """Return Arrow's name of the type, but for the values of lists: "item" in memory and "element" in a
    file."""
    if is_list(type_):
        kind = "list" if pa.types.is_list(type_) else "large_list"
        return f"{kind}<element: {_type_name(type_.value_type)}>"
    return str(type_)


def is_list(type_: Any) -> bool:
    """Return whether a column of this type holds a list in each row."""
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_))


def _is_text(type_: Any) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))
