"""A recipe that names no report gets this one: a comparison table, metrics against axes, curves, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.report.comparison import SPREAD_SUFFIX, axes, comparison, with_errors
from lblhep.report.page import Page
from lblhep.report.style import house_style, new_figure
from lblhep.trials import goal

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lblhep.report.protocols import Launched

MAX_PANELS = 4  # metrics in one figure
MAX_CURVES = 200  # lines in one panel; more is a blot
MAX_CATEGORIES = 30  # names along one axis


class DefaultReport:
    """Shows any launch's results as they are; a study's own report says what they mean."""

    def render(self, launch: Launched, out: Path) -> Mapping[str, str | float]:
        """Write the page to ``out``; the headline is the goal's best value and where it was reached."""
        with house_style():
            return _render(launch, out)


def _render(launch: Launched, out: Path) -> dict[str, str | float]:
    rows, recipe = launch.rows, launch.recipe
    if not len(rows):  # an unfinished launch, before its first pack
        rows = rows.reindex(columns=["trial", "name", "status"])
    table = comparison([launch])
    metrics = _metrics_of(table, recipe)
    page = Page(recipe.title or recipe.study, f"{launch.directory.name} · {len(rows)} trials")
    page.heading("Results")
    page.table(with_errors(table.drop(columns="launch")), _caption(table))
    varied = [axis for axis in axes(recipe) if axis in rows and rows[axis].astype(str).nunique() > 1]
    if varied and metrics:
        page.heading("Metrics against axes")
    for axis in varied if metrics else ():
        of_axis = comparison([launch], by=[axis])
        caption = f"Mean and standard deviation over all trials with the same {axis}."
        page.figure(f"by-{axis}", _against(of_axis, axis, metrics), caption)
    _add_curves(page, launch.curves)
    _add_failures(page, rows)
    page.provenance(launch)
    page.write(out)
    return _headline(launch, rows, table)


def _metrics_of(table: pd.DataFrame, recipe: Any) -> list[str]:
    keys = ("launch", "trials", *axes(recipe))
    metrics = [n for n in map(str, table.columns) if n not in keys and not n.endswith(SPREAD_SUFFIX)]
    return metrics[:MAX_PANELS]


def _caption(table: pd.DataFrame) -> str:
    if table["trials"].max() <= 1:
        return "One row for each trial."
    return "Mean ± standard deviation of the trials (or groups) in a row; trials: how many there are."


def _panels(names: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Make a figure with one panel for each name, at most two beside each other."""
    columns = min(len(names), 2)
    lines = -(-len(names) // columns)
    figure, grid = new_figure(
        lines, columns, width=4.6 * columns + 1, height=3.4 * lines + 0.4, squeeze=False
    )
    panels = list(grid.flat)
    for empty in panels[len(names) :]:
        empty.remove()
    return figure, panels[: len(names)]


def _against(table: pd.DataFrame, axis: str, metrics: Sequence[str]) -> Figure:
    """Draw each metric against one axis, numbers at their place, names side by side."""
    from matplotlib.ticker import MaxNLocator

    shown = [name for name in metrics if name in table] or [n for n in metrics[:1] if n in table]
    table = table.sort_values(axis, key=None if table[axis].dtype.kind in "iuf" else lambda c: c.astype(str))
    numeric = table[axis].dtype.kind in "iuf"
    if not numeric:
        table = table.head(MAX_CATEGORIES)
    figure, panels = _panels(shown)
    for panel, metric in zip(panels, shown, strict=True):
        x = table[axis] if numeric else range(len(table))
        spread = table.get(metric + SPREAD_SUFFIX)
        panel.errorbar(x, table[metric], yerr=None if spread is None else spread.fillna(0), fmt="o")
        panel.set(xlabel=axis, ylabel=metric)
        if not numeric:
            panel.set_xticks(range(len(table)), [str(v) for v in table[axis]], rotation=30, ha="right")
        elif table[axis].dtype.kind in "iu":
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        elif table[axis].min() > 0 and table[axis].max() / table[axis].min() > 100:
            panel.set_xscale("log")
    return figure


def _add_curves(page: Page, curves: pd.DataFrame) -> None:
    """Draw one panel for each logged metric, one thin line for each trial."""
    if not len(curves):
        return
    names = [n for n in map(str, curves.columns) if n not in ("trial", "step")][:MAX_PANELS]
    figure, panels = _panels(names)
    trials = list(curves["trial"].unique())[:MAX_CURVES]
    shown = curves[curves["trial"].isin(trials)]
    for panel, name in zip(panels, names, strict=True):
        for _, one in shown.dropna(subset=[name]).groupby("trial"):
            panel.plot(one["step"], one[name], color="C0", alpha=max(0.15, 1 / len(trials)), linewidth=1)
        panel.set(xlabel="step", ylabel=name)
    page.heading("Curves")
    which = f"the first {len(trials)} trials" if len(shown) < len(curves) else "each trial"
    page.figure("curves", figure, f"What the task logged while it ran: one line for {which}.")


def _add_failures(page: Page, rows: pd.DataFrame) -> None:
    failed = rows[rows["status"] == "failed"]
    if len(failed):
        page.heading("Failed trials")
        page.table(failed[["trial", "name"]], f"{len(failed)} of {len(rows)} trials failed.")


def _headline(launch: Launched, rows: pd.DataFrame, table: pd.DataFrame) -> dict[str, str | float]:
    """Return how many trials finished, and the goal's best finite value; of a search, among its points
    alone."""
    recipe = launch.recipe
    done = int((rows["status"] == "finished").sum())
    headline: dict[str, str | float] = {"trials": f"{done} of {recipe.trials.total} finished"}
    aim = goal(recipe)
    known = table if recipe.trials.objective is None else launch.groups
    if aim is None or aim[0] not in known or aim[0] not in table:
        return headline
    ranked = table[table[aim[0]].abs() < float("inf")]
    if len(ranked):
        metric, best = aim[0], ranked.iloc[0]
        headline[f"best {metric}"] = float(best[metric])
        keys = [name for name in axes(recipe) if name in table]
        if keys:
            headline["reached at"] = " ".join(f"{name}={best[name]}" for name in keys)
    return headline
