"""Draw every observable beside the data, six to a sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.tuning.figures import axis_label
from lblhep.annotations import Floats
from lblhep.report import COLOURS, new_figure

Tunes = Mapping[str, pd.DataFrame]  # label -> the bins with ``run``, as Results.predictions

OBSERVABLES_A_SHEET = 6  # observables
MAX_PULL = 5
MONASH_COLOUR = "#717581"
MARGINS = {"left": 0.06, "right": 0.985, "bottom": 0.08, "top": 0.97, "wspace": 0.22, "hspace": 0.28}
LOWER_ROW_SHIFT = 0.03  # lower by so much, for the axis labels of the row above


def observable_sheets(tunes: Tunes) -> Iterator[Figure]:
    """Draw every observable, six to a sheet: data, Monash and tunes; below, ratios to the data and pulls."""
    first = next(iter(tunes.values()))
    tables = [part.index for _, part in first.groupby(["experiment", "table"], sort=False)]
    for start in range(0, len(tables), OBSERVABLES_A_SHEET):
        chosen = tables[start : start + OBSERVABLES_A_SHEET]
        figure, axes = new_figure(
            6, 3, width=13, height=13, height_ratios=[3, 1, 1] * 2, squeeze=False, gridspec_kw=MARGINS
        )
        figure.set_layout_engine("none")  # to compute the margins would draw all 18 panels once more
        _make_room(axes[3:])
        for place in range(OBSERVABLES_A_SHEET):
            row, column = 3 * (place // 3), place % 3
            panels = axes[row : row + 3, column]
            if place < len(chosen):
                _observable(panels, {label: bins.loc[chosen[place]] for label, bins in tunes.items()})
            else:
                for panel in panels:
                    panel.set_visible(False)
        yield figure


def _make_room(lower: Iterable[Sequence[Axes]]) -> None:
    for panel in (panel for row in lower for panel in row):
        x, y, width, height = panel.get_position().bounds
        panel.set_position((x, y - LOWER_ROW_SHIFT, width, height))


def _observable(panels: Sequence[Axes], tunes: Tunes) -> None:
    main, ratio, pull = panels
    bins = next(iter(tunes.values()))
    edges = np.append(bins["x_low"], bins["x_high"].iloc[-1])
    centre, data, error = (edges[1:] + edges[:-1]) / 2, bins["value"].to_numpy(), bins["error"].to_numpy()
    main.errorbar(
        centre, data, error, (edges[1:] - edges[:-1]) / 2, fmt="o", ms=2.5, color="black", label="data"
    )
    ratio.fill_between(
        edges, *_steps(1 - error / data, 1 + error / data), step="post", color="grey", alpha=0.3, lw=0
    )
    curves = {"Monash": bins["monash"].to_numpy()}
    curves |= {f"tuned to {label}": part["run"].to_numpy() for label, part in tunes.items()}
    for colour, (label, value) in zip((MONASH_COLOUR, *COLOURS), curves.items(), strict=False):
        main.stairs(value, edges, color=colour, lw=1.2, label=label)
        ratio.stairs(value / data, edges, color=colour, lw=1.2, baseline=None)
        z = (value - data) / error
        pull.stairs(np.clip(z, -MAX_PULL, MAX_PULL), edges, color=colour, lw=1.2, baseline=None)
    if (data > 0).all() and data.max() > 30 * data.min():
        main.set_yscale("log")
    name = bins["observable"].iloc[0]
    main.set_title(f"{bins['experiment'].iloc[0].split('_')[0]}: {name.removesuffix('_gev')}", fontsize=10)
    main.legend(fontsize=8)
    ratio.set(ylim=(0.8, 1.2), ylabel="MC / data")
    pull.set(ylim=(-MAX_PULL, MAX_PULL), ylabel="Pull", xlabel=axis_label(name))
    for panel in (ratio, pull):
        panel.axhline(1 if panel is ratio else 0, color="grey", lw=0.6)
    for panel in panels:
        panel.minorticks_off()  # thousands of lines that nobody misses
        panel.set_xlim(edges[0], edges[-1])
        panel.tick_params(labelbottom=panel is pull)
        panel.yaxis.label.set_size(9)
        panel.xaxis.label.set_size(9)
        panel.tick_params(labelsize=8)


def _steps(*values: Floats) -> Iterator[Floats]:
    for v in values:
        yield np.append(v, v[-1])
