"""Rename tables of other tuning programs to the names of this study's data cards, and the other way round.

The cards call the experiments ``ALEPH_1996`` and ``DELPHI_1996``; Rivet, apprentice and Professor name them
by Rivet's analyses.  The tables of the cards have the numbers of the HEPData records, which these analyses
follow. An experiment that is not in ``ANALYSES`` has its own name on both sides.  The files themselves are
read and written by ``lblhep.surrogates.exchange``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lblhep.surrogates.exchange import read_yoda

ANALYSES = {"ALEPH_1996": "ALEPH_1996_S3486095", "DELPHI_1996": "DELPHI_1996_S3430090"}
EXPERIMENTS = {analysis: experiment for experiment, analysis in ANALYSES.items()}


def with_analyses(bins: pd.DataFrame) -> pd.DataFrame:
    """Return a table of bins whose column ``experiment`` holds the names of Rivet's analyses."""
    return bins.assign(experiment=bins["experiment"].replace(ANALYSES))


def with_experiments(bins: pd.DataFrame) -> pd.DataFrame:
    """Return a table of bins whose column ``experiment`` holds the names of the data cards."""
    return bins.assign(experiment=bins["experiment"].replace(EXPERIMENTS))


def read_reference(path: Path | str) -> pd.DataFrame:
    """Return the bins of a YODA file (``read_yoda``) with the experiments' names of the data cards.

    Raises FormatError as ``read_yoda`` does.
    """
    return with_experiments(read_yoda(path))
