"""Combine a group's trials in the plainest way: by their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class MeanOf:
    """A ``groups`` component: the mean of each of ``metrics`` over a group's trials, and their standard
    deviation as ``<metric>_spread``.

    Name for a search what a choice of hyperparameters may look at: validation, never test.  Arrays are not
    opened.  A trial that came to NaN makes the mean NaN.  Raises KeyError for a metric that no trial has.
    """

    def __init__(self, *, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)

    def __call__(self, rows: pd.DataFrame, arrays: Any) -> Mapping[str, float]:
        found = {name: rows[name].to_numpy(dtype=float) for name in self.metrics}
        means = {name: float(values.mean()) for name, values in found.items()}
        return means | {f"{name}_spread": float(values.std()) for name, values in found.items()}
