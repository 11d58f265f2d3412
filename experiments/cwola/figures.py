"""The study's figures: what a collaboration would ask to see of a bump hunt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from experiments.cwola.features import LABELS
from experiments.cwola.spectrum import BINNING, fitted
from lblhep.physics.binomial import expected_counts
from lblhep.physics.efficiency import SicCurve
from lblhep.physics.global_significance import GlobalP
from lblhep.report import COLOURS, new_figure

MASS = r"$m_{JJ}$ [GeV]"
Floats = NDArray[np.float64]


def percent(efficiency: float) -> str:
    """0.002 -> "0.2 %"."""
    return f"{100 * efficiency:g} %"


def significance_scan(groups: pd.DataFrame, efficiencies: Sequence[float]) -> Figure:
    """Signed local significance of every window (rows of ``groups``), one line for each cut."""
    figure, axes = new_figure(height=4.6)
    edges = np.array([[BINNING.window(w).low, BINNING.window(w).high] for w in groups["window"]])
    for colour, efficiency in zip(COLOURS, efficiencies, strict=False):
        z = groups[f"significance_{efficiency:g}"]
        axes.errorbar(
            groups["window_centre"],
            z,
            xerr=abs(edges - groups["window_centre"].to_numpy()[:, None]).T,
            fmt="o-",
            color=colour,
            elinewidth=0.8,
            label=f"{percent(efficiency)} of events",
        )
    axes.axhline(0, color="grey", lw=0.8)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -2.5), max(1.25 * high, 4))
    for level in range(1, int(axes.get_ylim()[1]) + 1):
        if level in (3, 5):
            axes.axhline(level, color="grey", ls=":", lw=0.8)
            axes.annotate(rf"{level}$\sigma$", (BINNING.edges[0], level), fontsize=9, color="grey")
    axes.set(
        xlabel=f"Signal region, {MASS}", ylabel=r"Local significance [$\sigma$]", xlim=BINNING.edges[[0, -1]]
    )
    p_axis = axes.secondary_yaxis("right")
    ticks = [z for z in (0, 1, 2, 3, 4, 5, 6, 7, 8) if z < axes.get_ylim()[1]]
    p_axis.set_yticks(ticks, [f"{norm.sf(z):.1g}" for z in ticks])
    p_axis.set_ylabel("Local p-value")
    axes.legend(ncols=2, loc="upper left")
    return figure


def spectra(index: int, counts: NDArray[np.int64], cuts: Sequence[tuple[float, int]]) -> Figure:
    """Post-cut spectra of window ``index`` with the masked fit and its error; pulls below.

    ``counts`` (cuts, bins); ``cuts``: efficiency and number of fit parameters of each.
    """
    figure, (main, *pulls) = new_figure(
        len(cuts) + 1, 1, height=4.2 + 1.1 * len(cuts), sharex=True,
        height_ratios=[4] + [1] * len(cuts),
    )  # fmt: skip
    window = BINNING.window(index)
    edges = BINNING.fit_edges
    centre = np.sqrt(edges[1:] * edges[:-1])
    for colour, (efficiency, n_parameters), n, pull in zip(COLOURS, cuts, counts, pulls, strict=False):
        fit, error = fitted(n, index, n_parameters)
        main.errorbar(centre, n, np.sqrt(n), fmt="o", ms=3, color=colour, label=percent(efficiency))
        main.stairs(fit, edges, color=colour, lw=1)
        main.stairs(
            fit + error, edges, baseline=np.maximum(fit - error, 1e-3), fill=True, color=colour, alpha=0.25
        )
        pull.bar(centre, (n - fit) / np.sqrt(np.maximum(fit, 1e-9)), np.diff(edges), color=colour, alpha=0.8)
        pull.axhline(0, color="black", lw=0.6)
        pull.set(ylim=(-5.5, 5.5), ylabel=f"{percent(efficiency)}\n(data - fit) / √fit")
        pull.yaxis.label.set_size(8)
    for axes in (main, *pulls):
        axes.axvspan(window.low, window.high, color="grey", alpha=0.15, lw=0)
    main.set(yscale="log", ylabel="Events / bin", ylim=(0.3, 3 * counts.max()), xlim=edges[[0, -1]])
    main.legend(title="Selected", ncols=2, loc="upper right")
    pulls[-1].set_xlabel(MASS)
    return figure


def sic(curves: Mapping[str, Sequence[SicCurve]]) -> Figure:
    """SIC against signal efficiency: median over pseudo-experiments with its 68 % band for each method.

    A band ends where the first of its pseudo-experiments does.  With one pseudo-experiment the band is the
    statistical error of the test sample.
    """
    figure, axes = new_figure()
    grid = np.linspace(0.01, 1, 100)
    for colour, (method, found) in zip(COLOURS, curves.items(), strict=False):
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
    """Points of ``grid`` that all curves reach, and there the 16 %, 50 % and 84 % quantiles (3, points).

    Where some curves have ended, because too little background passes, the others are the worse ones: their
    quantiles would bend downwards.
    """
    values = np.array([curve.at(grid) for curve in curves])
    known = np.isfinite(values).all(axis=0)
    return grid[known], np.quantile(values[:, known], [0.16, 0.5, 0.84], axis=0)


def p_values(samples: Mapping[str, Floats], independent: int | None = None) -> Figure:
    """Cumulative share of p-values below p against p itself, which a calibrated test follows.

    The band is that of ``independent`` uniform values: by default as many as a sample holds.
    """
    figure, axes = new_figure(width=5.2, height=4.8)
    for colour, (label, values) in zip(COLOURS, samples.items(), strict=False):
        p = np.sort(values)
        share = np.arange(1, len(p) + 1) / len(p)
        axes.step(p, share, where="post", color=colour, label=f"{label} ({len(p)})")
    n = independent or max(map(len, samples.values()))
    x = np.geomspace(1 / max(map(len, samples.values())), 1, 100)
    band = np.array([expected_counts(v, n) for v in x]) / n
    axes.fill_between(
        x,
        np.maximum(band[:, 0], 0.1 * x[0]),
        band[:, 1],
        color="grey",
        alpha=0.2,
        lw=0,
        label=f"95 % of {n} uniform values",
    )
    axes.plot(x, x, color="grey", lw=0.8)
    axes.set(xscale="log", yscale="log", xlabel="p", ylabel="Share of pseudo-experiments below p")
    axes.set(xlim=(0.8 * x[0], 1), ylim=(0.8 * x[0], 1.2))
    axes.legend(loc="upper left")
    return figure


def distribution(values: Floats, label: str, *, reference: bool = True) -> Figure:
    """Histogram of significances, with the unit Gaussian that a calibrated null follows."""
    figure, axes = new_figure()
    edges = np.linspace(min(-4.0, values.min()), max(4.0, values.max() + 0.5), 30)
    n, _ = np.histogram(values, edges)
    centre = 0.5 * (edges[1:] + edges[:-1])
    axes.errorbar(centre, n, np.sqrt(n), fmt="o", color=COLOURS[0], label=f"{len(values)} pseudo-experiments")
    if reference:
        axes.plot(
            centre, len(values) * norm.pdf(centre) * np.diff(edges), color=COLOURS[2], label="unit Gaussian"
        )
    axes.set(xlabel=label, ylabel="Pseudo-experiments / bin", ylim=(0, 1.35 * n.max()))
    axes.legend()
    return figure


def global_test(observed: float, largest: Floats, result: GlobalP) -> Figure:
    """The largest local significance of each null pseudo-experiment, and the observed one."""
    figure, axes = new_figure()
    edges = np.linspace(0, max(largest.max(), observed) + 0.5, 30)
    axes.hist(
        largest, edges, color=COLOURS[0], alpha=0.8, label=f"{len(largest)} exact-null pseudo-experiments"
    )
    axes.axvline(observed, color=COLOURS[2], lw=2, label=f"observed, global p = {result.p:.3g}")
    axes.set(
        xlabel=r"Largest local significance of all windows and cuts [$\sigma$]",
        ylabel="Pseudo-experiments / bin",
    )
    axes.legend()
    return figure


def mass_plane(planes: Mapping[str, tuple[Floats, Floats, Floats]]) -> Figure:
    """Share of high outputs over the two jet masses, side by side: {title: (m_j1, m_j2, is high)}."""
    figure, all_axes = new_figure(
        1, len(planes), width=5.2 * len(planes), height=4.4, sharey=True, squeeze=False
    )
    edges = np.linspace(0, 800, 41), np.linspace(0, 500, 26)
    for axes, (title, (heavy, light, high)) in zip(all_axes[0], planes.items(), strict=True):
        total, _, _ = np.histogram2d(heavy, light, edges, weights=high)
        events, _, _ = np.histogram2d(heavy, light, edges)
        mean = np.divide(total, events, out=np.full_like(total, np.nan), where=events >= 3)
        mesh = axes.pcolormesh(*edges, mean.T, vmin=0, vmax=0.6, cmap="viridis")
        axes.set(xlabel=r"$m_{J_1}$ [GeV]", title=title)
    all_axes[0][0].set_ylabel(r"$m_{J_2}$ [GeV]")
    figure.colorbar(mesh, ax=list(all_axes[0]), label="Share in the highest tenth of outputs", extend="max")
    return figure


def feature_profiles(features: Sequence[str], table: Floats, mjj: Floats) -> Figure:
    """Median and central 68 % of each feature against m_jj: a feature that follows the mass sculpts."""
    columns = 2
    rows = -(-len(features) // columns)
    figure, all_axes = new_figure(rows, columns, width=8, height=3 * rows, squeeze=False)
    edges = BINNING.edges
    centre = np.sqrt(edges[1:] * edges[:-1])
    which = np.digitize(mjj, edges) - 1
    for axes, name, values in zip(all_axes.flat, features, table.T, strict=False):
        band = np.array([np.quantile(values[which == i], [0.16, 0.5, 0.84]) for i in range(len(centre))])
        axes.fill_between(centre, band[:, 0], band[:, 2], color=COLOURS[0], alpha=0.3, lw=0)
        axes.plot(centre, band[:, 1], color=COLOURS[0])
        axes.set(xlabel=MASS, ylabel=LABELS[name])
    for axes in all_axes.flat[len(features) :]:
        axes.set_visible(False)
    return figure
