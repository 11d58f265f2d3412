"""``lblhep rm``: remove launches."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lblhep.cli.console import say
from lblhep.cli.workspace import find_removable, workspace_here


def rm(
    launches: Annotated[
        list[str],
        typer.Argument(
            metavar="LAUNCH...", help="Ids, their beginnings with the date (cwola-20260131), or `newest`."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove launches: their folders with all results, and their runs in MLflow; data sets stay."""
    from lblhep.launch.store.removal import remove
    from lblhep.tracking import shown_uri

    workspace = workspace_here()
    found = {path.name: path for path in map(find_removable, launches)}
    if not yes:
        typer.confirm(f"Remove {', '.join(found)} with all results and MLflow runs?", abort=True)
    for name in remove(workspace, list(found.values())):
        say(f"removed {name}")
    say("MLflow keeps what is deleted; to free its space too:")
    # Not the address itself where it may hold a password.
    named = "MLFLOW_TRACKING_URI" in os.environ
    say(f"  mlflow gc --backend-store-uri {'$MLFLOW_TRACKING_URI' if named else shown_uri(workspace)}")
