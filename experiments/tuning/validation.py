"""The page of the pseudo-experiments: chi2 and coverage against the noise of the grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import chi2

from experiments.tuning.forms import FORMS
from lblhep.physics.binomial import expected_counts
from lblhep.report import COLOURS, Launched, Page, new_figure
from lblhep.surrogates import ONE_SIGMA

Headline = Mapping[str, str | float]
A_ROW = 3  # panels
LEAST_COVERAGE, MOST_COVERAGE = 0.60, 0.76  # of a 68 % interval that can still be called that
# The largest noise up to which intervals cover: ``lblhep run recipes/tuning.yaml --profile coverage``.
COVERS_UP_TO = {"plain": 0.5, "log_det": 0.5, "covariance": 1.0}
LABELS = {
    "plain": "data's errors alone",
    "log_det": "surrogates' covariance, ln det",
    "covariance": "surrogates' covariance",
}


class CoverageReport:
    """chi2 / ndf against the chi2 distribution, and the coverage of 68 % intervals, for each noise."""

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
            _table(groups),
            "Means with standard errors; coverage of 68 % intervals averaged over the parameters, by the "
            "Hessian, by the errors of the tune and by profile. Worst: of one parameter, by the latter two; "
            f"it fails outside {LEAST_COVERAGE:.2f} to {MOST_COVERAGE:.2f}. Bias: the largest mean pull.",
        )
        page.table(
            groups[["noise", "pseudo_experiments", "joint"]],
            "Share of truths in the 68 % region of the score statistic, all parameters together.",
        )
        page.figure("chi2", self._distributions(launch, groups), "chi2 / ndf of all pseudo-experiments.")
        page.figure(
            "coverage",
            _coverage(groups),
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
        rows = -(-len(groups) // A_ROW)
        figure, axes = new_figure(
            rows, A_ROW, width=13, height=4 * rows, squeeze=False, sharex=True, sharey=True
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
    """Whether an interval that holds the truth in this ``share`` of cases can be called one of 68 %."""
    return LEAST_COVERAGE <= share <= MOST_COVERAGE


def covers_up_to(groups: pd.DataFrame, form: str) -> float:
    """The largest noise up to which every parameter's intervals of this form cover; 0 if none does."""
    ordered = groups.sort_values("noise")
    right = ordered[f"worst_{form}"].map(covers).cummin()
    return float(ordered["noise"][right].max()) if right.any() else 0.0


def _verdict(noise: float) -> str:
    return f"cover up to noise {noise:.3g}, of those tried" if noise else "cover at no noise that was tried"


def _table(groups: pd.DataFrame) -> pd.DataFrame:
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


def _coverage(groups: pd.DataFrame) -> Figure:
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
