"""The report of a recipe that names none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lblhep.report import DefaultReport


def test_headline_and_page(launched: Any, tmp_path: Path) -> None:
    headline = DefaultReport().render(launched, tmp_path / "out")
    assert headline == {
        "trials": "4 of 4 finished",
        "best auc": pytest.approx(0.9),
        "reached at": "width=2 init=0",
    }
    text = (tmp_path / "out/index.html").read_text()
    assert "A &lt;toy&gt; study" in text
    assert "study: toy" in text  # the recipe
    assert "ab12" in text  # its digest
    names = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert names == {"by-width.png", "by-init.png", "curves.png"}


def test_failures_are_listed(launched: Any, tmp_path: Path) -> None:
    launched.rows.loc[1, "status"] = "failed"
    launched.rows.loc[1, ["auc", "loss"]] = float("nan")
    headline = DefaultReport().render(launched, tmp_path)
    assert headline["trials"] == "3 of 4 finished"
    assert "1 of 4 trials failed" in (tmp_path / "index.html").read_text()


def test_an_axis_of_names_and_one_of_many_decades(launched: Any, tmp_path: Path) -> None:
    launched.rows["width"] = ["relu", "relu", "tanh", "tanh"]
    launched.rows["init"] = [1e-4, 1e-1, 1e-4, 1e-1]
    DefaultReport().render(launched, tmp_path)
    assert (tmp_path / "by-width.pdf").exists()


def test_a_launch_that_has_nothing_yet(launched: Any, tmp_path: Path) -> None:
    launched.rows = launched.curves = pd.DataFrame({"trial": pd.Series(dtype=str)})
    assert DefaultReport().render(launched, tmp_path) == {"trials": "0 of 4 finished"}


def test_trials_of_which_all_failed(launched: Any, tmp_path: Path) -> None:
    launched.rows = launched.rows.drop(columns=["auc", "loss"]).assign(status="failed")
    launched.curves = launched.curves.iloc[:0]
    assert DefaultReport().render(launched, tmp_path)["trials"] == "0 of 4 finished"
