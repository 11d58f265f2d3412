"""Who a bin is: ``experiment``, ``table`` and number here, ``/ALEPH_1996_S3486095/d01-x01-y01#3`` elsewhere.

Rivet, apprentice and Professor name a distribution by its analysis and table, and a bin by its number in it,
from 0.  The tables of the data cards have the numbers of the HEPData records, which Rivet's analyses of these
two papers follow.  An experiment that is not in ``ANALYSES`` goes by its own name on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

ANALYSES = {"ALEPH_1996": "ALEPH_1996_S3486095", "DELPHI_1996": "DELPHI_1996_S3430090"}
EXPERIMENTS = {analysis: experiment for experiment, analysis in ANALYSES.items()}

_ID = re.compile(r"/(?:REF/)?([^/#@\s]+)/([^#@\s]+)#(\d+)")


class Bin(NamedTuple):
    """Bin ``number`` (from 0, in ascending x) of a published ``table`` of an ``experiment``."""

    experiment: str
    table: str
    number: int


def table_path(experiment: str, table: str) -> str:
    """``/ALEPH_1996_S3486095/d01-x01-y01``."""
    return f"/{ANALYSES.get(experiment, experiment)}/{table}"


def bin_id(place: Bin) -> str:
    """``/ALEPH_1996_S3486095/d01-x01-y01#3``."""
    return f"{table_path(place.experiment, place.table)}#{place.number}"


def parse_bin_id(name: str) -> Bin:
    """The bin of an id; a ``/REF`` in front is dropped.  ValueError if it is no id of a bin."""
    match = _ID.fullmatch(name)
    if not match:
        raise ValueError(f"{name!r} is no id of a bin: expected /ANALYSIS/table#number")
    analysis, table, number = match.groups()
    return Bin(EXPERIMENTS.get(analysis, analysis), table, int(number))


def split_path(path: str) -> tuple[str, str]:
    """Experiment and table of a distribution's path, with or without ``/REF``; ValueError as above."""
    place = parse_bin_id(f"{path}#0")
    return place.experiment, place.table


def number_bins(bins: pd.DataFrame) -> pd.DataFrame:
    """The table with a column ``bin``: the bin's number in its table, in ascending ``x_low``.

    It takes whole tables: give it all rows of a card before leaving any out, or the numbers shift.
    """
    number = bins.groupby(["experiment", "table"], sort=False)["x_low"].rank(method="first").astype(int) - 1
    return bins.assign(bin=number)


def ids_of(bins: pd.DataFrame) -> list[str]:
    """The id of each row; ValueError without the column ``bin`` of ``number_bins``."""
    if "bin" not in bins:
        raise ValueError(
            "these bins have no numbers: call number_bins on the whole card, then choose among them"
        )
    rows = zip(bins["experiment"], bins["table"], bins["bin"], strict=True)
    return [bin_id(Bin(str(experiment), str(table), int(number))) for experiment, table, number in rows]


def places_of(ids: Iterable[str]) -> pd.DataFrame:
    """A table with ``experiment``, ``table``, ``bin``, a row an id."""
    return pd.DataFrame([parse_bin_id(name) for name in ids], columns=["experiment", "table", "bin"])
