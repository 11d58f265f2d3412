"""The bump hunt's page shows what was observed, and what pseudo-experiments say that is worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.cwola import figures
from experiments.cwola.datasets import selected_columns
from experiments.cwola.features import columns_needed, compute
from experiments.cwola.metrics import combined_scores
from experiments.cwola.results import Results, not_declared, pull_width, truth_in_words
from experiments.cwola.spectrum import BINNING, fit_background
from lblhep.physics.global_significance import global_p_value, gross_vitells
from lblhep.recipe import Recipe
from lblhep.report import Launched, Page

Headline = Mapping[str, str | float]


class BumpHuntReport:
    """Shows the scan of all windows, one window in detail, baselines, and the global p-value where it was
    made.

    ``window`` and ``efficiency`` stand in the recipe: the detailed figures and the headline speak of them,
    not of the best that this launch finds.
    """

    def __init__(self, *, window: int, efficiency: float) -> None:
        self.window = window
        self.efficiency = efficiency

    def refuses(self, recipe: Recipe) -> Mapping[str, str]:
        """Return what of the declared window and cut the recipe does not have."""
        return not_declared(recipe, self.window, self.efficiency, observed=True)

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline quotes the declared window and cut, and the global p-value."""
        results = Results(launch)
        page = Page(launch.recipe.title or "CWoLa bump hunt", _subtitle(results))
        headline = {**self._scan(page, results), **self._global(page, results)}
        self._window(page, results)
        _baselines(page, results, self.window)
        _mass_plane(page, results, self.window)
        _correlation(page, results)
        page.provenance(launch)
        page.write(out)
        return headline

    def _scan(self, page: Page, results: Results) -> dict[str, str | float]:
        observed = results.observed
        page.heading("What is seen")
        page.text(
            "Local significance of the excess over the masked fit in every signal region, after cutting on "
            "the network output at fixed shares of all events. Deficits are negative. Neighbouring windows "
            "overlap, so their points move together."
        )
        here = results.at(observed, self.window).iloc[0]
        resonance = results.resonance
        page.figure(
            "scan",
            figures.significance_scan(
                observed,
                results.efficiencies,
                f"Window {self.window} before cuts: {truth_in_words(here)} (truth)",
                resonance and resonance[0],
            ),
            "Local significance.",
        )
        page.table(results.table(observed), "Observed and expected events in every window and cut.")
        cut = f"{self.efficiency:g}"
        largest, where = results.largest(observed)
        return {
            "declared": f"window {self.window}, {figures.percent(self.efficiency)} of events",
            "observed": f"{here[f'observed_{cut}']:.0f} events, expected {here[f'expected_{cut}']:.1f} "
            f"+- {here[f'expected_error_{cut}']:.1f}",
            "local significance": float(here[f"significance_{cut}"]),
            "largest local significance": f"{largest:.2f} ({where})",
            "injected (truth)": f"S = {here['truth_signal_1']:.0f}, B = {here['truth_background_1']:.0f}, "
            f"S/sqrt(B) = {here['truth_s_over_sqrt_b_1']:.2f} in the window before cuts",
        }

    def _window(self, page: Page, results: Results) -> None:
        row = results.at(results.observed, self.window).iloc[0]
        counts = results.launch.group_arrays(row["group"])["spectra"]
        page.heading(f"Window {self.window}")
        page.figure(
            "spectra",
            figures.spectra(
                self.window,
                counts,
                results.cuts,
                f"Window {self.window} before cuts: {truth_in_words(row)} (truth)",
            ),
            "Spectra after each cut with 68 % Poisson intervals, the fit to the unshaded bins and its error; "
            "pulls below, each cut on its own scale.",
        )
        page.table(
            pd.DataFrame(
                [_parameters(n, self.window, *cut) for n, cut in zip(counts, results.cuts, strict=True)]
            ),
            "Parameters of dN/dm = p0 (1 - x)^p1 x^-(p2 + p3 ln x), x = m / 13 TeV, p0 in events per GeV; "
            "strongly correlated, and bounded by a Gaussian constraint of the shape where events are few.",
        )

    def _global(self, page: Page, results: Results) -> dict[str, str | float]:
        null = results.null
        if null.empty:
            return {}
        if incomplete := results.incomplete_scans:
            # The largest of fewer windows is too small: counting such a scan would flatter the observation.
            reason = f"not quoted: scans {incomplete} lack windows; run with --resume"
            page.heading("Global significance")
            page.text(f"**{reason}**")
            return {"global p-value": reason}
        largest = null.groupby("pseudo_experiment").apply(
            lambda g: results.largest(g)[0], include_groups=False
        )
        observed, where = results.largest(results.observed)
        found = global_p_value(observed, largest.to_numpy())
        page.heading("Global significance")
        page.text(
            f"The largest local significance is {observed:.2f} ({where}). An exact null is the observation's "
            "own events, signal included, with masses drawn anew from the smooth fit to its spectrum and "
            f"networks trained anew. {found.k} of {found.n} reach it: **p = {found.p:.3g}** = "
            f"(k + 1)/(n + 1); 95 % binomial interval of k/n: {found.low:.2g} to {found.high:.2g}."
        )
        page.figure("global", figures.global_test(observed, largest.to_numpy(), found), "Global test.")
        beyond = _extrapolated(page, results, observed, where)
        _calibration(page, results, self.window)
        return {"global p-value": f"{found.p:.3g} ({found.k} of {found.n} null pseudo-experiments)", **beyond}


