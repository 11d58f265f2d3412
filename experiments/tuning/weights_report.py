"""The page of a search of weights: the best ones, ready for a recipe, and what the search gained."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.tuning.weights import best_weights, ranked_points
from lblhep.report import COLOURS, Launched, Page, new_figure

Headline = Mapping[str, str | float]


class WeightsReport:
    """The weights of the best point, as a table and as a recipe's mapping; the objective of every point."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline is the best value of the objective, and its median.

        Raises ValueError as ``ranked_points``.
        """
        ranked, weights = ranked_points(launch), best_weights(launch)
        metric = launch.recipe.trials.objective.metric  # type: ignore[union-attr]
        values = launch.groups[metric].to_numpy(float)
        page = Page(launch.recipe.title or "Weights", f"{len(values)} tunes, objective {metric}")
        page.heading("The best weights")
        page.text(
            "The largest is set to 1. Put them into a recipe's `weighting`, component "
            "`experiments.tuning.weights:Stated`:"
        )
        page.code(as_yaml(weights))
        page.heading("The search")
        page.figure("objective", _history(metric, values), "Every point, and the best so far.")
        page.table(
            _spread(launch, ranked),
            "Each weight in the best tenth of the points: a wide range means no matter.",
        )
        page.provenance(launch)
        page.write(out)
        return {
            f"best {metric}": float(ranked[metric].iloc[0]),
            f"median {metric}": float(ranked[metric].median()),
        }


def as_yaml(weights: Mapping[str, float]) -> str:
    """The mapping as it stands in a recipe, on lines that fit there."""
    entries = ", ".join(f"{table}: {weight:.2g}" for table, weight in weights.items())
    return textwrap.fill(f"weights: {{{entries}}}", 110, subsequent_indent="  ", break_on_hyphens=False)


def _spread(launch: Launched, ranked: pd.DataFrame) -> pd.DataFrame:
    """Quartiles of each weight over the best tenth, relative to the point's largest weight."""
    names = list(launch.recipe.trials.space)  # type: ignore[union-attr]
    best = ranked[names].head(max(len(ranked) // 10, 1)).astype(float)
    quartiles = best.div(best.max(axis=1), axis=0).quantile([0.25, 0.5, 0.75]).T
    quartiles.columns = ["lower quartile", "median", "upper quartile"]
    return quartiles.rename_axis("observable").reset_index()


def _history(metric: str, values: np.ndarray) -> Figure:
    figure, axes = new_figure()
    number = np.arange(1, len(values) + 1)
    axes.plot(number, values, "o", ms=3, color=COLOURS[0], label="point")
    axes.step(number, np.fmin.accumulate(values), where="post", color=COLOURS[1], label="best so far")
    scale = "log" if np.nanmin(values) > 0 else "linear"
    axes.set(xlabel="Point", ylabel=metric.replace("_", " "), yscale=scale)
    axes.legend()
    return figure
