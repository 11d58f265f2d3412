"""``lblhep compare``: launches beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lblhep.cli.console import WIDEST, console, new_table, say
from lblhep.cli.workspace import find_launch

if TYPE_CHECKING:
    import pandas as pd


def compare(
    launches: Annotated[list[str], typer.Argument(metavar="LAUNCH...", help="Ids, or `newest`.")],
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS",
            help="One row for each value of this axis (repeat for more); `launch`: one row each.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    rows: Annotated[int, typer.Option(help="Most rows to print.", min=1)] = 40,
) -> None:
    """Print metrics of launches, mean ± spread over replicates, the best first."""
    from lblhep.report.comparison import as_json, comparison, with_errors

    table = comparison([find_launch(name) for name in dict.fromkeys(launches)], by)
    if json:
        say(as_json(table))
        return
    shown = with_errors(table)
    if len(set(launches)) == 1:
        say(f"{table['launch'].iloc[0] if len(table) else launches[0]}")
        shown = shown.drop(columns="launch")
    _print(shown, rows)


def _print(shown: pd.DataFrame, rows: int) -> None:
    """As many columns as fit, the first ``rows`` rows; what is left out is said."""
    from lblhep.report.page import formatted

    cells = {str(name): [formatted(value) for value in shown[name].head(rows)] for name in shown.columns}
    fitting: list[str] = []
    width = 0
    for name, values in cells.items():
        width += 2 + max(map(len, [name, *values]))
        if fitting and width > WIDEST:
            break
        fitting.append(name)
    table = new_table(*fitting)
    for line in zip(*(cells[name] for name in fitting), strict=True):
        table.add_row(*line)
    console().print(table)
    hidden = [name for name in cells if name not in fitting]
    if hidden:
        say(f"{len(hidden)} more columns ({', '.join(hidden)}): --json")
    if len(shown) > rows:
        say(f"{len(shown) - rows} more rows: --rows {len(shown)} or --json")