def _parameters(spectrum: Any, window: int, efficiency: float, n_parameters: int) -> dict[str, str]:
    """Return the fit's parameters with their errors."""
    fit = fit_background(spectrum, window, n_parameters)
    errors = np.sqrt(np.diagonal(fit.parameter_covariance))
    values = {f"{n}": f"{v:.2f} +- {e:.2f}" for (n, v), e in zip(fit.parameters.items(), errors, strict=True)}
    return {"selected": figures.percent(efficiency), **values}


def _subtitle(results: Results) -> str:
    trials, windows = len(results.launch.rows), len(results.groups)
    return f"{trials:,} trials, {windows:,} window{'s' if windows > 1 else ''} combined"


def _extrapolated(page: Page, results: Results, observed: float, where: str) -> dict[str, str | float]:
    """Extrapolate by Gross and Vitells beyond what the pseudo-experiments count, for each cut, and sum over
    cuts."""
    total, variance, parts = 0.0, 0.0, []
    for efficiency in results.efficiencies:
        curves = results.null.pivot(
            index="pseudo_experiment", columns="window", values=f"significance_{efficiency:g}"
        )
        found = gross_vitells(max(observed, 0.0), curves.to_numpy())
        total, variance = total + found.p, variance + found.error**2
        parts.append(
            {"selected": figures.percent(efficiency), "upcrossings of 0": found.upcrossings, "p": found.p}
        )
    error = variance**0.5
    page.text(
        "**Extrapolation**, not a count (Gross and Vitells, arXiv:1005.1891): the mean number of upcrossings "
        f"of zero in the null scans, continued to {observed:.2f} standard deviations as a unit Gaussian "
        f"would. Summed over the cuts: p about {min(total, 1):.2g} +- {error:.1g} (statistical). Cuts whose "
        "local significances are wider than one make it too small."
    )
    page.table(pd.DataFrame(parts), "Gross-Vitells extrapolation for each cut.")
    return {"global p-value, extrapolated": f"{min(total, 1):.2g} +- {error:.1g} (Gross-Vitells)"}


def _calibration(page: Page, results: Results, window: int) -> None:
    null = results.null[results.null["window"] == window]  # neighbouring windows share events
    samples = {figures.percent(e): null[f"p_value_{e:g}"].to_numpy(dtype=float) for e in results.efficiencies}
    page.text(f"The local p-values of window {window} in the null pseudo-experiments:")
    page.figure("null-p", figures.p_values(samples), "Calibration of the local p-values.")
    page.table(_widths(results), "Width of the null scans' signed local significances; 1 is expected.")


