"""Every reader of published data fills this table of measured bins.

Columns: ``experiment``, ``table``, ``bin`` (its number in the table), ``x_low``, ``x_high`` in the units of
the publication (equal for a point without a width), ``value``, ``error_down``, ``error_up`` (both >= 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

COLUMNS = ("experiment", "table", "bin", "x_low", "x_high", "value", "error_down", "error_up")


def total_error(sources: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the total (down, up) of independent sources, in quadrature, both >= 0.

    A source is the two signed shifts of a value when something is varied by one standard deviation down and
    up.  If both go the same way the larger one counts, on its side alone, as in HEPData's own conversions.
    """
    pairs = list(sources)
    down = math.hypot(*(max(-min(pair), 0.0) for pair in pairs))
    up = math.hypot(*(max(*pair, 0.0) for pair in pairs))
    return down, up


def symmetric_error(down: ArrayLike, up: ArrayLike) -> NDArray[np.float64]:
    """Return the one error of a chi2 for errors ``down`` and ``up``, both >= 0: their mean.

    apprentice's converter takes the mean, so a chi2 here, one from a file that was written here, and
    apprentice's own are one number.  The larger of the two would give a bin less weight here than there.
    """
    return (np.asarray(down, dtype=np.float64) + np.asarray(up, dtype=np.float64)) / 2


def reference_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows of ``COLUMNS`` as a table, also if there are none."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))
