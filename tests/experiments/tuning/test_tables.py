"""The tables of a tune's page, from two tunes whose numbers are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.tuning import tables
from experiments.tuning.results import Key
from experiments.tuning.validation import COVERS_UP_TO

ALEPH, DELPHI = Key("ALEPH_1996", ""), Key("DELPHI_1996", "")


def results(noise: float, form: str = "plain") -> SimpleNamespace:
    row = {"trial": "t", "a_at_bound": 0.0, "noise": noise, "predicted_chi2": 9.0}
    for part in ("tuned", "held_out"):
        row |= {f"{part}_bins": 2, f"{part}_chi2": 5.0, f"{part}_chi2_monash": 7.0}
        row |= {f"{part}_gain": 2.0, f"{part}_gain_error": 1.0}
    row["held_out_gain_grid_error"] = 0.5
    return SimpleNamespace(
        bins=pd.DataFrame({"experiment": ["ALEPH_1996", "DELPHI_1996"]}),
        rows={key: pd.Series(row) for key in (ALEPH, DELPHI)},
        box={"a": (0.0, 1.0)},
        tune=lambda trial: {"slope_noise": np.array([0.01])},
        fit=lambda row: {"form": form},
    )


def test_every_gain_says_on_whose_data_it_is_judged():
    table = tables.judgement(results(0.1))
    lines = list(zip(table["tuned to"], table["judged on the data of"], table["these were"], strict=True))
    assert lines == [
        ("ALEPH", "ALEPH", "fitted"),
        ("ALEPH", "DELPHI", "held out"),
        ("DELPHI", "DELPHI", "fitted"),
        ("DELPHI", "ALEPH", "held out"),
    ]


@pytest.mark.parametrize("form", COVERS_UP_TO)
def test_a_tune_whose_noise_lies_where_intervals_do_not_cover_says_so(form):
    assert not list(tables.warnings(results(0.99 * COVERS_UP_TO[form], form)))
    said = list(tables.warnings(results(COVERS_UP_TO[form] + 0.01, form)))
    assert len(said) == 2
    assert all("the intervals do not cover" in line for line in said)
