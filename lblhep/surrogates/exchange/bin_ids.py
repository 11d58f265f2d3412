"""Parse names of bins: ``/ALEPH_1996_S3486095/d01-x01-y01#3`` is bin 3 of a table of a Rivet analysis.

Rivet, apprentice and Professor name a distribution by its analysis and table, and a bin by its number in the
table, from 0.  In a table of bins, the column ``experiment`` holds the name of the analysis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

_ID = re.compile(r"/(?:REF/)?([^/#@\s]+)/([^#@\s]+)#(\d+)")


class Bin(NamedTuple):
    """This names bin ``number`` (from 0, in ascending x) of a published ``table`` of an ``experiment``."""

    experiment: str
    table: str
    number: int


def bin_id(place: Bin) -> str:
    """Return the id of a bin.

    >>> bin_id(Bin("ALEPH_1996_S3486095", "d01-x01-y01", 3))
    '/ALEPH_1996_S3486095/d01-x01-y01#3'
    """
    return f"/{place.experiment}/{place.table}#{place.number}"


def parse_bin_id(name: str) -> Bin:
    """Return the bin of an id; a ``/REF`` in front is dropped.  Raises ValueError for any other text.

    >>> parse_bin_id("/REF/ALEPH_1996_S3486095/d01-x01-y01#3")
    Bin(experiment='ALEPH_1996_S3486095', table='d01-x01-y01', number=3)
    """
    match = _ID.fullmatch(name)
    if not match:
        raise ValueError(f"{name!r} is no id of a bin: expected /ANALYSIS/table#number")
    analysis, table, number = match.groups()
    return Bin(analysis, table, int(number))


def split_path(path: str) -> tuple[str, str]:
    """Return the experiment and the table of a distribution's path, with or without ``/REF`` in front.

    Raises ValueError for a path of another form.
    """
    place = parse_bin_id(f"{path}#0")
    return place.experiment, place.table


def number_bins(bins: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column ``bin``: the bin's number in its table, in ascending ``x_low``.

    It takes whole tables: give it all rows of a card before leaving any out, or the numbers shift.
    """
    number = bins.groupby(["experiment", "table"], sort=False)["x_low"].rank(method="first").astype(int) - 1
    return bins.assign(bin=number)


def ids_of(bins: pd.DataFrame) -> list[str]:
    """Return the id of each row.  Raises ValueError without the column ``bin`` that ``number_bins`` adds."""
    if "bin" not in bins:
        raise ValueError(
            "these bins have no numbers: call number_bins on the whole card, then choose among them"
        )
    rows = zip(bins["experiment"], bins["table"], bins["bin"], strict=True)
    return [bin_id(Bin(str(experiment), str(table), int(number))) for experiment, table, number in rows]


def places_of(ids: Iterable[str]) -> pd.DataFrame:
    """Return a table with the columns ``experiment``, ``table`` and ``bin``, a row for each id."""
    return pd.DataFrame([parse_bin_id(name) for name in ids], columns=["experiment", "table", "bin"])
