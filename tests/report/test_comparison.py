"""The comparison table: who shares a row, means and spreads by hand, order, rounding."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from lblhep.errors import LblhepError
from lblhep.report import comparison
from lblhep.report.comparison import as_json, only, value_and_spread, with_errors


def test_without_groups_a_row_is_a_trial_and_the_best_comes_first(launched: Any) -> None:
    table = comparison([launched])
    assert list(table.columns) == ["launch", "width", "init", "trials", "auc", "loss"]
    assert list(table["auc"]) == [0.9, 0.9, 0.8, 0.6]
    assert set(table["trials"]) == {1}


def test_replicates_fold_into_mean_and_standard_deviation(launched: Any) -> None:
    table = comparison([launched], by=["width"])
    assert list(table["width"]) == [2, 1]
    assert list(table["trials"]) == [2, 2]
    assert list(table["auc"]) == pytest.approx([0.9, 0.7])
    # sqrt(((0.6 - 0.7)^2 + (0.8 - 0.7)^2) / (2 - 1))
    assert list(table["auc spread"]) == pytest.approx([0.0, 0.1 * 2**0.5])


def test_by_launch_gives_one_row_for_each(launched: Any) -> None:
    other = SimpleNamespace(**vars(launched) | {"rows": launched.rows.assign(auc=0.99)})
    table = comparison([launched, other], by=["launch"])
    assert list(table["auc"]) == pytest.approx([0.99, 0.8])
    assert list(table["trials"]) == [4, 4]


def test_groups_name_the_rows_and_their_metrics_come_first(launched: Any) -> None:
    launched.groups = pd.DataFrame({"group": ["0", "1"], "width": [1, 2], "significance": [1.5, 2.5]})
    table = comparison([launched])
    assert list(table.columns)[:4] == ["launch", "width", "trials", "auc"]
    assert dict(zip(table["width"], table["significance"], strict=True)) == {1: 1.5, 2: 2.5}


def test_a_groups_metric_is_left_out_where_it_has_no_meaning(launched: Any) -> None:
    launched.groups = pd.DataFrame({"group": ["0", "1"], "width": [1, 2], "significance": [1.5, 2.5]})
    assert "significance" not in comparison([launched], by=["init"])


def test_metrics_that_are_asked_for_keep_their_spread(launched: Any) -> None:
    table = only(comparison([launched], by=["width"]), ["l*", "auc"])
    assert list(table.columns) == ["launch", "width", "trials", "loss", "loss spread", "auc", "auc spread"]
    with pytest.raises(LblhepError, match=r"no metric 'w1_.'; known: loss, auc"):
        only(table, ["auc", "w1_*"])


def test_failed_trials_do_not_enter_the_mean(launched: Any) -> None:
    launched.rows.loc[0, ["auc", "loss"]] = float("nan")
    table = comparison([launched], by=["width"]).set_index("width")
    assert table.loc[1, "auc"] == pytest.approx(0.8)


def test_an_unknown_axis_is_named(launched: Any) -> None:
    with pytest.raises(LblhepError, match="no axis 'depth'; there are: launch, init, width"):
        comparison([launched], by=["depth"])


def test_a_launch_without_rows_gives_an_empty_table(launched: Any) -> None:
    launched.rows = pd.DataFrame({"trial": pd.Series(dtype=str)})
    assert len(comparison([launched])) == 0


def test_json_keeps_every_digit_and_pairs_mean_with_spread(launched: Any) -> None:
    rows = json.loads(as_json(comparison([launched], by=["width"])))
    assert rows[1]["width"] == 1
    assert rows[1]["auc"] == pytest.approx({"mean": 0.7, "spread": 0.1 * 2**0.5}, rel=1e-14)


def test_people_see_value_and_spread_in_one_column(launched: Any) -> None:
    shown = with_errors(comparison([launched], by=["width"]))
    assert list(shown["auc"]) == ["0.9 ± 0", "0.70 ± 0.14"]


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (0.72314, 0.00416, "0.7231 ± 0.0042"),
        (1234.5, 56.7, "1234 ± 57"),
        (12345.0, 678.0, "12345 ± 678"),
        (0.5, float("nan"), "0.5"),
        (float("nan"), 0.1, ""),
        (1.0, 0.0, "1 ± 0"),
        (3e-9, 2e-10, "3e-09 ± 2e-10"),
        (float("inf"), 1.0, "inf"),
    ],
)
def test_rounding(value: float, spread: float, text: str) -> None:
    assert value_and_spread(value, spread) == text
