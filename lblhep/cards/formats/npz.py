"""Read NPZ files, which hold one array for each column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lblhep.cards.formats.columns import chosen, table_of
from lblhep.errors import CardError


def read_npz(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the named arrays, default all; one of Python objects is a pickle and is refused."""
    # Opened here, because numpy leaves the file open when it is no archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise CardError(f"{path}: is a single array without column names: save it by `numpy.savez`")
        names = chosen(path, columns, archive.files)
        return table_of(path, {name: _array(path, archive, name) for name in names})


def _array(path: Path, archive: Any, name: str) -> Any:
    try:
        return archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise CardError(
            f"{path}: column {name} holds Python objects, which are a pickle that runs code when read, so it "
            "is not read: save it as numbers or text"
        ) from error
