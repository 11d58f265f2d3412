"""apprentice's data file has the form ``{"/ALEPH_1996_S3486095/d01-x01-y01#0": [value, error], ...}``.

One error a bin: that of ``reference.symmetric_error``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lblhep.surrogates.exchange.bin_ids import ids_of
from lblhep.surrogates.exchange.files import FormatError, check_unique, read_json, write_json
from lblhep.surrogates.exchange.reference import symmetric_error

PAIR = "expected [value, error]: two finite numbers, the error >= 0"


def read_data(path: Path | str) -> pd.DataFrame:
    """Read columns ``value`` and ``error``, a row for each bin, with its id as the index.

    Raises FormatError with the bin that is wrong.

    apprentice leaves bins with error 0 out of its fits.
    """
    content = read_json(path)
    for name, pair in content.items():
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)) and pair[1] >= 0):
            raise FormatError(path, name, f"{pair!r} is no measurement", PAIR)
    pairs = np.array(list(content.values()), dtype=np.float64).reshape(-1, 2)
    return pd.DataFrame(pairs, index=pd.Index(list(content), name="id"), columns=["value", "error"])


def write_data(path: Path | str, ids: Sequence[str], values: ArrayLike, errors: ArrayLike) -> None:
    """Write measured values and their errors.

    Args:
        path: the file.
        ids: of the B bins.
        values: measured values, (B,).
        errors: their errors, (B,).

    Raises:
        FormatError: with the bin that stands twice or is not finite.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     write_data(file.name, ["/A/d01#0"], [1.5], [0.1])
    ...     read_data(file.name)["error"].tolist()
    [0.1]
    """
    check_unique(path, ids)
    rows = zip(ids, np.asarray(values, float), np.asarray(errors, float), strict=True)
    content = {name: [float(value), float(error)] for name, value, error in rows}
    for name, pair in content.items():
        if not (all(map(math.isfinite, pair)) and pair[1] >= 0):
            raise FormatError(path, name, f"{pair} is no measurement", PAIR)
    write_json(path, content)


def write_measured(path: Path | str, bins: pd.DataFrame) -> None:
    """Write a numbered table of measured bins: one that was read, or a card's with ``number_bins``."""
    write_data(path, ids_of(bins), bins["value"], symmetric_error(bins["error_down"], bins["error_up"]))


def _is_number(entry: object) -> bool:
    return isinstance(entry, int | float) and not isinstance(entry, bool) and math.isfinite(entry)
