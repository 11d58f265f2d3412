"""``lblhep compare``: put launches beside each other."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from lblhep.cli.console import console, new_table, say
from lblhep.cli.list import RECENT_LAUNCHES, launch_states, launch_table
from lblhep.cli.workspace import NEWEST_LAUNCH, find_launch, workspace_here

if TYPE_CHECKING:
    import pandas as pd

MAX_HIDDEN_NAMES = 6  # of the columns that do not fit


def compare(
    launches: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAUNCH]...",
            help="Ids, their beginnings, or `newest`; none: list what can be compared.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS",
            help="One row for each value of this axis (repeat for more); `launch`: one row each.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this metric (repeat for more); 'w1_*' names several."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="As JSON, all rows and columns (with --metric: those).")
    ] = False,
    rows: Annotated[int, typer.Option(help="Most rows to print.", min=1)] = 40,
) -> None:
    """Print metrics of launches, the best first.

    Where several trials (or groups) share a row, it is mean ± standard deviation of their values: how much
    single ones differ, not how well the mean is known.
    """
    from lblhep.report.comparison import as_json, comparison, counts, is_complete, only, spreads, with_errors

    if not launches:
        _offer(json)
        return
    found = [find_launch(name) for name in dict.fromkeys(launches)]
    table = comparison(found, by)
    if metric:
        table = only(table, metric)
    if json:
        say(as_json(table))
        return
    shown = with_errors(table)
    for launch in found:
        if len(found) == 1 or not is_complete(launch):
            say(f"{launch.directory.name}: {counts(launch)}")
    if len(found) == 1:
        shown = shown.drop(columns="launch")
    _print(shown, rows)
    if spreads(table):
        say("±: standard deviation of the trials (or groups) in a row; trials: how many there are")


def _offer(as_json: bool) -> None:
    """Print what there is to compare, and how to ask for it, where no launch was named."""
    workspace = workspace_here()
    if as_json:
        keys = ("launch", "state", "started")
        say(dumps([dict(zip(keys, each, strict=True)) for each in launch_states(workspace)], indent=2))
        return
    find_launch(NEWEST_LAUNCH)  # or say that there is none yet
    console().print(launch_table(workspace, RECENT_LAUNCHES))
    say("one:      lblhep compare newest")
    say("several:  lblhep compare LAUNCH LAUNCH   (add --by AXIS, or --by launch for one row each)")


def _print(shown: pd.DataFrame, rows: int) -> None:
    """Print as many columns as fit, the first ``rows`` rows; what is left out is said."""
    from lblhep.report.page import formatted

    cells = {str(name): [formatted(value) for value in shown[name].head(rows)] for name in shown.columns}
    fitting: list[str] = []
    terminal = console()
    width = -1  # of a table without columns; each has a margin and a line
    for name, values in cells.items():
        width += 3 + max(map(len, [name, *values]))
        if fitting and width > terminal.width:
            break
        fitting.append(name)
    table = new_table(*fitting)
    for line in zip(*(cells[name] for name in fitting), strict=True):
        table.add_row(*line)
    terminal.print(table)
    hidden = [name for name in cells if name not in fitting]
    if hidden:
        some = ", ".join([*hidden[:MAX_HIDDEN_NAMES], *(["..."] if len(hidden) > MAX_HIDDEN_NAMES else [])])
        say(f"{len(hidden)} more columns ({some}): --metric NAME, or --json")
    if len(shown) > rows:
        say(f"{len(shown) - rows} more rows: --rows {len(shown)} or --json")
