"""Declare ``--wait SECONDS``, the option of the verbs that wait for a Ray cluster or an MLflow server."""

from __future__ import annotations

from typing import Annotated

import typer

MAX_WAIT_SECONDS = 86_400  # seconds

Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=1,
        max=MAX_WAIT_SECONDS,
        help="How long a Ray cluster or an MLflow server may take to answer.",
    ),
]
