"""Draw the study's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from experiments.tuning.results import Key
from lblhep.annotations import Floats
from lblhep.report import COLOURS, new_figure

AXIS_LABELS = {
    "eec": r"cos $\chi$",
    "aeec": r"cos $\chi$",
    "y3_durham": r"$-\ln y_3$ (Durham)",
    "mean_n_charged": "centre-of-mass energy [GeV]",
    "one_minus_thrust": r"$1 - T$",
    "x_p": r"$x_p = p / p_{beam}$",
    "xi_p": r"$\xi_p = -\ln x_p$",
}
MIN_CHI2_PER_BIN = 0.1  # per bin, in a figure
IN_GEV = ("pt_in", "pt_out", "sigma", "pTmin")


def cumulative(tunes: Mapping[Key, pd.DataFrame]) -> Figure:
    """Draw the share of observables whose chi2 per bin lies below a threshold (as arXiv:2103.05751 does).

    chi2 without the Monte Carlo's noise can be negative: what lies below ``MIN_CHI2_PER_BIN`` a bin is drawn
    there.

    A row of panels for each experiment that was tuned to, and a panel for its observables and for those held
    out.  ``tunes``: the tables of ``Results.observables``.
    """
    experiments = list(dict.fromkeys(key.experiment for key in tunes))
    figure, axes = new_figure(
        len(experiments), 2, width=10, height=0.6 + 3.8 * len(experiments), squeeze=False, sharex=True
    )
    styles = _styles(list(tunes), by_experiment=False)
    for row, experiment in zip(axes, experiments, strict=True):
        for panel, fitted in zip(row, (True, False), strict=True):
            chosen = {key: table for key, table in tunes.items() if key.experiment == experiment}
            parts = {key: table[table["fitted"] == fitted] for key, table in chosen.items()}
            first = next(iter(parts.values()))
            _share_below(panel, first["monash"] / first["bins"], label="Monash", color="black", ls=":")
            for key, part in parts.items():
                label = key.variant or "tuned"
                _share_below(panel, part["tuned"] / part["bins"], label=label, **styles[key])
            which = f"its own {len(first)}" if fitted else f"{len(first)} held-out"
            panel.set_title(f"Tuned to {experiment}: {which} observables", fontsize=11)
            panel.axvline(1, color="grey", lw=0.8, ls=":")
            panel.set(xscale="log", ylim=(0, 1.05))
            panel.xaxis.set_minor_formatter(NullFormatter())
        row[0].set_ylabel("Share of observables below")
        for panel in row:
            panel.legend(loc="lower right", fontsize=9)
    for panel in axes[-1]:
        panel.set_xlabel(r"$\chi^2$ per bin of an observable")
    return figure


def _share_below(panel: Axes, values: pd.Series, **style: Any) -> None:
    x = np.maximum(np.sort(values.to_numpy()), MIN_CHI2_PER_BIN)
    panel.step(x, np.arange(1, len(x) + 1) / len(x), where="post", **style)


def _styles(keys: Sequence[Key], *, by_experiment: bool) -> dict[Key, dict[str, Any]]:
    """Choose a colour for each variant and a line style for each experiment, or colours for one variant."""
    variants = list(dict.fromkeys(key.variant for key in keys))
    experiments = list(dict.fromkeys(key.experiment for key in keys))
    styles = {}
    for key in keys:
        experiment, variant = experiments.index(key.experiment), variants.index(key.variant)
        if by_experiment and len(variants) == 1:
            styles[key] = {"color": COLOURS[experiment]}
        else:
            line = ("-", "--")[experiment % 2] if by_experiment else "-"
            styles[key] = {"color": COLOURS[variant % len(COLOURS)], "ls": line}
    return styles


def parameters(
    tunes: Mapping[Key, tuple[Floats, Mapping[str, Floats]]],
    box: Mapping[str, tuple[float, float]],
    monash: Mapping[str, float],
) -> Figure:
    """Draw tuned points with their 68 % contours (others refitted), and Monash, in the box of the grid.

    ``tunes``: values (d,), parameters in the order of ``box``, and contours "first-second" (n, 2).
    """
    names = list(box)
    d, styles = len(names), _styles(list(tunes), by_experiment=True)
    figure, axes = new_figure(d - 1, d - 1, width=9, height=8.4, squeeze=False)
    for i, j in combinations(range(d), 2):
        panel = axes[j - 1, i]
        for key, (values, contours) in tunes.items():
            around = contours[f"{names[i]}-{names[j]}"]
            panel.plot(*np.concatenate([around, around[:1]]).T, lw=1.2, label=key.label, **styles[key])
            panel.plot(values[i], values[j], ".", ms=5, color=styles[key]["color"])
        panel.plot(monash[names[i]], monash[names[j]], "*", color="black", ms=9, ls="", label="Monash")
        panel.set(xlim=box[names[i]], ylim=box[names[j]])
        panel.tick_params(labelsize=8)
        if j == d - 1:
            panel.set_xlabel(with_unit(names[i]))
        if i == 0:
            panel.set_ylabel(with_unit(names[j]))
    for row in range(d - 1):
        for column in range(row + 1, d - 1):
            axes[row, column].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", fontsize=10)
    return figure


def hold_out(relative_rms: Floats) -> Figure:
    """Draw how well surrogates predict points left out, in units of the Monte Carlo error: 1 is perfect."""
    figure, axes = new_figure()
    edges = np.geomspace(0.5, max(20.0, 1.1 * relative_rms.max()), 50)
    axes.hist(relative_rms, edges, color=COLOURS[0])
    axes.axvline(1, color="grey", lw=0.8, ls=":")
    axes.set(
        xscale="log", xlabel="rms of (prediction left out - generated) / Monte Carlo error", ylabel="Bins"
    )
    return figure


def pulls(of_tunes: Mapping[Key, pd.Series]) -> Figure:
    """Draw pulls of the surrogates at each tuned point, beside the unit Gaussian that they should be."""
    figure, axes = new_figure()
    edges = np.linspace(-5, 5, 41)
    styles = _styles(list(of_tunes), by_experiment=True)
    for key, values in of_tunes.items():
        label = f"{key.label}: width {values.std():.2f}"
        axes.hist(values, edges, histtype="step", density=True, label=label, **styles[key])
    x = np.linspace(-5, 5, 200)
    axes.plot(
        x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color="grey", lw=0.8, ls=":", label="unit Gaussian"
    )
    axes.set(
        xlabel="(surrogate - Pythia) / Monte Carlo error of both", ylabel="Density of bins", xlim=(-5, 5)
    )
    axes.legend(fontsize=8)
    return figure


def axis_label(observable: str) -> str:
    """Return what is on the x axis of an observable's distribution."""
    return AXIS_LABELS.get(observable, with_unit(observable))


def with_unit(name: str) -> str:
    """Return the label of an observable or a parameter."""
    return name.removesuffix("_gev") + (" [GeV]" if name.startswith(IN_GEV) else "")