def _widths(results: Results) -> pd.DataFrame:
    """Return the pull width of each window and cut over the null scans."""
    lines = []
    for window, scans in results.null.groupby("window"):
        widths = {figures.percent(e): pull_width(scans[f"significance_{e:g}"]) for e in results.efficiencies}
        lines.append({"window": window, **widths})
    return pd.DataFrame(lines)


def _baselines(page: Page, results: Results, window: int) -> None:
    by_method = results.by_method(window)
    curves = {method: groups.map(results.sic) for method, groups in by_method.items()}
    if not curves:
        return
    page.heading("Against other ways to train")
    page.text(
        "On events of known truth that no network was trained on: the hunted background and the signal that "
        "was not injected, in the signal region. *supervised* sees truth labels; *idealised* compares the "
        "signal region with pure background of the same masses; *boosting* is CWoLa with boosted trees."
    )
    page.figure("sic", figures.sic(curves), "Where the background efficiency is known to 20 %.")
    rows = []
    for method, groups in by_method.items():
        for group, curve in zip(groups, curves[method], strict=True):
            best, error, at = curve.best()
            sizes = results.training_sizes(group)
            rows.append(
                {"method": method, "largest SIC": best, "error": error, "at signal efficiency": at, **sizes}
            )
    page.table(
        pd.DataFrame(rows),
        "Largest significance improvement, and the events each network was trained on.",
        {"largest SIC": ".2f", "error": ".2f"},
    )


def _mass_plane(page: Page, results: Results, window: int) -> None:
    """Show the picture of the method: where in the plane of the jet masses the networks see a signal
    region."""
    sample = results.launch.sample("dijets")
    columns = sample.columns(["event", "m_j1", "m_j2"])
    order = np.argsort(columns["event"])
    planes = {}
    for title, group in results.with_and_without_signal(window).items():
        parts = [combined_scores(fold, results.saved) for _, fold in results.rows_of(group).groupby("fold")]
        inside = [p.hunted & BINNING.window(window).in_region(p.mjj) for p in parts]
        event = np.concatenate([p.event[cut] for p, cut in zip(parts, inside, strict=True)])
        high = np.concatenate([_rank(p.score[cut]) > 0.9 for p, cut in zip(parts, inside, strict=True)])
        rows = order[np.searchsorted(columns["event"], event, sorter=order)]
        truth = truth_in_words(results.groups.set_index("group").loc[group])
        planes[f"{title}: {truth}"] = (columns["m_j1"][rows], columns["m_j2"][rows], high)
    if planes:
        page.heading("What the networks have learned")
        page.figure(
            "mass-plane",
            figures.mass_plane(planes, results.resonance and results.resonance[1:]),
            f"Events of window {window}: the share of each cell that lies among the fold's highest tenth of "
            "outputs, of networks that never saw the events. The white line in the scale is what chance "
            f"gives; cells of fewer than {figures.MIN_EVENTS_PER_CELL} events are left out; stars: the "
            "masses of the resonance's daughters, besides which a jet of R = 1.0 picks up some.",
        )


def _rank(score: Any) -> Any:
    """Ranks in 0 ... 1: outputs of different folds share no scale."""
    return np.argsort(np.argsort(score)) / max(len(score) - 1, 1)


def _correlation(page: Page, results: Results) -> None:
    names = results.dataset["features"]
    sample = results.launch.sample("dijets")
    columns = selected_columns(
        sample, {*columns_needed(names), "process"}, results.dataset.get("max_delta_eta")
    )
    background = columns["process"] == 0
    table = compute(names, columns)[background]
    mjj = columns["mjj"][background].astype(float)
    page.heading("Do the features follow the mass?")
    page.figure(
        "features", figures.feature_profiles(names, table, mjj), "Median and central 68 %, background."
    )
    spearman = pd.DataFrame(table, columns=list(names)).corrwith(pd.Series(mjj), method="spearman")
    page.table(
        pd.DataFrame({"feature": spearman.index, "rank correlation with m_jj": spearman.to_numpy()}),
        "Spearman's rank correlation in the simulated background (truth).",
        {"rank correlation with m_jj": "+.3f"},
    )
