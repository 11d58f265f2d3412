"""Draw what a collaboration would ask to see of a bump hunt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hist.intervals import poisson_interval
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray
from scipy.stats import norm

from experiments.cwola.features import LABELS
from experiments.cwola.spectrum import BINNING, fitted
from lblhep.annotations import Floats
from lblhep.physics.binomial import expected_counts
from lblhep.physics.efficiency import SicCurve
from lblhep.physics.global_significance import GlobalP
from lblhep.report import COLOURS, new_figure

MASS_LABEL = r"$m_{JJ}$ [GeV]"
MIN_EVENTS_PER_CELL = 10  # a cell of fewer events shows no share
LINE_COLOURS = tuple(COLOURS[i] for i in (0, 1, 2, 4, 6, 5, 9, 7))  # without greys, which are for guides


def percent(efficiency: float) -> str:
    """Write an efficiency as a percentage: 0.002 as "0.2 %"."""
    return f"{100 * efficiency:g} %"


def significance_scan(
    groups: pd.DataFrame, efficiencies: Sequence[float], title: str = "", resonance: float | None = None
) -> Figure:
    """Draw the signed local significance of every window, one line for each cut.

    Args:
        groups: one row for each window.
        efficiencies: the cuts.
        title: of the figure.
        resonance: the mass in GeV at which signal was injected, to be marked.
    """
    figure, axes = new_figure(height=4.8)
    edges = np.array([[BINNING.window(w).low, BINNING.window(w).high] for w in groups["window"]])
    centre = groups["window_centre"].to_numpy()
    axes.axhline(0, color="grey", lw=0.8)
    for colour, efficiency in zip(LINE_COLOURS, efficiencies, strict=False):
        z = groups[f"significance_{efficiency:g}"]
        axes.hlines(z, *edges.T, color=colour, lw=1, alpha=0.4)
        axes.plot(centre, z, "o-", color=colour, label=f"{percent(efficiency)} of events")
    low, high = axes.get_ylim()
    low, high = min(low, -2.5), max(1.35 * high, 5)
    axes.set(xlim=BINNING.edges[[0, -1]], ylim=(low, high), title=title)
    axes.set(xlabel=f"Signal region, {MASS_LABEL}", ylabel=r"Local significance [$\sigma$]")
    for level in (level for level in (3, 5) if level < high):
        axes.axhline(level, color="grey", ls=":", lw=1)
        at = (BINNING.edges[-1] - 60, level)
        axes.annotate(rf"${level}\,\sigma$", at, (0, 2), textcoords="offset points", ha="right", color="grey")
    if resonance is not None:
        label = f"injected: {resonance:.0f} GeV"
        axes.axvline(resonance, 0, 0.74, color="grey", ls="--", lw=1.2, label=label)  # not into the legend
    _p_value_axis(axes, high)
    axes.legend(ncols=2, loc="upper left")
    return figure


def _p_value_axis(axes: Axes, highest: float) -> None:
    """Draw an axis of local p-values on the right, at powers of ten."""
    decades = range(1, min(300, int(-norm.logsf(highest) / np.log(10))) + 1)  # smaller ones are 0
    decades = decades[:: 1 + len(decades) // 8]
    labels = ["0.5", *(f"$10^{{-{d}}}$" for d in decades)]
    axes.tick_params(which="both", right=False)
    p_axis = axes.secondary_yaxis("right")
    p_axis.set_yticks([0, *norm.isf([10.0**-d for d in decades])], labels)
    p_axis.yaxis.set_minor_locator(NullLocator())  # ticks between them would count standard deviations
    p_axis.set_ylabel("Local p-value")


def spectra(
    index: int, counts: NDArray[np.int64], cuts: Sequence[tuple[float, int]], title: str = ""
) -> Figure:
    """Draw a window's spectra after each cut with the masked fit and its error; pulls below.

    Args:
        index: of the window.
        counts: spectra (cuts, bins).
        cuts: efficiency and number of fit parameters of each.
        title: of the figure.
    """
    figure, (main, *pulls) = new_figure(
        len(cuts) + 1, 1, height=4.6 + 1.2 * len(cuts), sharex=True,
        height_ratios=[4] + [1] * len(cuts),
    )  # fmt: skip
    window, edges = BINNING.window(index), BINNING.fit_edges
    # Side by side within a bin, so that long intervals do not hide each other.
    places = 0.5 + 0.08 * (np.arange(len(cuts)) - (len(cuts) - 1) / 2)
    for colour, place, (efficiency, n_parameters), n, panel in zip(
        LINE_COLOURS, places, cuts, counts, pulls, strict=False
    ):
        fit, error = fitted(n, index, n_parameters)
        x = edges[:-1] + place * np.diff(edges)
        _with_intervals(main, x, n, fmt="o", ms=3, elinewidth=1, color=colour, label=percent(efficiency))
        main.stairs(fit, edges, color=colour, lw=1.2)
        main.stairs(
            fit + error, edges, baseline=np.maximum(fit - error, 1e-3), fill=True, color=colour, alpha=0.3
        )
        _pulls(panel, (n - fit) / np.sqrt(np.maximum(fit, 1e-9)), colour, percent(efficiency))
    for axes in (main, *pulls):
        axes.axvspan(window.low, window.high, color="grey", alpha=0.15, lw=0, zorder=0)
    main.set(yscale="log", ylabel="Events / bin", xlim=edges[[0, -1]], title=title)
    main.set_ylim(0.2, 12 * counts.max())
    main.legend(handles=_spectra_legend(main), ncols=2, loc="upper right")
    middle_of_the_pulls = 0.04 + 0.5 * len(cuts) / (4 + len(cuts))
    figure.supylabel("(data - fit) / √fit", x=0.0, y=middle_of_the_pulls, fontsize=13)
    pulls[-1].set_xlabel(MASS_LABEL)
    return figure


def _with_intervals(axes: Axes, x: Floats, n: NDArray[np.int64], **style: Any) -> None:
    """Draw counts with their central 68 % Poisson intervals; an empty bin shows what it allows."""
    low, high = poisson_interval(n.astype(float))
    axes.errorbar(x, n, (n - low, high - n), **style)


def _pulls(axes: Axes, pulls: Floats, colour: str, label: str) -> None:
    """Draw one cut's pulls, all of them inside the frame."""
    edges = BINNING.fit_edges
    axes.stairs(pulls, edges, fill=True, color=colour, alpha=0.8)
    axes.axhline(0, color="black", lw=0.6)
    low, high = min(-2.5, pulls.min()), max(2.5, pulls.max())
    axes.set_ylim(low - 0.1 * (high - low), high + 0.45 * (high - low))  # room for the label
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.annotate(label, (0.985, 0.93), xycoords="axes fraction", ha="right", va="top", fontsize=11)


