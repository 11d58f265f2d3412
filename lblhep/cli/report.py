"""``lblhep report``: make a launch's report again from what the launch has stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lblhep.cli.console import as_typed, say
from lblhep.cli.workspace import find_launch
from lblhep.errors import LaunchError, LblhepError


def report(
    launch: Annotated[str, typer.Argument(help="An id, its beginning, or `newest`.")],
    out: Annotated[Path | None, typer.Option(help="Write into this folder, not into the launch's.")] = None,
) -> None:
    """Render a launch's report again: after a change to the report's code, or before the launch has ended."""
    from lblhep import components
    from lblhep.components import raised_at
    from lblhep.launch.finish import render
    from lblhep.report.comparison import counts
    from lblhep.report.page import formatted

    view = find_launch(launch)
    components.on_path(view.recipe.workspace)
    directory = out or view.directory / "report"
    try:
        headline = render(view, directory)
    except LblhepError:
        raise
    except Exception as error:  # of the report's own code, which may be the user's
        raise LaunchError(
            f"{view.directory.name}: {counts(view)}; its report failed: {type(error).__name__}: "
            f"{error}{raised_at(error)}; --debug shows the traceback"
        ) from error
    for name, value in headline.items():
        say(f"{name}: {formatted(value)}")
    say(as_typed(directory / "index.html"))
