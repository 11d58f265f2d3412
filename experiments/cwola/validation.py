"""These pages check the hunt: its calibration, its sensitivity, and whether cuts sculpt the spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from hist.intervals import clopper_pearson_interval
from numpy.typing import NDArray
from scipy.stats import norm

from experiments.cwola import figures
from experiments.cwola.metrics import combined_scores
from experiments.cwola.results import Results, cuts_missing, mean_and_error, not_declared, pull_width
from experiments.cwola.spectrum import BINNING, Window
from lblhep.physics.binomial import expected_counts
from lblhep.physics.dijet_fit import fit_dijet
from lblhep.physics.goodness import goodness_of_fit
from lblhep.recipe import Recipe
from lblhep.report import Launched, Page

Headline = Mapping[str, str | float]


class NullCalibrationReport:
    """Shows exact-null pseudo-experiments at a declared window and cut: are the p-values what they say?"""

    def __init__(self, *, window: int, efficiency: float) -> None:
        self.window = window
        self.efficiency = efficiency

    def refuses(self, recipe: Recipe) -> Mapping[str, str]:
        """Return what of the declared window and cut the recipe does not have."""
        return not_declared(recipe, self.window, self.efficiency, observed=False)

    def render(self, launch: Launched, out: Path) -> Headline:
        """Report the shares of p below 0.05 and 0.01 with the 95 % binomial range, pull mean and width."""
        results = Results(launch)
        null = results.at(results.null, self.window)
        page = Page(launch.recipe.title or "Null calibration", f"{len(null)} exact-null pseudo-experiments")
        page.text(
            "Every pseudo-experiment keeps its events' features, draws their masses afresh from the smooth "
            "fit, and trains all its networks anew. Nothing distinguishes its signal region, so p-values "
            "must be uniform and signed significances a unit Gaussian. "
            f"Missing pseudo-experiments: {results.missing_in_words}."
        )
        lines = pd.DataFrame([calibration(null, e) for e in results.efficiencies])
        page.table(lines, "Calibration at each cut.", {"p < 0.05": ".4f", "p < 0.01": ".4f"})
        page.figure(
            "p-values",
            figures.p_values(
                {figures.percent(e): null[f"p_value_{e:g}"].to_numpy(float) for e in results.efficiencies}
            ),
            "Cumulative distribution of the local p-values.",
        )
        z = null[f"significance_{self.efficiency:g}"].to_numpy(float)
        page.figure(
            "pulls", figures.distribution(z, r"Signed significance [$\sigma$]"), "At the declared cut."
        )
        self._folds(page, results)
        page.provenance(launch)
        page.write(out)
        return {**calibration(null, self.efficiency), "missing": results.missing_in_words}

    def _folds(self, page: Page, results: Results) -> None:
        """Show where a width above one comes from: folds whose networks were trained on each other's
        events."""
        page.heading("Do the five folds fluctuate together?")
        page.text(
            "Given a fold's own masses, its selected events fall into signal region and sidebands at "
            "random: its networks never saw it. But where by chance two folds both have too many events of "
            "the signal region in one corner of the features, each one's networks send the cut there for "
            "the other. Then the five folds are positively correlated, and their sum is wider than a fit to "
            "it can know."
        )
        window = BINNING.window(self.window)
        lines = [_fold_widths(results, window, e) for e in results.efficiencies if e < 1]
        page.table(pd.DataFrame(lines), "Pulls of the folds' signal regions against their sidebands.")


def _fold_widths(results: Results, window: Window, efficiency: float) -> dict[str, str]:
    """Return the widths of the single folds' pulls, their mean correlation, and the width of their sum."""
    pulls = np.array([_fold_pulls(results, group, window, efficiency) for group in results.null["group"]])
    n, folds = pulls.shape
    correlation = np.corrcoef(pulls.T)[np.triu_indices(folds, 1)]
    total = pulls.sum(axis=1).std(ddof=1) / folds**0.5
    return {
        "selected": figures.percent(efficiency),
        "width of one fold": f"{pulls.std(axis=0, ddof=1).mean():.3f} +- {1 / (2 * n * folds) ** 0.5:.3f}",
        "correlation of two folds": f"{correlation.mean():+.3f} +- {1 / (n * len(correlation)) ** 0.5:.3f}",
        "width of the sum": f"{total:.3f} +- {total / (2 * n) ** 0.5:.3f}",
    }


def _fold_pulls(results: Results, group: str, window: Window, efficiency: float) -> list[float]:
    """Return (count - n q) / sigma of each fold: of its events in window and sidebands a share q lies in the
    signal region, and ``count`` of the n selected ones; selected at random, ``count`` is hypergeometric."""
    pulls = []
    for _, rows in results.rows_of(group).groupby("fold"):
        fold = combined_scores(rows, results.saved)
        everything = _nearby(window, fold.mjj[fold.hunted])
        selected = _nearby(window, fold.mjj[fold.passing(efficiency)])
        n, of, q = len(selected), len(everything), window.in_region(everything).mean()
        variance = n * q * (1 - q) * (of - n) / (of - 1)
        count = window.in_region(selected).sum()
        pulls.append(float((count - n * q) / np.sqrt(variance)) if n else 0.0)
    return pulls


