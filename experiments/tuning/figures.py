"""The study's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lblhep.report import COLOURS, new_figure

Floats = NDArray[np.float64]
Tunes = Mapping[str, pd.DataFrame]  # label -> the bins with ``run`` and ``run_error``, as Results.predictions

A_SHEET = 6  # observables
IN_GEV = ("pt_in", "pt_out", "sigma", "pTmin")
LARGEST_PULL = 5
MARGINS = {"left": 0.06, "right": 0.985, "bottom": 0.05, "top": 0.97, "wspace": 0.22, "hspace": 0.28}


def sheets(tunes: Tunes) -> Iterator[Figure]:
    """Every observable: data, Monash and each tune; below, ratios to the data and pulls; six to a sheet."""
    first = next(iter(tunes.values()))
    tables = [part.index for _, part in first.groupby(["experiment", "table"], sort=False)]
    for start in range(0, len(tables), A_SHEET):
        chosen = tables[start : start + A_SHEET]
        figure, axes = new_figure(
            6, 3, width=13, height=13, height_ratios=[3, 1, 1] * 2, squeeze=False, gridspec_kw=MARGINS
        )
        figure.set_layout_engine("none")  # to compute the margins would draw all 18 panels once more
        for place in range(A_SHEET):
            row, column = 3 * (place // 3), place % 3
            panels = axes[row : row + 3, column]
            if place < len(chosen):
                _observable(panels, {label: bins.loc[chosen[place]] for label, bins in tunes.items()})
            else:
                for panel in panels:
                    panel.set_visible(False)
        yield figure


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
    curves = {"Monash": (bins["monash"], bins["monash_error"])}
    curves |= {label: (part["run"], part["run_error"]) for label, part in tunes.items()}
    for colour, (label, (value, mc_error)) in zip(COLOURS, curves.items(), strict=False):
        value, mc_error = value.to_numpy(), mc_error.to_numpy()
        main.stairs(value, edges, color=colour, lw=1.2, label=label)
        ratio.stairs(value / data, edges, color=colour, lw=1.2, baseline=None)
        z = (value - data) / np.hypot(error, mc_error)
        pull.stairs(np.clip(z, -LARGEST_PULL, LARGEST_PULL), edges, color=colour, lw=1.2, baseline=None)
    if (data > 0).all() and data.max() > 30 * data.min():
        main.set_yscale("log")
    name = bins["observable"].iloc[0]
    main.set_title(f"{bins['experiment'].iloc[0].split('_')[0]}: {name.removesuffix('_gev')}", fontsize=10)
    main.legend(fontsize=8)
    ratio.set(ylim=(0.8, 1.2), ylabel="MC / data")
    pull.set(ylim=(-LARGEST_PULL, LARGEST_PULL), ylabel="Pull", xlabel=_with_unit(name))
    for panel in (ratio, pull):
        panel.axhline(1 if panel is ratio else 0, color="grey", lw=0.6)
    for panel in panels:
        panel.minorticks_off()  # thousands of lines that nobody misses
        panel.set_xlim(edges[0], edges[-1])
        panel.label_outer(remove_inner_ticks=False) if panel is pull else panel.tick_params(labelbottom=False)
        panel.yaxis.label.set_size(9)
        panel.xaxis.label.set_size(9)
        panel.tick_params(labelsize=8)


def _with_unit(name: str) -> str:
    """The label of an observable or a parameter."""
    return name.removesuffix("_gev") + (" [GeV]" if name.startswith(IN_GEV) else "")


def _steps(*values: Floats) -> Iterator[Floats]:
    for v in values:
        yield np.append(v, v[-1])


def cumulative(chi2_per_bin: Mapping[str, Floats]) -> Figure:
    """The share of observables whose chi2 per bin lies below a threshold (the figure of arXiv:2103.05751)."""
    figure, axes = new_figure()
    for colour, (label, values) in zip(COLOURS, chi2_per_bin.items(), strict=False):
        x = np.sort(values)
        axes.step(x, np.arange(1, len(x) + 1) / len(x), where="post", color=colour, label=label)
    axes.axvline(1, color="grey", lw=0.8, ls=":")
    axes.set(
        xscale="log",
        xlabel=r"$\chi^2$ per bin of an observable",
        ylabel="Share of observables below",
        ylim=(0, 1.05),
    )
    axes.legend(loc="lower right", fontsize=9)
    return figure


def parameters(
    tunes: Mapping[str, tuple[Floats, Mapping[str, Floats]]],
    box: Mapping[str, tuple[float, float]],
    monash: Mapping[str, float],
) -> Figure:
    """Tuned points with their 68 % contours (other parameters refitted), Monash, in the box of the grid.

    ``tunes``: label -> values (d,), parameters in the order of ``box``, and contours "first-second" (n, 2).
    """
    names = list(box)
    d = len(names)
    figure, axes = new_figure(d - 1, d - 1, width=9, height=8.4, squeeze=False)
    for i, j in combinations(range(d), 2):
        panel = axes[j - 1, i]
        for number, (label, (values, contours)) in enumerate(tunes.items()):
            style = {"color": COLOURS[1:][number % (len(COLOURS) - 1)]}
            panel.plot(values[i], values[j], "o", ms=4, label=label, **style)
            around = contours[f"{names[i]}-{names[j]}"]
            panel.plot(*np.concatenate([around, around[:1]]).T, lw=1, **style)
        panel.plot(monash[names[i]], monash[names[j]], "*", color=COLOURS[0], ms=9, label="Monash")
        panel.set(xlim=box[names[i]], ylim=box[names[j]])
        panel.tick_params(labelsize=8)
        if j == d - 1:
            panel.set_xlabel(_with_unit(names[i]))
        if i == 0:
            panel.set_ylabel(_with_unit(names[j]))
    for row in range(d - 1):
        for column in range(row + 1, d - 1):
            axes[row, column].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right")
    return figure


def hold_out(relative_rms: Floats) -> Figure:
    """How well the surrogates predict points left out, in units of the Monte Carlo error: 1 is perfect."""
    figure, axes = new_figure()
    edges = np.geomspace(0.5, max(20.0, 1.1 * relative_rms.max()), 50)
    axes.hist(relative_rms, edges, color=COLOURS[0])
    axes.axvline(1, color="grey", lw=0.8, ls=":")
    axes.set(
        xscale="log", xlabel="rms of (prediction left out - generated) / Monte Carlo error", ylabel="Bins"
    )
    return figure
