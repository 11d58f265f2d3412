"""The weights that a search has found (recipes/tuning-weights.yaml)."""

from __future__ import annotations

import pandas as pd

from lblhep.recipe import Search
from lblhep.report import Launched


def ranked_points(launch: Launched) -> pd.DataFrame:
    """Return the points of a search of stated weights, the lowest objective first, without NaN.

    Raises ValueError if the launch was no such search, if it maximised, or has no point with an objective.
    """
    search, groups = launch.recipe.trials, launch.groups
    if not isinstance(search, Search) or not all(_tables(launch).values()) or groups.empty:
        raise ValueError("this launch searched no stated weights, or none of its points is complete")
    metric, goal = search.objective.metric, search.objective.goal
    if goal != "minimize":
        raise ValueError(f"this launch would {goal} {metric}: outer objectives are minimised")
    ranked = groups.dropna(subset=metric).sort_values(metric, kind="stable")
    if ranked.empty:
        raise ValueError(f"{metric} is NaN at every point of this launch: no point is the best")
    return ranked


def best_weights(launch: Launched) -> dict[str, float]:
    """Return the weights of a search's best point, table -> weight, the largest set to 1, for ``Stated``.

    Raises ValueError as ``ranked_points``.
    """
    best, tables = ranked_points(launch).iloc[0], _tables(launch)
    largest = max(float(best[name]) for name in tables)
    return {table: float(best[name]) / largest for name, table in tables.items()}


def _tables(launch: Launched) -> dict[str, str]:
    """Return dimension of a search -> the table whose weight it is, "" if it is none."""
    search = launch.recipe.trials
    space = search.space if isinstance(search, Search) else {}
    return {name: dimension.path.partition(".weights.")[2] for name, dimension in space.items()}