def _nearby(window: Window, mjj: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the masses that the networks were trained on: those of the signal region and of both
    sidebands."""
    return mjj[(mjj >= window.sideband_low) & (mjj < window.sideband_high)]


def calibration(null: pd.DataFrame, efficiency: float) -> dict[str, str | float]:
    """Return what null pseudo-experiments say about one cut."""
    p = null[f"p_value_{efficiency:g}"].to_numpy(float)
    z = null[f"significance_{efficiency:g}"].to_numpy(float)
    n = len(p)
    line: dict[str, str | float] = {"selected": figures.percent(efficiency), "n": float(n)}
    for level in (0.05, 0.01):
        low, high = expected_counts(level, n)
        line[f"p < {level}"] = float((p < level).mean())
        line[f"95 % range of p < {level}"] = f"{low / n:.4f} to {high / n:.4f}"
    return line | {"pull mean": mean_and_error(z, "+.3f"), "pull width": pull_width(z)}


MAX_S_OVER_SQRT_B = 2  # the README's bar speaks of a discovery up to this S/sqrt(B) before cuts
MASS_NOTES = {
    "none": "All events keep their generated masses.",
    "background": "Background events keep their features and get masses from the smooth fit; signal is "
    "injected with its own.",
    "all": "All events keep their features and get masses from the smooth fit.",
}


class SensitivityReport:
    """Shows pseudo-experiments with injected signal: how often is it found, and by whom?"""

    def __init__(self, *, window: int, efficiency: float) -> None:
        self.window = window
        self.efficiency = efficiency

    def refuses(self, recipe: Recipe) -> Mapping[str, str]:
        """Return what of the declared window and cut the recipe does not have."""
        return not_declared(recipe, self.window, self.efficiency, observed=False)

    def render(self, launch: Launched, out: Path) -> Headline:
        """Report the median significance at the declared cut, and the SIC of every method with its spread."""
        results = Results(launch)
        page = Page(launch.recipe.title or "Sensitivity", f"window {self.window}")
        found = results.at(results.pseudo, self.window)
        z = found[f"significance_{self.efficiency:g}"].to_numpy(float)
        page.text(
            f"{MASS_NOTES[results.dataset.get('redraw', 'none')]} The significance is that of the masked fit "
            f"at the declared cut. Missing groups: {results.missing_in_words}."
        )
        page.figure(
            "significance",
            figures.distribution(z, r"Local significance [$\sigma$]", reference=False),
            f"At {figures.percent(self.efficiency)} of events.",
        )
        page.table(_medians(found, results), "Medians over pseudo-experiments, with the central 68 %.")
        strength = found["truth_s_over_sqrt_b_1"].to_numpy(float)
        page.text(f"With S/sqrt(B) <= {MAX_S_OVER_SQRT_B:g} before cuts: {_weak(strength, z)}.")
        headline: dict[str, str | float] = {
            "pseudo-experiments": float(len(found)),
            "missing": results.missing_in_words,
            "S/sqrt(B) before cuts": f"{_spread(strength)}, mean {strength.mean():.2f}",
            f"median significance at {figures.percent(self.efficiency)}": float(np.median(z)),
            "mean significance": ", ".join(_mean(found, cut) for cut in results.efficiencies),
            "share above 5 sigma": float((z >= 5).mean()),
            f"S/sqrt(B) <= {MAX_S_OVER_SQRT_B:g}": _weak(strength, z),
        }
        curves = {m: groups.map(results.sic) for m, groups in results.by_method(self.window).items()}
        if curves:
            page.heading("Significance improvement by method")
            page.figure("sic", figures.sic(curves), "Median and central 68 %, where all curves reach.")
            best = {m: found.map(lambda curve: curve.best()[0]) for m, found in curves.items()}
            page.table(
                _largest(best),
                "Largest SIC over pseudo-experiments; differences of the pseudo-experiments that both have.",
            )
            headline |= {f"largest SIC, {m}": _spread(values.to_numpy()) for m, values in best.items()}
        page.provenance(launch)
        page.write(out)
        return headline


def _weak(strength: NDArray[np.float64], z: NDArray[np.float64]) -> str:
    """Return how many pseudo-experiments hold no more signal than the declared bar speaks of, and what they
    see."""
    weak = z[strength <= MAX_S_OVER_SQRT_B]
    seen = f", median significance {np.median(weak):.2f}" if len(weak) else ""
    return f"{len(weak)} of {len(z)} pseudo-experiments{seen}"


def _mean(found: pd.DataFrame, efficiency: float) -> str:
    """Return the mean significance at a cut with its error: 0 without signal, where the spectrum is
    smooth."""
    return f"{mean_and_error(found[f'significance_{efficiency:g}'])} at {figures.percent(efficiency)}"


def _spread(values: NDArray[np.float64]) -> str:
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    return f"{middle:.2f} (68 %: {low:.2f} to {high:.2f})"


def _medians(found: pd.DataFrame, results: Results) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "selected": figures.percent(e),
            "significance": _spread(found[f"significance_{e:g}"].to_numpy(float)),
            "S (truth)": found[f"truth_signal_{e:g}"].median(),
            "B (truth)": found[f"truth_background_{e:g}"].median(),
            "S/sqrt(B)": found[f"truth_s_over_sqrt_b_{e:g}"].median(),
        }
        for e in results.efficiencies
    )


def _largest(best: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Tabulate means with standard errors, and each method's paired difference to the next, in the order they
    come in.

    ``best``: of each method the values by pseudo-experiment; those that only one of two has make no pair.
    """
    methods = list(best)
    lines = []
    for method, following in zip(methods, [*methods[1:], None], strict=True):
        values = best[method].to_numpy()
        line = {"method": method, "median (68 %)": _spread(values), "mean": mean_and_error(values, ".2f")}
        if following is not None:
            difference = (best[method] - best[following]).dropna()
            if n := len(difference):
                line["minus the next"] = f"{mean_and_error(difference)} ({following}, {n} pairs)"
        lines.append(line)
    return pd.DataFrame(lines)


class SculptingReport:
    """Shows background-only subsamples with their generated masses: does a cut bend the spectrum?"""

    def __init__(self, *, efficiencies: tuple[float, ...] = (0.1, 0.01, 0.002), toys: int = 300) -> None:
        self.efficiencies = tuple(efficiencies)
        self.toys = toys

    def refuses(self, recipe: Recipe) -> Mapping[str, str]:
        """Return which of the efficiencies the recipe does not cut at."""
        fault = cuts_missing(recipe, *self.efficiencies)
        return {"efficiencies": fault} if fault else {}

    def render(self, launch: Launched, out: Path) -> Headline:
        """Report how often the deviance p-value of a fit to all bins is below 0.01, and the excess'
        spread."""
        results = Results(launch)
        groups = results.groups
        page = Page(launch.recipe.title or "Sculpting", f"{len(groups)} windows of disjoint subsamples")
        page.text(
            "Networks that learn the mass from their features carve a bump or a dip into smooth background. "
            "After each cut the dijet function is fitted to the whole spectrum, the signal region included; "
            f"each line counts the windows whose deviance p-value ({self.toys} toys each) is below 0.01 "
            f"(features: {', '.join(results.dataset['features'])}). The significance is that of the signal "
            "region against the fit to the other bins. Windows of one subsample overlap, so the binomial "
            "interval is a guide; the p-values of one window at a time are independent, and the error of the "
            "mean significance is that of the subsamples' means (one subsample has none). "
            f"Missing windows: {results.missing_in_words}."
        )
        p = {cut: self._deviance_p(results, cut) for cut in self.efficiencies}
        lines = [_sculpted(p[e], groups, e) for e in self.efficiencies]
        page.table(pd.DataFrame(lines), "Deviance p-values after each cut.")
        page.figure(
            "deviance",
            figures.p_values(
                {figures.percent(e): p[e] for e in self.efficiencies},
                independent=groups["pseudo_experiment"].nunique(),
            ),
            "Cumulative distribution of the fits' deviance p-values.",
        )
        page.provenance(launch)
        page.write(out)
        headline: dict[str, str | float] = {"missing": results.missing_in_words}
        for line in lines:
            headline[f"fit p < 0.01 at {line['selected']}"] = line["p < 0.01"]
            z = f"mean {line['mean significance']}, rms {line['rms significance']}"
            headline[f"signal region at {line['selected']}"] = z
        return headline

    def _deviance_p(self, results: Results, efficiency: float) -> NDArray[np.float64]:
        """Return the deviance p-value of the unmasked fit to each group's spectrum (groups,)."""
        place = results.efficiencies.index(efficiency)
        n_parameters = results.cuts[place][1]
        spectra = np.array(
            [results.launch.group_arrays(g)["spectra"][place] for g in results.groups["group"]]
        )
        fit = fit_dijet(spectra, BINNING.fit_edges, n_parameters=n_parameters)
        return goodness_of_fit(fit, np.random.default_rng(results.launch.recipe.seed), self.toys).p


def _sculpted(p: NDArray[np.float64], groups: pd.DataFrame, efficiency: float) -> dict[str, str | float]:
    """Return one cut's line: ``p`` of every window (rows of ``groups``), and its signal regions'
    significances."""
    z = groups[f"significance_{efficiency:g}"].to_numpy(float)
    of_subsamples = pd.Series(z).groupby(groups["pseudo_experiment"].to_numpy()).mean()
    k, n = int((p < 0.01).sum()), len(p)
    low, high = clopper_pearson_interval(np.array(k), np.array(n), coverage=0.95)
    return {
        "selected": figures.percent(efficiency),
        "p < 0.01": f"{k} of {n} (95 %: {low:.3f} to {high:.3f})",
        "mean significance": mean_and_error(of_subsamples),
        "rms significance": f"{np.sqrt((z**2).mean()):.2f}",
        "windows above 3 sigma": float((z > 3).sum()),
        "expected by chance": float(n * norm.sf(3)),
    }
