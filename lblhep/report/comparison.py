"""Make the comparison table: launches stand beside each other, replicates folded into mean and spread.

A row is a launch at one value of the axes in ``by``.  Its metrics are those of the groups there and those of
the trials there; where several share a row, the table gives their mean and their standard deviation (the
spread of single values, not the error of the mean).  ``lblhep compare`` and the reports print this one table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lblhep.errors import LblhepError
from lblhep.recipe import cells
from lblhep.recipe.hints import did_you_mean
from lblhep.trials import goal

if TYPE_CHECKING:
    import pandas as pd

    from lblhep.recipe import Recipe
    from lblhep.report.protocols import Launched

SPREAD_SUFFIX = " spread"  # the column "auc spread" belongs to "auc"
PER_LAUNCH = "launch"  # ``by`` this pseudo-axis alone: one row for each launch
_NOT_METRICS = ("trial", "name", "status", "group")


def comparison(launches: Iterable[Launched], by: Sequence[str] | None = None) -> pd.DataFrame:
    """Tabulate launches: launch, the axes in ``by``, trials, then each metric (the goal's first) and its
    spread.

    ``by`` defaults to what a launch's groups are named by, and without groups to every axis: one row a trial.
    The best row by the recipes' goal comes first.  Raises LblhepError for an axis that no launch has.
    """
    import pandas as pd

    launches = list(launches)
    known = sorted({name for launch in launches for name in axes(launch.recipe)})
    unknown = [name for name in by or () if name != PER_LAUNCH and name not in known]
    if unknown:
        raise LblhepError(f"no axis {unknown[0]!r}; there are: {', '.join([PER_LAUNCH, *known])}")
    tables = [_launch_table(launch, by) for launch in launches]
    keys = list(dict.fromkeys(name for _, own in tables for name in own))
    table = pd.concat([part for part, _ in tables], ignore_index=True)
    front = ["launch", *keys, "trials"]
    table = table[[*front, *(name for name in table if name not in front)]]
    goals = [g for launch in launches if (g := goal(launch.recipe)) is not None and g[0] in table]
    if not goals:
        return table
    metric, direction = goals[0]
    front += [name for name in (metric, metric + SPREAD_SUFFIX) if name in table]
    ordered = table.sort_values(metric, ascending=direction == "minimize", kind="stable")
    return ordered[[*front, *(name for name in table if name not in front)]].reset_index(drop=True)


def only(table: pd.DataFrame, patterns: Sequence[str]) -> pd.DataFrame:
    """Keep those metrics of the table that patterns name (``auc``, ``w1_*``), in the patterns' order.

    Raises LblhepError for a pattern that names none.
    """
    columns = [str(name) for name in table.columns]
    before = columns.index("trials") + 1
    metrics = [name for name in columns[before:] if not name.endswith(SPREAD_SUFFIX)]
    named = {pattern: [name for name in metrics if fnmatchcase(name, pattern)] for pattern in patterns}
    for pattern, names in named.items():
        if not names:
            hint = did_you_mean(pattern, metrics) or f"there are {len(metrics)}: --json alone shows all"
            raise LblhepError(f"no metric {pattern!r}; {hint}")
    wanted = dict.fromkeys(name for names in named.values() for name in names)
    kept = [column for name in wanted for column in (name, name + SPREAD_SUFFIX) if column in columns]
    return table[[*columns[:before], *kept]]


def counts(launch: Launched) -> str:
    """Return ``16 of 20 trials finished, 4 failed``: of all that the recipe wants, tried or not."""
    ended = _ended(launch)
    others = [f", {ended[status]} {status}" for status in ("failed", "pruned") if status in ended]
    return f"{ended.get('finished', 0)} of {launch.recipe.trials.total} trials finished{''.join(others)}"


def is_complete(launch: Launched) -> bool:
    """Return whether every trial finished, or was stopped early by the search's scheduler."""
    ended = _ended(launch)
    return ended.get("finished", 0) + ended.get("pruned", 0) == launch.recipe.trials.total


def _ended(launch: Launched) -> dict[str, int]:
    """Map each status to its number of trials."""
    return dict(launch.rows["status"].value_counts()) if "status" in launch.rows else {}


def axes(recipe: Recipe) -> tuple[str, ...]:
    """Return what tells the trials apart: the axes of a scan, the parameters and replicates of a search."""
    trials = recipe.trials
    listed = trials.listed_axes
    points = (
        {name: value}
        for name in trials.axes_of_trial
        for value in (listed[name].points if name in listed else (None,))
    )
    return tuple(dict.fromkeys(column for point in points for column in cells(point)))


def spreads(table: pd.DataFrame) -> bool:
    """Return whether any number of the table is a mean with a spread."""
    return any(table[name].notna().any() for name in table if str(name).endswith(SPREAD_SUFFIX))


def as_json(table: pd.DataFrame) -> str:
    """Return the table as a JSON list of objects; a metric with a spread becomes {"mean": ..., "spread":
    ...}."""
    rows = []
    for record in json.loads(table.to_json(orient="records", double_precision=15)):
        spreads = {name.removesuffix(SPREAD_SUFFIX) for name in record if name.endswith(SPREAD_SUFFIX)}
        rows.append(
            {
                name: {"mean": value, "spread": record[name + SPREAD_SUFFIX]} if name in spreads else value
                for name, value in record.items()
                if not name.endswith(SPREAD_SUFFIX)
            }
        )
    return json.dumps(rows, indent=2)


def with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: "0.7231 ± 0.0042" in one column, digits as the spread allows."""
    names = [str(name) for name in table.columns if not str(name).endswith(SPREAD_SUFFIX)]
    shown = table[names].astype(object)
    for name in names:
        if name + SPREAD_SUFFIX in table:
            pairs = zip(table[name], table[name + SPREAD_SUFFIX], strict=True)
            shown[name] = [value_and_spread(value, spread) for value, spread in pairs]
    return shown


def value_and_spread(value: float, spread: float) -> str:
    """Round a value and its spread: two significant digits of the spread decide how many the value has (as
    the PDG rounds)."""
    from math import floor, isfinite, log10

    if not isfinite(value):
        return "" if value != value else str(value)
    if not isfinite(spread):
        return f"{value:.4g}"
    if spread == 0:
        return f"{value:.4g} ± 0"
    digits = 1 - floor(log10(spread))
    if not -4 <= digits <= 6:
        return f"{value:.4g} ± {spread:.2g}"
    return f"{value:.{max(digits, 0)}f} ± {spread:.{max(digits, 0)}f}"


def _launch_table(launch: Launched, by: Sequence[str] | None) -> tuple[pd.DataFrame, list[str]]:
    """Return one launch's rows of the table, and the axes that name them."""
    trials, groups, names = launch.rows, launch.groups, axes(launch.recipe)
    if by is not None:
        keys = [name for name in by if name in names]
    elif len(groups):
        keys = [name for name in groups.columns if name in names]
    else:
        keys = [name for name in names if name in trials.columns]
    table = _folded(trials, keys, names)
    # A group's metric says nothing about an axis that the group runs over.
    if len(groups) and all(key in groups.columns for key in keys):
        of_groups = _folded(groups, keys, names).drop(columns="trials")
        table = table.drop(columns=[name for name in of_groups if name in table]).join(of_groups)
        table = table[["trials", *of_groups, *(c for c in table if c not in of_groups and c != "trials")]]
    if keys:
        table = table.reset_index()
    table.insert(0, "launch", launch.directory.name)
    return table, keys


def _folded(frame: pd.DataFrame, keys: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Fold replicates, indexed by the keys: how many rows ("trials"), each metric's mean and, of several,
    spread."""
    import pandas as pd

    numbers = frame.select_dtypes("number").columns
    metrics = [name for name in numbers if name not in (*_NOT_METRICS, *names)]
    parts = frame.groupby(list(keys) or (lambda _: 0), sort=True, dropna=False)
    trials = parts.size().to_frame("trials")
    mean, spread = parts[metrics].mean(), parts[metrics].std(ddof=1)
    if not (trials["trials"] > 1).any():
        return pd.concat([trials, mean], axis=1)
    columns = [column for name in metrics for column in (name, name + SPREAD_SUFFIX)]
    return pd.concat([trials, mean, spread.add_suffix(SPREAD_SUFFIX)], axis=1)[["trials", *columns]]