def _spectra_legend(axes: Axes) -> list[Any]:
    """Explain the cuts, and what line, band and shade mean for all of them."""
    points, _ = axes.get_legend_handles_labels()
    return [
        *points,
        Line2D([], [], color="black", lw=1.2, label="fit, signal region masked"),
        Patch(color="black", alpha=0.3, lw=0, label="its standard error"),
        Patch(color="grey", alpha=0.15, lw=0, label="signal region"),
    ]


def sic(curves: Mapping[str, Sequence[SicCurve]]) -> Figure:
    """Draw the SIC against signal efficiency: median over pseudo-experiments with its 68 % band for each
    method.

    A band ends where the first of its pseudo-experiments does.  With one pseudo-experiment the band is the
    statistical error of the test sample.
    """
    figure, axes = new_figure()
    grid = np.linspace(0.01, 1, 100)
    for colour, (method, found) in zip(LINE_COLOURS, curves.items(), strict=False):
        if len(found) > 1:
            x, (low, middle, high) = sic_band(found, grid)
            axes.plot(x, middle, color=colour, label=method)
            axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
        else:
            (curve,) = found
            x = curve.signal_efficiency
            axes.plot(x, curve.sic, color=colour, label=method)
            axes.fill_between(
                x, curve.sic - curve.error, curve.sic + curve.error, color=colour, alpha=0.25, lw=0
            )
    axes.plot(grid, np.sqrt(grid), color="grey", ls=":", label="random")
    axes.set(
        xlabel=r"Signal efficiency $\epsilon_S$",
        ylabel="Significance improvement $\\epsilon_S/$√$\\epsilon_B$",
        xlim=(0, 1),
        ylim=(0, None),
    )
    axes.legend()
    return figure


