"""A stored launch without a disk: what a report reads, with numbers that are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from lblhep.recipe import Recipe

RECIPE = """\
schema: lblhep/recipe@1
study: toy
title: A <toy> study
metrics:
  loss: {use: "toy.metrics:loss"}
  auc: {use: "toy.metrics:auc", goal: maximize}
models:
  network: {use: "toy.models:Network", width: 1, init: 0}
task: {use: "toy.tasks:Train"}
trials:
  kind: scan
  expect: 4
  axes:
    width: {path: models.network.width, values: [1, 2]}
    init: {path: models.network.init, range: [0, 2]}
"""


@pytest.fixture
def launched(tmp_path: Path) -> Any:
    """Two widths, two initialisations; AUCs 0.6, 0.8 (width 1) and 0.9, 0.9 (width 2); no groups."""
    file = tmp_path / "toy.yaml"
    file.write_text(RECIPE)
    recipe = Recipe.read(file)
    rows = pd.DataFrame(
        {
            "trial": ["000000", "000001", "000002", "000003"],
            "name": ["width=1 init=0", "width=1 init=1", "width=2 init=0", "width=2 init=1"],
            "width": [1, 1, 2, 2],
            "init": [0, 1, 0, 1],
            "loss": [0.5, 0.4, 0.3, 0.2],
            "auc": [0.6, 0.8, 0.9, 0.9],
            "status": ["finished"] * 4,
        }
    )
    curves = pd.DataFrame(
        {"trial": ["000000", "000000", "000001"], "step": [0, 1, 0], "loss": [1.0, 0.5, 1.1]}
    )
    return SimpleNamespace(
        directory=tmp_path / "toy-20260101-120000",
        info={"state": "finished", "recipe_digest": "ab12", "partition": {"000000": ["000000"]}},
        recipe=recipe,
        rows=rows,
        groups=pd.DataFrame({"group": pd.Series(dtype=str)}),
        curves=curves,
    )
