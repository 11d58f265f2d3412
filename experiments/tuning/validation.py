"""These pages show the study's own checks: coverage of intervals, closure on Pythia's events, orders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import chi2, norm

from experiments.tuning.datasets import Measured
from experiments.tuning.forms import CLOSURE_FORMS, FORMS
from lblhep.annotations import Floats
from lblhep.physics.binomial import expected_counts
from lblhep.report import COLOURS, Launched, Page, new_figure
from lblhep.surrogates import ONE_SIGMA

Headline = Mapping[str, str | float]
PANELS_A_ROW = 3
MIN_COVERAGE, MAX_COVERAGE = 0.60, 0.76  # of a 68 % interval that can still be called that
# The largest noise up to which intervals cover: ``lblhep run recipes/tuning.yaml --profile coverage``.
COVERS_UP_TO = {"plain": 0.5, "log_det": 0.5, "covariance": 1.0}
LABELS = {
    "plain": "data's errors alone",
    "log_det": "surrogates' covariance, ln det",
    "covariance": "surrogates' covariance",
}


class CoverageReport:
    """The page of the coverage shows, for each noise, the distribution of chi2 and how intervals cover."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline is chi2 / ndf and coverage at each noise."""
        groups = launch.groups.sort_values("noise")
        parameters = list(launch.sample("grid").card.sources.produce[0].arguments["box"])
        total = groups["pseudo_experiments"].sum()
        page = Page(launch.recipe.title or "Coverage", f"{total:,.0f} pseudo-experiments")
        page.text(
            "Data and grid are drawn anew each time. *Noise* is the Monte Carlo error of a grid point over "
            "the data's published error, the same in all bins; the bins of a point are correlated as "
            "the generator's are. Noise makes the surrogates' slopes wrong as well as their values: a fit "
            "that takes them for exact, or that adds ln det Sigma, is drawn to the middle of the box. "
            "Without ln det Sigma it is not, but its surface has other minima, at the edge of the box. Every "
            "fit starts all over the box, where a tune to real data starts; a parameter at a bound is not "
            "covered."
        )
        for form in FORMS:
            page.text(f"{LABELS[form]}: 68 % intervals {_verdict(covers_up_to(groups, form))}.")
        page.table(
            _coverage_table(groups),
            "Means with standard errors; coverage of 68 % intervals averaged over the parameters, by the "
            "Hessian, by the errors of the tune and by profile. Worst: of one parameter, by the latter two; "
            f"it fails outside {MIN_COVERAGE:.2f} to {MAX_COVERAGE:.2f}. Bias: the largest mean pull.",
        )
        page.table(
            groups[["noise", "pseudo_experiments", "joint"]],
            "Share of truths in the 68 % region of the score statistic, all parameters together.",
        )
        page.figure("chi2", self._distributions(launch, groups), "chi2 / ndf of all pseudo-experiments.")
        page.figure(
            "coverage",
            _coverage_figure(groups),
            "A grey bar holds 95 % of the shares that correct intervals of one parameter would have in the "
            "pseudo-experiments of that noise. So scatters the score statistic's share; the others are "
            "averages over the parameters, which scatter at most as much.",
        )
        for form in FORMS:
            lines = [
                {"noise": g["noise"]}
                | dict(
                    zip(
                        parameters,
                        launch.group_arrays(g["group"])[f"profile_by_parameter_{form}"],
                        strict=True,
                    )
                )
                for _, g in groups.iterrows()
            ]
            page.table(pd.DataFrame(lines), f"Coverage of 68 % profile intervals, {LABELS[form]}.")
        page.provenance(launch)
        page.write(out)
        return {
            f"noise {g['noise']:.3g}": f"chi2/ndf {g['chi2_ndf_plain']:.3f} plain, "
            f"{g['chi2_ndf_covariance']:.3f} with covariance; "
            f"worst coverage {g['worst_plain']:.3f}, {g['worst_covariance']:.3f}"
            for _, g in groups.iterrows()
        }

    def _distributions(self, launch: Launched, groups: pd.DataFrame) -> Figure:
        rows = -(-len(groups) // PANELS_A_ROW)
        figure, axes = new_figure(
            rows, PANELS_A_ROW, width=13, height=4 * rows, squeeze=False, sharex=True, sharey=True
        )
        for panel in axes.flat[len(groups) :]:
            panel.set_visible(False)
        for panel, (_, g) in zip(axes.flat, groups.iterrows(), strict=False):
            arrays = launch.group_arrays(g["group"])
            ndf = int(g["ndf"])
            edges = np.linspace(*(chi2(ndf).ppf([1e-5, 1 - 1e-7]) / ndf), 50)
            for colour, form, values in zip(COLOURS, FORMS, arrays["chi2"].T, strict=False):
                # Normalised to all of them, of which some may lie beyond the frame.
                share = np.full(len(values), 1 / (len(values) * (edges[1] - edges[0])))
                panel.hist(
                    values / ndf, edges, weights=share, histtype="step", color=colour, label=LABELS[form]
                )
            panel.plot(
                edges, ndf * chi2(ndf).pdf(ndf * edges), color="black", lw=1, label=f"chi2, {ndf} d.o.f."
            )
            panel.set(xlabel=r"$\chi^2$ / ndf", title=f"noise {g['noise']:.3g}")
            panel.set_ylabel("Density")
        axes[0, 0].legend(fontsize=8)
        return figure


def covers(share: float) -> bool:
    """Say whether an interval that holds the truth in this ``share`` of cases can be called one of 68 %."""
    return MIN_COVERAGE <= share <= MAX_COVERAGE


def covers_up_to(groups: pd.DataFrame, form: str) -> float:
    """Return the largest noise up to which every parameter's intervals of this form cover; 0 if none does."""
    ordered = groups.sort_values("noise")
    right = ordered[f"worst_{form}"].map(covers).cummin()
    return float(ordered["noise"][right].max()) if right.any() else 0.0


def _verdict(noise: float) -> str:
    return f"cover up to noise {noise:.3g}, of those tried" if noise else "cover at no noise that was tried"


def _coverage_table(groups: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for _, g in groups.iterrows():
        for form in FORMS:
            lines.append(
                {
                    "noise": g["noise"],
                    "chi2": LABELS[form],
                    "chi2 / ndf": f"{g[f'chi2_ndf_{form}']:.4f} +- {g[f'chi2_ndf_error_{form}']:.4f}",
                    "KS p": f"{g[f'ks_p_{form}']:.3g}",
                    "bias": f"{g[f'bias_{form}']:+.2f}",
                    "Hessian": f"{g[f'hessian_{form}']:.3f}",
                    "errors": f"{g[f'errors_{form}']:.3f}",
                    "profile": f"{g[f'profile_{form}']:.3f}",
                    "worst": f"{g[f'worst_{form}']:.3f}{'' if covers(g[f'worst_{form}']) else ', fails'}",
                    "at a bound": f"{g[f'at_bound_{form}']:.1%}",
                }
            )
    return pd.DataFrame(lines)


def _coverage_figure(groups: pd.DataFrame) -> Figure:
    figure, axes = new_figure()
    noise = groups["noise"].to_numpy(float)
    for colour, form in zip(COLOURS, FORMS, strict=False):
        axes.plot(noise, groups[f"profile_{form}"], "o-", color=colour, label=f"profile, {LABELS[form]}")
        axes.plot(noise, groups[f"errors_{form}"], "s:", color=colour, label=f"errors, {LABELS[form]}")
    axes.plot(noise, groups["joint"], "^--", color="black", label="score statistic, all parameters")
    for x, n in zip(noise, groups["pseudo_experiments"].astype(int), strict=True):
        low, high = expected_counts(ONE_SIGMA, n)
        axes.vlines(x, low / n, high / n, color="grey", alpha=0.3, lw=10)
    axes.set(
        xscale="log",
        xlabel="Monte Carlo error of a grid point / error of the data",
        ylabel="Coverage of 68 % intervals",
    )
    axes.legend(fontsize=8)
    return figure


class ClosureReport:
    """The page of a closure shows the pulls of every parameter in every form, beside the unit Gaussian."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page.

        The headline is, for each form, the mean pull of the parameter furthest off, the range of the
        parameters' widths, and chi2 / ndf.
        """
        (group,) = launch.groups.to_dict("records")
        pulls = launch.group_arrays(group["group"])["pulls"]
        names = list(launch.sample("grid").card.sources.produce[0].arguments["box"])
        page = Page(launch.recipe.title or "Closure", f"{len(pulls)} sets of Pythia's own events")
        page.table(
            _pull_table(pulls, names),
            "Pulls (tuned - true) / error of each parameter: mean and width with standard errors.",
        )
        page.table(
            pd.DataFrame(
                {
                    "form": form,
                    "chi2 / ndf": f"{group[f'chi2_ndf_{form}']:.3f} +- {group[f'chi2_ndf_error_{form}']:.3f}",
                    "at a bound": f"{group[f'at_bound_{form}']:.1%}",
                }
                for form in CLOSURE_FORMS
            )
        )
        page.figure("pulls", _pull_histograms(pulls, names), "The curve is the unit Gaussian.")
        page.provenance(launch)
        page.write(out)
        return {
            f"pulls, {form}": f"{_largest_mean(pulls[:, i], names)}, chi2/ndf {group[f'chi2_ndf_{form}']:.2f}"
            for i, form in enumerate(CLOSURE_FORMS)
        }


def _largest_mean(pulls: Floats, names: list[str]) -> str:
    """Describe the pulls (n, d) of one form: the mean largest in absolute value, and the range of widths.

    A mean over parameters would not do: those that are off up and down cancel in it.
    """
    mean, width = np.nanmean(pulls, axis=0), np.nanstd(pulls, axis=0, ddof=1)
    j = int(np.argmax(abs(mean)))
    error = width[j] / np.sqrt(np.isfinite(pulls[:, j]).sum())
    widths = f"widths {width.min():.2f} to {width.max():.2f}"
    return f"largest mean {mean[j]:+.2f} +- {error:.2f} ({names[j]}), {widths}"


def _pull_table(pulls: Floats, names: list[str]) -> pd.DataFrame:
    lines = []
    for i, form in enumerate(CLOSURE_FORMS):
        line = {"form": form}
        for j, name in enumerate(names):
            values = pulls[:, i, j][np.isfinite(pulls[:, i, j])]
            n, width = len(values), values.std(ddof=1)
            line[name] = (
                f"{values.mean():+.2f} +- {width / np.sqrt(n):.2f}, "
                f"{width:.2f} +- {width / np.sqrt(2 * (n - 1)):.2f}"
            )
        lines.append(line)
    return pd.DataFrame(lines)


def _pull_histograms(pulls: Floats, names: list[str]) -> Figure:
    figure, axes = new_figure(1, len(names), width=3.4 * len(names), height=3.6, squeeze=False, sharey=True)
    edges, x = np.linspace(-4, 4, 17), np.linspace(-4, 4, 200)
    for j, (panel, name) in enumerate(zip(axes[0], names, strict=True)):
        for colour, (i, form) in zip(COLOURS, enumerate(CLOSURE_FORMS), strict=False):
            panel.hist(
                np.clip(pulls[:, i, j], -4, 4), edges, histtype="step", color=colour, lw=1.4, label=form
            )
        panel.plot(x, len(pulls) * 0.5 * norm.pdf(x), color="black", lw=1)
        panel.set(xlabel="(tuned - true) / error", title=name, xlim=(-4, 4))
    axes[0, 0].set_ylabel("Sets of pseudo-data")
    axes[0, -1].legend(fontsize=8)
    return figure


class OrdersReport:
    """The page of compared orders shows poles and hold-out errors of every order on every grid."""

    def render(self, launch: Launched, out: Path) -> Headline:
        """Write the page; the headline is the number of poles and the median ratio of each comparison."""
        rows = launch.rows[launch.rows["status"] == "finished"]
        page = Page(launch.recipe.title or "Orders of surrogates", f"{len(rows)} comparisons with cubics")
        page.text(
            "Hold-out: rms over grid points of prediction less generated value, each point predicted by a "
            "fit to others. In units of the Monte Carlo error, 1 would be a perfect surrogate without noise "
            "of its own. *Better* and *worse*: shares of bins that differ from the cubic by more than 5 %."
        )
        shown = ["parameters", "points", "order", "coefficients", "poles", "cubic_rms", "rms"]
        shown += ["median_ratio", "largest_ratio", "better", "worse", "fit_cpu_seconds"]
        page.table(rows[shown])
        page.figure("ratios", _ratio_figure(launch, rows), "Every bin; left of 1 the cubic predicts worse.")
        page.table(_ratio_table(launch, rows), "Median ratio of each observable's bins.")
        page.provenance(launch)
        page.write(out)
        return {
            _label(row): f"{row['poles']:.0f} poles, hold-out rms {row['median_ratio']:.3f} of the cubic's, "
            f"at most {row['largest_ratio']:.2f}"
            for _, row in rows.iterrows()
        }


def _label(row: pd.Series) -> str:
    return f"{row['parameters']:.0f} parameters, {row['order']}"


def _ratio_figure(launch: Launched, rows: pd.DataFrame) -> Figure:
    """Draw the bins' ratios: a panel for each grid, a line for each order."""
    grids = rows.groupby("parameters")
    figure, axes = new_figure(1, len(grids), width=13, height=4.4, squeeze=False, sharey=True)
    edges = np.geomspace(0.4, 2.5, 28)
    for panel, (parameters, part) in zip(axes[0], grids, strict=True):
        for colour, (_, row) in zip(COLOURS, part.iterrows(), strict=False):
            ratio = np.clip(launch.arrays(row["trial"], "orders")["ratio"], edges[0], edges[-1])
            panel.hist(ratio, edges, histtype="step", lw=1.5, color=colour, label=f"order {row['order']}")
        panel.axvline(1, color="grey", lw=0.8)
        panel.set(xscale="log", title=f"{parameters:.0f} parameters, {part['points'].iloc[0]:.0f} points")
        panel.minorticks_off()
        panel.set_xticks([0.5, 0.7, 1, 1.4, 2], ["0.5", "0.7", "1", "1.4", "2"])
        panel.set_xlabel("Hold-out rms / that of the cubic")
    axes[0, 0].set_ylabel("Bins")
    axes[0, -1].legend(fontsize=9)
    return figure


def _ratio_table(launch: Launched, rows: pd.DataFrame) -> pd.DataFrame:
    bins = Measured(launch.sample("measured"), **launch.recipe.datasets["measured"].arguments).bins
    columns = {}
    for _, row in rows.iterrows():
        ratio = bins.assign(ratio=launch.arrays(row["trial"], "orders")["ratio"])
        columns[_label(row)] = ratio.groupby("observable", sort=False)["ratio"].median()
    return pd.DataFrame(columns).reset_index()
