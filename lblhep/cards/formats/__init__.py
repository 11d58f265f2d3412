"""Read tables from Parquet, ROOT, HDF5, CSV and NPZ files, each by its own library, into Arrow.

A reader takes the columns that are wanted and touches no other: what else a file holds may be anything, and
costs nothing.  Nothing that a file holds is ever run: Python pickles inside HDF5 and NPZ files stay unread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lblhep.cards.formats.columns import chosen
from lblhep.cards.formats.csv import read_csv
from lblhep.cards.formats.hdf5 import read_hdf5
from lblhep.cards.formats.npz import read_npz
from lblhep.cards.formats.parquet import read_parquet, write_parquet
from lblhep.cards.formats.root import read_root
from lblhep.errors import CardError

__all__ = [
    "chosen",
    "explained",
    "read",
    "read_csv",
    "read_hdf5",
    "read_npz",
    "read_parquet",
    "read_root",
    "write_parquet",
]

READERS: Mapping[str, Callable[..., pa.Table]] = {
    "parquet": read_parquet,
    "root": read_root,
    "hdf5": read_hdf5,
    "csv": read_csv,
    "npz": read_npz,
}
MAGIC = {b"PAR1": "parquet", b"root": "root", b"\x89HDF": "hdf5", b"PK\x03\x04": "npz"}
"""The first bytes of a file of each format that has some."""


def read(path: Path, layout: str, columns: Sequence[str] | None = None, **options: Any) -> pa.Table:
    """Read ``columns`` (default: all) of a file in one of the known formats; ``options`` are the format's.

    Raises CardError, which says which file could not be read, why, and what helps.
    """
    return explained(path, layout, lambda: READERS[layout](path, columns, **options))


def explained(path: Path, layout: str, read_it: Callable[[], pa.Table]) -> pa.Table:
    """Return ``read_it()`` and turn whatever its library raises into a CardError that names the file."""
    begin = _first_bytes(path)
    try:
        return read_it()
    except CardError:
        raise
    except ImportError as error:
        raise CardError(f"{path}: cannot be read as {layout}: {error}; install the package") from error
    except Exception as error:  # five libraries, each with its own family of errors for a bad file
        reason = " ".join(str(error).split())
        raise CardError(
            f"{path}: cannot be read as {layout}: {type(error).__name__}: {reason}; {_remedy(layout, begin)}"
        ) from error


def _first_bytes(path: Path) -> bytes:
    """Return the first four bytes of a file that is there, may be read, and is not empty."""
    if not path.is_file():
        raise CardError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError as error:
        raise CardError(f"{path}: cannot be opened: {error.strerror or error}") from error
    if not begin:
        raise CardError(f"{path}: is empty (0 bytes): get it again")
    return begin


def _remedy(layout: str, begin: bytes) -> str:
    looks = MAGIC.get(begin, layout)
    if layout not in READERS:
        return f"the file is damaged, or not of the layout that {layout} reads"
    if looks != layout:
        return f"the file begins like {looks}: state `format: {looks}`"
    return "the file is damaged or of another format: get it again"
