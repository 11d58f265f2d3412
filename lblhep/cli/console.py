"""Write to the terminal by rich, at most so wide that lines stay readable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MAX_WIDTH = 100  # columns; also the width of what is written into a file or a pipe


def console() -> Console:
    """Return the standard output: the terminal, up to ``MAX_WIDTH`` columns of it, or a file.

    What it prints is as it was written: brackets and colons in a title are no markup.
    """
    from rich.console import Console

    terminal = Console()
    width = min(terminal.width, MAX_WIDTH) if terminal.is_terminal else MAX_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def say(line: str = "") -> None:
    """Print one line for people, at once, never wrapped: paths and commands stay whole for copying."""
    typer.echo(line)
    sys.stdout.flush()


def new_table(*headers: str, title: str | None = None) -> Table:
    """Make an empty table in the one form that all verbs print."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def as_typed(path: Path) -> str:
    """Write the path as one would type it here: relative where it lies below the working folder."""
    path = path.absolute()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def duration(seconds: float) -> str:
    """Write seconds as ``42 s``, ``3:05 min`` or ``2:03 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
