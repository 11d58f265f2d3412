"""Every figure has mplhep's style, in a size that reads well on a page and in a paper's column.

Figures are plain ``matplotlib.figure.Figure`` objects, never pyplot's: nothing is kept open, no display is
needed, and reports of several launches in one process cannot draw into each other's figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Ten colours that people with any colour vision can tell apart (M. Petroff, arXiv:2107.02270).
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip

_SETTINGS: dict[str, Any] = {
    "figure.figsize": (6.4, 4.4),
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.bbox": "standard",  # constrained layout has already used the whole page
    "font.size": 12,
    "axes.labelsize": 13,
    "axes.titlesize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "errorbar.capsize": 0,
    "axes.linewidth": 1.0,
    "xtick.major.size": 7,
    "ytick.major.size": 7,
    "xtick.minor.size": 3.5,
    "ytick.minor.size": 3.5,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Apply Matplotlib's settings inside the ``with`` block; those of the caller come back after it."""
    import matplotlib.style
    import mplhep
    from cycler import cycler

    cycle = {"axes.prop_cycle": cycler(color=COLOURS)}
    with matplotlib.style.context([mplhep.style.ROOT, _SETTINGS | cycle]):
        yield


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 4.4, **grid: Any
) -> tuple[Figure, Any]:
    """Make a figure and its axes: one ``Axes``, or an array of them.

    ``grid`` goes to ``Figure.subplots`` (``sharex``, ``height_ratios`` ...).  The style is applied to what is
    created here; :meth:``lblhep.report.Page.figure`` applies it again while drawing.

    Args:
        rows: of axes.
        columns: of axes.
        width: in inches.
        height: in inches.
        grid: goes to ``Figure.subplots`` (``sharex``, ``height_ratios`` ...).
    """
    from matplotlib.figure import Figure

    with house_style():
        figure = Figure(figsize=(width, height))
        axes: Axes | Any = figure.subplots(rows, columns, **grid)
    return figure, axes
