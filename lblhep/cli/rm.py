"""``lblhep rm``: launches, away."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lblhep.cli.console import say
from lblhep.cli.workspace import find_launch, workspace_here


def rm(
    launches: Annotated[
        list[str], typer.Argument(metavar="LAUNCH...", help="Ids, their beginnings, or `newest`.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove launches: their folders with all results, and their runs in MLflow; data sets stay."""
    from lblhep.launch.removal import remove
    from lblhep.tracking import shown_uri

    found = {view.directory.name: view.directory for view in map(find_launch, launches)}
    if not yes:
        typer.confirm(f"Remove {', '.join(found)} with all results and MLflow runs?", abort=True)
    for name, directory in found.items():
        remove(directory)
        say(f"removed {name}")
    say("MLflow keeps what is deleted; to free its space too:")
    # Not the address itself where it may hold a password.
    named = "MLFLOW_TRACKING_URI" in os.environ
    say(f"  mlflow gc --backend-store-uri {'$MLFLOW_TRACKING_URI' if named else shown_uri(workspace_here())}")
