"""Rendering a launch's report: the recipe's own, or the default one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lblhep import components
from lblhep.errors import LaunchError
from lblhep.launch.view import LaunchView


def render(view: LaunchView, out: Path) -> Mapping[str, str | float]:
    """Write the report into the directory ``out``, the headline first; what its component raises is raised.

    Returns:
        The headline: what is to be printed at the launch's end.

    Raises:
        LaunchError: no trial has finished.
    """
    from lblhep.report import DefaultReport, house_style
    from lblhep.report.comparison import counts, is_complete
    from lblhep.report.page import put_headline

    rows = view.rows
    if not len(rows) or not (rows["status"] == "finished").any():
        raise LaunchError(f"{view.directory.name}: no trial has finished, so there is nothing to report")
    component = view.recipe.report
    report = DefaultReport() if component is None else components.build(component)
    out.mkdir(parents=True, exist_ok=True)
    with house_style():  # a study draws in the house style without asking for it
        headline: Mapping[str, str | float] | None = report.render(view, out)
    warning = "" if is_complete(view) else f"INCOMPLETE: {counts(view)}"
    if (page := out / "index.html").is_file():
        put_headline(page, headline or {}, warning)
    return headline or {}