def sic_band(curves: Sequence[SicCurve], grid: Floats) -> tuple[Floats, Floats]:
    """Return the points of ``grid`` that all curves reach, and there the 16 %, 50 % and 84 % quantiles (3,
    points).

    Where some curves have ended, because too little background passes, the others are the worse ones: their
    quantiles would bend downwards.
    """
    values = np.array([curve.at(grid) for curve in curves])
    known = np.isfinite(values).all(axis=0)
    return grid[known], np.quantile(values[:, known], [0.16, 0.5, 0.84], axis=0)


def p_values(samples: Mapping[str, Floats], independent: int | None = None) -> Figure:
    """Draw the cumulative share of p-values below p against p itself, which a calibrated test follows.

    The band is that of ``independent`` uniform values: by default as many as a sample holds.
    """
    figure, axes = new_figure(width=5.2, height=4.8)
    for colour, (label, values) in zip(LINE_COLOURS, samples.items(), strict=False):
        p = np.sort(values)
        share = np.arange(1, len(p) + 1) / len(p)
        axes.step(p, share, where="post", color=colour, label=f"{label} ({len(p)})")
    most = max(map(len, samples.values()))
    n = independent or most
    smallest = min(float(values.min()) for values in samples.values())
    x = np.geomspace(max(1e-4, min(1 / most, smallest)), 1, 200)
    band = np.array([expected_counts(v, n) for v in x]) / n
    axes.fill_between(
        x,
        np.maximum(band[:, 0], 0.1 / most),
        band[:, 1],
        color="grey",
        alpha=0.2,
        lw=0,
        label=f"95 % of {n} uniform values",
    )
    axes.plot(x, x, color="grey", lw=0.8)
    axes.set(xscale="log", yscale="log", xlabel="p", ylabel="Share of pseudo-experiments below p")
    axes.set(xlim=(0.8 * x[0], 1), ylim=(0.8 / most, 1.2))
    axes.legend(loc="upper left")
    return figure


def distribution(values: Floats, label: str, *, reference: bool = True) -> Figure:
    """Draw a histogram of significances, with the unit Gaussian of a calibrated null, or with their
    median."""
    figure, axes = new_figure()
    width = 0.25 if reference else 0.5
    edges = width * np.arange(np.floor(values.min() / width), np.floor(values.max() / width) + 2)
    what = f"{len(values)} pseudo-experiments"
    n, _, _ = axes.hist(values, edges, color=LINE_COLOURS[0], alpha=0.5, label=what)
    if reference:
        x = np.linspace(min(-4, edges[0]), max(4, edges[-1]), 200)
        axes.plot(x, len(values) * width * norm.pdf(x), color=LINE_COLOURS[2], label="unit Gaussian")
    else:
        middle = float(np.median(values))
        axes.axvline(middle, color=LINE_COLOURS[2], lw=2, label=f"median: {middle:.2f}")
    axes.set(xlabel=label, ylabel=f"Pseudo-experiments / {width:g} $\\sigma$", ylim=(0, 1.35 * n.max()))
    _count_ticks(axes)
    axes.legend()
    return figure


def _count_ticks(axes: Axes) -> None:
    """Allow whole numbers only as ticks: there is no half pseudo-experiment."""
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_minor_locator(NullLocator())


