"""The plainest way to make one number of a group's trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class MeanOf:
    """A ``groups`` component: the mean of each of ``metrics`` over a group's trials, and their standard
    deviation as ``<metric>_spread``.

    Name for a search what a choice of hyperparameters may look at: validation, never test.  Arrays are not
    opened.  Raises KeyError for a metric that the trials do not have.
    """

    def __init__(self, *, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)

    def __call__(self, rows: pd.DataFrame, arrays: Any) -> Mapping[str, float]:
        means = {name: float(rows[name].mean()) for name in self.metrics}
        return means | {f"{name}_spread": float(rows[name].std(ddof=0)) for name in self.metrics}
