"""Read, by h5py alone, frames that pandas wrote by ``DataFrame.to_hdf`` in its layouts "fixed" and "table".

Neither pandas nor PyTables reads these files here, because both run code that a file may hold: pandas keeps
the text columns of the layout "fixed" as a pickle, and PyTables unpickles attributes as soon as it opens a
node.  In the layout "fixed", columns of one type share a ``block<i>_values`` of shape (rows, columns) with
their names in ``block<i>_items``.  In the layout "table", the data set ``table`` has a field for each block
of columns, whose names are in the attribute ``<field>_kind``: a pickle, of which nothing but lists, text and
numbers is accepted.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lblhep.cards.formats.columns import chosen
from lblhep.errors import CardError

BYTES_AT_A_TIME = 2**26
"""How much of a frame is in memory beside the columns that are wanted: a frame may have thousands."""

REWRITE = 'write the file anew by `to_hdf(..., format="table")`'


def is_fixed(group: Any) -> bool:
    """Return whether a group is a frame in the layout "fixed"."""
    return "axis0" in group or "axis0_level0" in group


def is_table(group: Any) -> bool:
    """Return whether a group is a frame in the layout "table"."""
    return "table" in group and "pandas_type" in group.attrs


def fixed_arrays(path: Path, group: Any, columns: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    """Read the named columns, default all, of a frame in the layout "fixed"."""
    items = {
        f"block{i}_values": _fixed_names(path, group, f"block{i}_items")
        for i in range(int(group.attrs.get("nblocks", sum(key.endswith("_values") for key in group))))
    }
    arrays: dict[str, NDArray[Any]] = {}
    names = chosen(path, columns, [name for block in items.values() for name in block])
    for key, wanted in _by_block(items, names).items():
        block = group[key]
        stored = _text(block.attrs.get("value_type", b""))
        if block.dtype.kind == "O":
            raise CardError(
                f"{path}: column {next(iter(wanted))} is text in the layout that pandas calls fixed: a "
                f"pickle, which runs code when read, so it is not read; {REWRITE}"
            )
        _refuse_times(path, wanted, stored)
        if "shape" in block.attrs:  # a frame without rows: the block holds one value that means nothing
            arrays |= dict.fromkeys(wanted, np.empty(0, dtype=stored))
        else:
            arrays |= _fixed_columns(block, wanted)
    return {name: arrays[name] for name in names}


def _fixed_names(path: Path, group: Any, key: str) -> list[str]:
    """Return the names of a block's columns; integers become text."""
    if key not in group or group[key].dtype.kind == "O":
        raise CardError(
            f"{path}: its column names are not plain text or integers; rename them, and {REWRITE}"
        )
    return [_text(name) for name in group[key][()].tolist()]


def _fixed_columns(block: Any, wanted: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    """Read the columns of the given numbers; PyTables stores booleans as bits."""
    import h5py

    numbers = np.array([*wanted.values()])
    low, high = numbers.min(), numbers.max() + 1
    rows = np.empty((len(numbers), len(block)), dtype=block.dtype.newbyteorder("="))
    for part in _slices(len(block), block.dtype.itemsize * int(high - low)):
        rows[:, part] = block[part, low:high][:, numbers - low].T
    if block.id.get_type().get_class() == h5py.h5t.BITFIELD:
        rows = rows.astype(bool)
    return dict(zip(wanted, rows, strict=True))


def table_arrays(path: Path, group: Any, columns: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    """Read the named columns, default all, of a frame in the layout "table"."""
    table = group["table"]
    # The other fields are the index.
    fields = [name for name in table.dtype.names if f"{name}_dtype" in table.attrs]
    items = {field: _table_names(path, table.attrs[f"{field}_kind"]) for field in fields}
    names = chosen(path, columns, [name for field in fields for name in items[field]])
    arrays: dict[str, NDArray[Any]] = {}
    for field, wanted in _by_block(items, names).items():
        stored = _text(table.attrs[f"{field}_dtype"])
        _refuse_times(path, wanted, stored)
        if _text(table.attrs.get(f"{field}_meta", b"")) == "category":
            raise CardError(
                f"{path}: column {next(iter(wanted))} is categorical: write it as text, by `.astype(str)`"
            )
        found = _table_columns(table, field, wanted)
        if table.dtype[field].base.kind == "S":
            encoding = _text(group.attrs.get("encoding", b"UTF-8"))
            missing = _text(table.attrs.get(f"{field}_nan_rep", b"nan"))
            found = {name: _decoded(values, encoding, missing) for name, values in found.items()}
        arrays |= {name: values.astype(bool) for name, values in found.items()} if stored == "bool" else found
    return {name: arrays[name] for name in names}


def _table_names(path: Path, pickled: Any) -> list[str]:
    try:
        return [str(name) for name in _Plain(io.BytesIO(bytes(pickled))).load()]
    except pickle.UnpicklingError as error:
        raise CardError(f"{path}: the names of its columns are not plain text: {error}: not read") from error


def _table_columns(table: Any, field: str, wanted: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    """Read the columns of the given numbers of a field, which holds one value a row or several."""
    numbers = [*wanted.values()]
    rows = np.empty((len(numbers), len(table)), dtype=table.dtype[field].base.newbyteorder("="))
    for part in _slices(len(table), table.dtype.itemsize):
        values = table.fields(field)[part]
        rows[:, part] = values.reshape(len(values), -1)[:, numbers].T
    return dict(zip(wanted, rows, strict=True))


def _decoded(values: NDArray[Any], encoding: str, missing: str) -> NDArray[Any]:
    """Decode text, with None where pandas wrote what stands for a missing value."""
    text = (value.decode(encoding) for value in values.tolist())
    return np.array([None if value == missing else value for value in text], dtype=object)


def _by_block(items: Mapping[str, Sequence[str]], names: Iterable[str]) -> dict[str, dict[str, int]]:
    """Sort the wanted columns: block -> name -> number of the column there."""
    place = {name: (key, i) for key, block in items.items() for i, name in enumerate(block)}
    blocks: dict[str, dict[str, int]] = {}
    for name in names:
        key, i = place[name]
        blocks.setdefault(key, {})[name] = i
    return blocks


def _slices(rows: int, row_bytes: int) -> Iterator[slice]:
    step = max(1, BYTES_AT_A_TIME // max(1, row_bytes))
    yield from (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _refuse_times(path: Path, wanted: Iterable[str], stored: str) -> None:
    if "time" in stored or stored == "date":
        name = next(iter(wanted))
        raise CardError(f"{path}: column {name} holds times ({stored}): write them as a number of seconds")


class _Plain(pickle.Unpickler):
    """Reads pickles of lists, tuples, text and numbers; one that names a function or class is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"a pickle that calls {module_name}.{global_name}")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