def global_test(observed: float, largest: Floats, result: GlobalP) -> Figure:
    """Draw the largest local significance of each null pseudo-experiment, and the observed one.

    A bin starts at the observed value, so that the dark bins hold those that reach it.
    """
    width = 0.2
    figure, axes = new_figure()
    below, above = (int(np.ceil(d / width)) for d in (observed - largest.min(), largest.max() - observed))
    edges = observed + width * np.arange(-max(below, 1), max(above, 0) + 2)
    n, _, _ = axes.hist(largest, edges, color=LINE_COLOURS[0], alpha=0.5, label=f"{result.n} exact nulls")
    share = f"{result.k} of {result.n} = {result.k / result.n:.2g}"
    reached = f"as large: {share}\n({100 * result.level:g} %: {result.low:.2g} to {result.high:.2g})"
    axes.hist(largest[largest >= observed], edges, color=LINE_COLOURS[0], label=reached)
    seen = f"observed: {observed:.2f}\nglobal p = {result.p:.2g}"
    axes.axvline(observed, color=LINE_COLOURS[2], lw=2, label=seen)
    _count_ticks(axes)
    axes.set(
        xlabel=r"Largest local significance of all windows and cuts [$\sigma$]",
        ylabel=f"Null scans / {width:g} $\\sigma$",
        ylim=(0, 1.3 * n.max()),
    )
    axes.legend()
    return figure


def mass_plane(
    planes: Mapping[str, tuple[Floats, Floats, Floats]], daughters: tuple[float, float] | None = None
) -> Figure:
    """Draw the share of high outputs over the two jet masses, side by side: {title: (m_j1, m_j2, is high)}.

    Cells of fewer than ``MIN_EVENTS_PER_CELL`` events stay white.  ``daughters`` are the true masses (GeV) of
    the resonance's products, to be marked.
    """
    figure, all_axes = new_figure(
        1, len(planes), width=5.2 * len(planes), height=4.4, sharey=True, squeeze=False
    )
    edges = np.arange(0, 801, 40), np.arange(0, 481, 40)
    for axes, (title, (heavy, light, high)) in zip(all_axes[0], planes.items(), strict=True):
        total, _, _ = np.histogram2d(heavy, light, edges, weights=high)
        events, _, _ = np.histogram2d(heavy, light, edges)
        mean = np.divide(total, events, out=np.full_like(total, np.nan), where=events >= MIN_EVENTS_PER_CELL)
        mesh = axes.pcolormesh(*edges, mean.T, vmin=0, vmax=0.4, cmap="viridis")
        if daughters is not None:
            axes.plot(*daughters, "*", ms=15, mfc="white", mec="black", label="true masses")
            axes.legend(loc="upper left", handletextpad=0.2)
        axes.set(xlabel=r"$m_{J_1}$ [GeV]", title=title)
    all_axes[0][0].set_ylabel(r"$m_{J_2}$ [GeV]")
    bar = figure.colorbar(mesh, ax=list(all_axes[0]), label="Share in the highest tenth", extend="max")
    bar.ax.axhline(0.1, color="white", lw=1.5)  # what chance gives
    return figure


def feature_profiles(features: Sequence[str], table: Floats, mjj: Floats) -> Figure:
    """Draw median and central 68 % of each feature against m_jj: a feature that follows the mass sculpts."""
    columns = 2
    rows = -(-len(features) // columns)
    figure, all_axes = new_figure(rows, columns, width=8, height=3 * rows, squeeze=False)
    edges = BINNING.edges
    centre = np.sqrt(edges[1:] * edges[:-1])
    which = np.digitize(mjj, edges) - 1
    for axes, name, values in zip(all_axes.flat, features, table.T, strict=False):
        band = np.array([np.quantile(values[which == i], [0.16, 0.5, 0.84]) for i in range(len(centre))])
        axes.fill_between(centre, band[:, 0], band[:, 2], color=LINE_COLOURS[0], alpha=0.3, lw=0)
        axes.plot(centre, band[:, 1], color=LINE_COLOURS[0])
        axes.set(xlabel=MASS_LABEL, ylabel=LABELS[name])
    for axes in all_axes.flat[len(features) :]:
        axes.set_visible(False)
    return figure
