"""This module draws the study's figures.  The nearest-event baseline is labelled ``replay`` in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from experiments.hadron.events.observables import REDUCED, VARIABLES
from experiments.hadron.results import BASELINES, NAMES, WHOLE, Results
from lblhep.annotations import Floats
from lblhep.report import COLOURS, new_figure

AXES = {
    "x1": r"$p_z / p_\pi$ of the leading hadron",
    "pt1": r"$p_T$ of the leading hadron [GeV]",
    "x2": r"$p_z / p_\pi$ of the second hadron",
    "pt2": r"$p_T$ of the second hadron [GeV]",
    "delta_phi": r"azimuth between the two [rad]",
    "m12": "mass of the leading two [GeV]",
    "m_baryon_1": "mass of baryon and leading other [GeV]",
    "x_baryon": r"$p_z / p_\pi$ of the baryon",
    "pt_baryon": r"$p_T$ of the baryon [GeV]",
    "m_mesons": "mass of all mesons [GeV]",
    "pt_charged": r"$\Sigma p_T$ of charged particles [GeV]",
    "pt_largest": r"largest $p_T$ [GeV]",
}
COLOUR_OF = dict(zip(NAMES, (*COLOURS[:3], COLOURS[4]), strict=True))  # no grey: the generator is


def distances(results: Results) -> Figure:
    """Draw the mean W1 of the leading hadrons' five variables against the pion's energy."""
    figure, panel = new_figure(1, 1, width=7.5, height=5)
    first = results.models[0]
    lines = {NAMES.get(m, m): ("distances", m, COLOUR_OF.get(m, "purple")) for m in results.models}
    lines |= {label: (prefix.rstrip("_"), first, "black") for label, prefix in BASELINES.items()}
    lines["floor: two samples of the generator"] = ("floor", first, "black")
    styles = {"replay": "--", "by_process": "-.", "floor": ":"}
    for label, (kind, model, colour) in lines.items():
        values = [results.mean_w1(kind, model, energy) for energy in results.energies]
        _banded(panel, results, values, ls=styles.get(kind, "-"), ms=4, color=colour, label=label)
    panel.set(
        xscale="log",
        yscale="log",
        xlabel="Kinetic energy of the pion [GeV]",
        ylabel=r"Mean $W_1 / \sigma$ of five variables",
    )
    _ticks(panel, results)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high * (high / low) ** 0.45)  # room for the legend
    panel.legend(fontsize=10, ncols=2, loc="upper center")
    return figure


def whole_events(results: Results) -> Figure:
    """Draw W1 over the floor, and AUC, of the flow of whole events and of the baselines."""
    figure, axes = new_figure(1, 2, width=11, height=4.4)
    for panel, metric, title in zip(
        axes, ("w1", "auc"), (r"Mean $W_1$ / floor, 12 variables", "AUC, whole events"), strict=True
    ):
        values = [results.values(WHOLE, f"{metric}_{energy:g}") for energy in results.energies]
        _banded(panel, results, values, color=COLOUR_OF[WHOLE], label="flow")
        for (label, prefix), style in zip(BASELINES.items(), ("--", "-."), strict=True):
            baseline = [
                results.values(WHOLE, f"{prefix}{metric}_{energy:g}")[0] for energy in results.energies
            ]
            panel.plot(results.energies, baseline, ls=style, marker="o", color="black", label=label)
        panel.axhline(1 if metric == "w1" else 0.5, ls=":", color="grey", label="floor")
        panel.set(xscale="log", xlabel="Kinetic energy of the pion [GeV]", ylabel=title)
        _ticks(panel, results)
    axes[0].legend(fontsize=10)
    return figure


def distributions(results: Results, models: list[str], energy: float) -> Figure:
    """Draw every variable at one energy, of generator, baseline and models; below, the ratio to the
    generator.
    """
    names = VARIABLES if WHOLE in models else REDUCED
    columns = 4 if len(names) > 5 else 5
    rows = -(-len(names) // columns)
    figure, axes = new_figure(
        2 * rows, columns, width=4 * columns, height=4.4 * rows, height_ratios=[3, 1] * rows, squeeze=False
    )
    for i, name in enumerate(names):
        upper, lower = axes[2 * (i // columns), i % columns], axes[2 * (i // columns) + 1, i % columns]
        own = results.histograms(models[0], energy)
        edges, truth = own[f"{name}/edges"], own[f"{name}/generator"]
        upper.stairs(truth, edges, fill=True, color="lightgrey", label="generator")
        _compared(upper, lower, edges, truth, own[f"{name}/replay"], "black", "replay", ls="--")
        for model in models:
            made, colour = results.histograms(model, energy)[f"{name}/model"], COLOUR_OF.get(model, "purple")
            _compared(upper, lower, edges, truth, made, colour, NAMES.get(model, model))
        events = [own["events/generator"], own["events/model"]]
        error = np.sqrt(sum(1 / (n * np.maximum(truth, 1 / n)) for n in events))
        lower.stairs(
            1 + error,
            edges,
            baseline=1 - error,
            fill=True,
            color="lightgrey",
            zorder=0,
            label="generator and model",
        )
        lower.set(ylim=(0.5, 1.5), xlabel=AXES[name])
        upper.set_xticklabels([])
        for panel in (upper, lower):
            panel.set_xlim(edges[0], edges[-1])
        if not i % columns:
            upper.set_ylabel("Share of events")
            lower.set_ylabel("Ratio")
    axes[0, 0].legend(fontsize=8)
    axes[1, 0].legend(fontsize=7, loc="upper left")
    figure.suptitle(f"T = {energy:g} GeV", fontsize=14)
    return figure


def _compared(
    upper: Axes,
    lower: Axes,
    edges: Floats,
    truth: Floats,
    made: Floats,
    colour: str,
    label: str,
    ls: str = "-",
) -> None:
    upper.stairs(made, edges, color=colour, label=label, ls=ls, lw=1.3)
    ratio = np.divide(made, truth, out=np.full_like(made, np.nan), where=truth > 0)
    lower.stairs(ratio, edges, color=colour, ls=ls, lw=1.3, baseline=None)


def planes(results: Results, energy: float) -> Figure:
    """Draw the leading hadron's plane at one energy for generator, flow and baseline; and the ratios."""
    own = results.histograms(WHOLE, energy)
    x, y, truth = own["plane/x"], own["plane/y"], own["plane/generator"]
    figure, axes = new_figure(1, 3, width=14, height=4.2, sharey=True)
    shown = axes[0].pcolormesh(x, y, np.where(truth > 0, truth, np.nan).T, norm=LogNorm())
    figure.colorbar(shown, ax=axes[0], label="share of events")
    axes[0].set_title("generator")
    for panel, label in zip(axes[1:], ("model", "replay"), strict=True):
        enough = truth > truth.max() * 1e-2
        ratio = np.divide(own[f"plane/{label}"], truth, out=np.full_like(truth, np.nan), where=enough)
        shown = panel.pcolormesh(x, y, ratio.T, cmap="RdBu_r", vmin=0.5, vmax=1.5)
        figure.colorbar(shown, ax=panel, label="ratio of shares", extend="both")
        panel.set_title(f"{'flow' if label == 'model' else label} / generator")
    for panel in axes:
        panel.set_xlabel(AXES["x1"])
    axes[0].set_ylabel(AXES["pt1"])
    figure.suptitle(f"T = {energy:g} GeV", fontsize=14)
    return figure


def _banded(panel: Axes, results: Results, values: list[Floats], *, color: str, **style: Any) -> None:
    """Draw median and range at each energy."""
    panel.plot(results.energies, [np.median(v) for v in values], marker="o", color=color, **style)
    low, high = [v.min() for v in values], [v.max() for v in values]
    panel.fill_between(results.energies, low, high, color=color, alpha=0.2)


def _ticks(panel: Axes, results: Results) -> None:
    panel.set_xticks(results.energies, [f"{energy:g}" for energy in results.energies])
    panel.xaxis.set_minor_formatter(NullFormatter())
