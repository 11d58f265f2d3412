"""Read HDF5 files: a group of data sets, a structured data set, or a frame that pandas wrote by
``to_hdf``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lblhep.cards.formats.columns import chosen, listed, table_of
from lblhep.cards.formats.pandas_hdf import fixed_arrays, is_fixed, is_table, table_arrays
from lblhep.errors import CardError


def read_hdf5(path: Path, columns: Sequence[str] | None = None, *, table: str | None = None) -> pa.Table:
    """Read the named columns, default all, of a group of data sets, a structured data set, or a frame.

    ``table`` names the group or data set, and may be left out if the file holds only one, or if its columns
    lie in the file itself.
    """
    import h5py
    import hdf5plugin  # noqa: F401  (teaches HDF5 the compressions that pandas offers)

    with h5py.File(path) as file:
        node = _node(path, file, columns, table)
        if isinstance(node, h5py.Dataset):
            arrays = _structured(path, node, columns)
        elif is_fixed(node):
            arrays = fixed_arrays(path, node, columns)
        elif is_table(node):
            arrays = table_arrays(path, node, columns)
        else:
            arrays = _group(path, node, columns)
        return table_of(path, arrays)


def _node(path: Path, file: Any, columns: Sequence[str] | None, table: str | None) -> Any:
    """Find the group or data set that holds the columns."""
    import h5py

    if table is not None:
        if table not in file:
            raise CardError(f"{path}: has no `{table}`; it has {listed(_tables(file))}: correct `table:`")
        return file[table]
    if not len(file):
        raise CardError(f"{path}: holds nothing (pandas writes no frame without rows in the layout `table`)")
    if len(file) == 1 and not any(name in file for name in columns or ()):
        return file[next(iter(file))]
    if not any(isinstance(file.get(name), h5py.Dataset) for name in columns or file):
        raise CardError(f"{path}: holds {listed(_tables(file))}: state `table:`")
    return file


def _tables(file: Any) -> list[str]:
    """Name all groups that hold data sets, and the structured data sets."""
    import h5py

    found: list[str] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found.append(name if node.dtype.names else name.rpartition("/")[0] or name)

    file.visititems(visit)
    return found


def _structured(path: Path, data: Any, columns: Sequence[str] | None) -> dict[str, Any]:
    """Read the named fields of a data set of records."""
    if data.dtype.names is None:
        raise CardError(f"{path}: {data.name.strip('/')} has no column names: it needs a `reader:`")
    names = chosen(path, columns, data.dtype.names)
    rows = data.fields(names)[:]
    return {name: rows[name] for name in names}


def _group(path: Path, group: Any, columns: Sequence[str] | None) -> dict[str, Any]:
    """Read data sets of a group, which ``columns`` may also name by a path below it."""
    import h5py

    data = {name: group.get(name) for name in [*group, *(name for name in columns or () if name in group)]}
    data = {name: node for name, node in data.items() if isinstance(node, h5py.Dataset)}
    return {name: _values(path, name, data[name]) for name in chosen(path, columns, [*data])}


def _values(path: Path, name: str, data: Any) -> Any:
    import h5py

    if data.attrs.get("PSEUDOATOM") is not None:
        raise CardError(
            f"{path}: column {name} holds Python objects, which are a pickle that runs code when read, so it "
            "is not read: save it as numbers or text"
        )
    text = h5py.check_string_dtype(data.dtype) is not None and data.dtype.kind == "O"
    return data.asstr()[()] if text else data[()]
