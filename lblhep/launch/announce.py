"""Telling people who are not there, as the recipe's ``notify:`` wants it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lblhep.launch.progress import Progress
    from lblhep.recipe import Recipe


def announce(recipe: Recipe, launch: str, event: str, progress: Progress, lines: Iterable[str] = ()) -> str:
    """Send word of an event of the launch (``started``, ``finished``, ``failed``, ``interrupted``).

    Args:
        lines: what to say beside the counts: headline, problems.

    Returns:
        A warning if it was wanted and could not be sent, else an empty string.
    """
    wanted = recipe.notify
    if wanted is None or event not in wanted.on:
        return ""
    from lblhep.notify import send

    counts = f"{progress.done} of {progress.total} trials done, {progress.failed} failed"
    return send(wanted.urls_env, f"{launch} {event}", "\n".join([counts, *lines]))
