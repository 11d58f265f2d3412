"""``lblhep report``: a launch's report, made again from what the launch has stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lblhep.cli.console import as_typed, say
from lblhep.cli.workspace import find_launch


def report(
    launch: Annotated[str, typer.Argument(help="An id, its beginning, or `newest`.")],
    out: Annotated[Path | None, typer.Option(help="Write into this folder, not into the launch's.")] = None,
) -> None:
    """Render a launch's report again: after a change to the report's code, or before the launch has ended."""
    from lblhep import components
    from lblhep.launch.report import render
    from lblhep.report.page import formatted

    view = find_launch(launch)
    components.on_path(view.recipe.workspace)
    directory = out or view.directory / "report"
    for name, value in render(view, directory).items():
        say(f"{name}: {formatted(value)}")
    say(as_typed(directory / "index.html"))
