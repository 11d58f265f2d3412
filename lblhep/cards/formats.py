"""Tables from files: Parquet, ROOT, HDF5, CSV and NPZ, each read by its own library into Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lblhep.errors import CardError

COMPRESSION_LEVEL = 19  # slow to write, as quick to read as any other


def read_parquet(path: Path, table: str | None = None) -> pa.Table:
    """The whole file; ``table`` has no meaning here."""
    return pq.read_table(path, partitioning=None, page_checksum_verification=True)


def read_root(path: Path, table: str | None = None) -> pa.Table:
    """A flat TTree; ``table`` names it, and may be left out if the file holds only one."""
    import uproot

    with uproot.open(path) as file:
        # uproot reads what it finds of a file that was cut short; the header knows the length.
        if path.stat().st_size < file.file.fEND:
            raise ValueError(f"{path.stat().st_size} bytes of {file.file.fEND}")
        trees = file.keys(cycle=False, filter_classname=["TTree", "ROOT::RNTuple"])
        if table is None and len(set(trees)) != 1:
            raise ValueError(f"the file holds the trees {', '.join(trees) or '(none)'}: state `table:`")
        return pa.table(file[table or trees[0]].arrays(library="np"))


def read_hdf5(path: Path, table: str | None = None) -> pa.Table:
    """A pandas "fixed" table, a group of one-dimensional data sets, or a structured data set."""
    import h5py

    with h5py.File(path) as file:
        if table is None and len(file) == 1:
            table = next(iter(file))
        node = file[table] if table else file
        if isinstance(node, h5py.Dataset):
            if node.dtype.names is None:
                raise ValueError(f"{table} has no column names: it needs a `reader:`")
            return pa.table({name: node[name] for name in node.dtype.names})
        if "axis0" in node:
            return pa.table(_pandas_fixed(node))
        return pa.table({name: values[:] for name, values in node.items()})


def _pandas_fixed(group: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of a data frame stored by ``DataFrame.to_hdf(format="fixed")``, without PyTables.

    ``axis0`` lists the columns; columns of one type share a ``block<i>_values`` of shape (rows, columns)
    with their names in ``block<i>_items``.
    """
    blocks: dict[str, np.ndarray[Any, Any]] = {}
    for key in group:
        if key.startswith("block") and key.endswith("_items"):
            values = group[key.removesuffix("_items") + "_values"][:]
            names = [name.decode() for name in group[key][:]]
            blocks |= {name: values[:, i] for i, name in enumerate(names)}
    return {name.decode(): blocks[name.decode()] for name in group["axis0"][:]}


def read_csv(path: Path, table: str | None = None) -> pa.Table:
    """Comma-separated values with a header line; ``table`` has no meaning here."""
    import pyarrow.csv

    return pyarrow.csv.read_csv(path)


def read_npz(path: Path, table: str | None = None) -> pa.Table:
    """One array a column; ``table`` has no meaning here."""
    # Opened here, because numpy leaves the file open when it is no archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return pa.table(dict(arrays))


READERS: Mapping[str, Callable[[Path, str | None], pa.Table]] = {
    "parquet": read_parquet,
    "root": read_root,
    "hdf5": read_hdf5,
    "csv": read_csv,
    "npz": read_npz,
}


def read(path: Path, layout: str, table: str | None = None) -> pa.Table:
    """Read a file in one of the known formats; a CardError says which file could not be read and why."""
    return explained(path, layout, lambda: READERS[layout](path, table))


def explained(path: Path, layout: str, read_it: Callable[[], pa.Table]) -> pa.Table:
    """``read_it()``, with whatever its library raises turned into a CardError that names the file."""
    if not path.is_file():
        raise CardError(f"{path}: no such file")
    try:
        return read_it()
    except Exception as error:  # five libraries, each with its own family of errors for a bad file
        reason = " ".join(str(error).split())
        raise CardError(
            f"{path}: cannot be read as {layout}: {type(error).__name__}: {reason}; "
            "the file is damaged or of another format: get it again"
        ) from error


def write_parquet(table: pa.Table, path: Path) -> None:
    """The one way that data sets are written: small, and the same for cache and shipped samples."""
    split = [f.name for f in table.schema if pa.types.is_primitive(f.type) and f.type.bit_width >= 16]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_byte_stream_split=split,
        use_dictionary=[name for name in table.column_names if name not in split],
        write_page_checksum=True,
    )
