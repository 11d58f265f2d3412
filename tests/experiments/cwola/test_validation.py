"""The pages behind the hunt, on numbers whose answer is known."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from experiments.cwola.metrics import FoldScores
from experiments.cwola.report import BumpHuntReport, _extrapolated, _widths
from experiments.cwola.results import Results
from experiments.cwola.spectrum import BINNING
from experiments.cwola.validation import (
    NullCalibrationReport,
    SculptingReport,
    SensitivityReport,
    _fold_widths,
    _largest,
)
from lblhep.errors import LaunchError
from lblhep.physics.dijet_fit import fit_dijet
from lblhep.recipe import Recipe
from lblhep.report import Page
from lblhep.validate import problems

RECIPE = Path(__file__).parents[3] / "recipes" / "cwola.yaml"
CUTS = ("1", "0.1", "0.01", "0.002")


class ToyLaunch:
    """A finished launch as a report sees it."""

    def __init__(
        self, profile: str, directory: Path, groups: pd.DataFrame, overrides: tuple[str, ...] = ()
    ) -> None:
        self.recipe = Recipe.read(RECIPE, overrides, profile)
        self.directory = directory
        self.info: dict[str, str] = {}
        self.groups = groups
        self.rows = pd.DataFrame({"trial": [], "status": []})
        # Smooth spectra, as the dijet function has them.
        curve = fit_dijet(np.geomspace(900, 90, 32), BINNING.fit_edges).expected
        self.spectra = np.random.default_rng(2).poisson(curve, (len(groups), 4, 32))

    def group_arrays(self, group: str) -> dict[str, np.ndarray]:
        """Signal that is better than background, the more so for the methods that come first."""
        rng = np.random.default_rng(int(group))
        power = {"supervised": 6, "idealised": 5, "cwola": 4, "boosting": 3}
        method = self.groups.set_index("group").loc[group].get("method", "cwola")
        signal = rng.random(5000) ** power[method]
        return {
            "signal_rank": signal,
            "background_rank": rng.random(20_000),
            "spectra": self.spectra[int(group)],
        }


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without their figures, for tests of the words and tables; another test draws each report's."""
    monkeypatch.setattr(Page, "figure", lambda *_: None)


def groups(keys: list[dict], z: np.ndarray) -> pd.DataFrame:
    """One group for each key with significances ``z`` (groups, cuts)."""
    lines = []
    for i, key in enumerate(keys):
        line = {"group": f"{i:06d}", **key, "window_centre": 3000.0 + 100 * key.get("window", 4)}
        for cut, value in zip(CUTS, z[i], strict=True):
            line |= {f"significance_{cut}": value, f"p_value_{cut}": norm.sf(value)}
            line |= {f"deviance_p_{cut}": norm.sf(value), f"observed_{cut}": 100, f"expected_{cut}": 90.0}
            line |= {f"expected_error_{cut}": 5.0, f"truth_signal_{cut}": 20, f"truth_background_{cut}": 80}
            line |= {f"truth_s_over_sqrt_b_{cut}": 2.0}
        lines.append(line)
    return pd.DataFrame(lines)


def test_calibration_of_a_true_null_is_within_its_range(tmp_path, monkeypatch):
    # This section opens the networks' scores.
    monkeypatch.setattr(NullCalibrationReport, "_folds", lambda *_: None)
    z = np.random.default_rng(0).standard_normal((400, 4))
    keys = [{"pseudo_experiment": i + 1} for i in range(400)]
    launch = ToyLaunch("calibration", tmp_path, groups(keys, z))
    headline = NullCalibrationReport(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["n"] == 400
    assert headline["p < 0.05"] == pytest.approx((z[:, 2] > norm.isf(0.05)).mean())
    assert headline["95 % range of p < 0.05"] == "0.0300 to 0.0725"
    assert headline["pull width"].startswith(f"{z[:, 2].std(ddof=1):.3f}")
    assert headline["missing"] == "0 of 400"
    assert (tmp_path / "index.html").is_file()


def test_pseudo_experiments_that_failed_are_counted(tmp_path, monkeypatch, undrawn):
    monkeypatch.setattr(NullCalibrationReport, "_folds", lambda *_: None)
    keys = [{"pseudo_experiment": i + 1} for i in range(400) if i not in (2, 77)]
    launch = ToyLaunch("calibration", tmp_path, groups(keys, np.zeros((398, 4))))
    headline = NullCalibrationReport(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["missing"] == "2 of 400: pseudo_experiment=3, pseudo_experiment=78"
    assert str(headline["missing"]) in (tmp_path / "index.html").read_text()

    launch = ToyLaunch("calibration", tmp_path, groups(keys[:100], np.zeros((100, 4))))
    assert Results(launch).missing_in_words.endswith("pseudo_experiment=112, ... (300 in all)")


@pytest.mark.parametrize(("common", "correlation"), [(0.0, 0.0), (0.012, 0.155)])
def test_the_folds_correlation_is_found(monkeypatch, common, correlation):
    """400 pseudo-experiments of 5 folds fix the mean of 10 correlations to 0.016: asked for within 0.06.

    Planted: all folds of a pseudo-experiment favour or shun the signal region, whose scores are raised by a
    common factor of rms 1.2 %.  At a cut of 10 % that is 9 x 1.2 % of its 20 selected events, of which a
    share 1 - q = 0.71 counts: 1.6 +- 3.7 events, a correlation of 0.18 / 1.18.
    """
    rng = np.random.default_rng(3)
    window = BINNING.window(4)
    preference = {group: rng.normal(0, common) for group in range(400)}

    class Toys:
        null = pd.DataFrame({"group": list(preference)})
        saved = None

        def rows_of(self, group):
            return pd.DataFrame({"fold": range(5), "group": group})

    def scores(rows, saved):
        n = 2000
        mjj = 2500 * np.exp(rng.exponential(0.18, n))
        score = rng.random(n) * np.exp(preference[rows["group"].iloc[0]] * window.in_region(mjj))
        return FoldScores(4, mjj, np.zeros(n), np.ones(n, dtype=bool), np.arange(n), score)

    monkeypatch.setattr("experiments.cwola.validation.combined_scores", scores)
    line = _fold_widths(Toys(), window, 0.1)
    found = float(line["correlation of two folds"].split()[0])
    assert found == pytest.approx(correlation, abs=0.06)
    if not common:
        assert float(line["width of one fold"].split()[0]) == pytest.approx(1, abs=0.06)


def test_sensitivity_quotes_the_median_and_ranks_the_methods(tmp_path, monkeypatch):
    methods = ("cwola", "idealised", "supervised")
    keys = [{"pseudo_experiment": i, "method": m} for i in range(1, 13) for m in methods]
    z = np.repeat(np.arange(1.0, 13.0), 3)[:, None] * np.ones(4)
    table = groups(keys, z)
    table["truth_s_over_sqrt_b_1"] = 1.5 + 0.1 * table["pseudo_experiment"]  # 1.6 to 2.7, 2.0 included
    launch = ToyLaunch(
        "sensitivity",
        tmp_path,
        table,
        (
            "trials.axes.pseudo_experiment.range=[1, 13]",
            "trials.axes.method.values=[cwola, idealised, supervised]",
            "trials.expect=720",
        ),
    )
    headline = SensitivityReport(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["median significance at 1 %"] == 6.5
    assert headline["S/sqrt(B) <= 2"] == "5 of 12 pseudo-experiments, median significance 3.00"
    assert headline["pseudo-experiments"] == 12
    best = [float(str(headline[f"largest SIC, {m}"]).split()[0]) for m in methods]
    assert best == sorted(best)
    assert headline["missing"] == "0 of 36"

    launch.groups = launch.groups.drop(index=[4])
    monkeypatch.setattr(Page, "figure", lambda *_: None)  # they are drawn above
    headline = SensitivityReport(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["missing"] == "1 of 36: pseudo_experiment=2 method=idealised"


@pytest.mark.parametrize(
    ("profile", "says"),
    [("sensitivity", "get masses from the smooth fit"), ("sensitivity-generated", "generated masses")],
)
def test_sensitivity_says_where_the_masses_come_from(tmp_path, undrawn, profile, says):
    keys = [{"pseudo_experiment": i, "method": "cwola"} for i in range(1, 4)]
    launch = ToyLaunch(profile, tmp_path, groups(keys, np.zeros((3, 4))))
    SensitivityReport(window=4, efficiency=0.01).render(launch, tmp_path)
    text = (tmp_path / "index.html").read_text().split("<code>")[0]  # what follows is the recipe
    assert says in text


def test_methods_are_compared_within_a_pseudo_experiment():
    """Whatever the order they finish in: the common fluctuation, a hundred times the difference, cancels."""
    common = pd.Series(np.random.default_rng(6).normal(10, 50, 20), index=range(1, 21))
    best = {"idealised": common + 0.5, "cwola": common.drop([3, 11]).iloc[::-1]}
    lines = _largest(best).set_index("method")
    assert lines.loc["idealised", "minus the next"] == "+0.50 +- 0.00 (cwola, 18 pairs)"
    error = common.std(ddof=1) / 20**0.5
    assert lines.loc["idealised", "mean"].endswith(f"+- {error:.2f}")
    assert pd.isna(lines.loc["cwola", "minus the next"])
    alone = _largest({"cwola": common.head(1)})
    assert alone["mean"].tolist() == [f"{common.iloc[0]:.2f}"]


def test_sculpting_counts_spectra_that_are_bent_inside_their_signal_region(tmp_path):
    """A bump of six standard deviations in window 4 is seen; smooth spectra fail in 1 of 151 cases.

    Of 54 smooth spectra 0.4 fail on average, and more than four with a probability of 1e-4; of 64, 0.4.
    """
    keys = [{"pseudo_experiment": i // 8, "window": i % 8} for i in range(64)]
    launch = ToyLaunch("sculpting", tmp_path, groups(keys, np.zeros((64, 4))))
    launch.spectra[:10, 1, ~BINNING.fit_mask(4)] += 60
    headline = SculptingReport(efficiencies=(0.1, 0.01), toys=150).render(launch, tmp_path)
    assert 10 <= int(headline["fit p < 0.01 at 10 %"].split()[0]) <= 14
    assert int(headline["fit p < 0.01 at 1 %"].split()[0]) <= 4
    assert headline["signal region at 1 %"] == "mean +0.00 +- 0.00, rms 0.00"


def test_windows_of_one_subsample_are_not_independent(tmp_path, undrawn):
    """All eight windows of a subsample fluctuate together: its mean is one measurement, not eight."""
    common = np.random.default_rng(8).standard_normal(8)
    keys = [{"pseudo_experiment": i // 8, "window": i % 8} for i in range(64)]
    launch = ToyLaunch("sculpting", tmp_path, groups(keys, common.repeat(8)[:, None] * np.ones(4)))
    headline = SculptingReport(toys=10).render(launch, tmp_path)
    error = common.std(ddof=1) / 8**0.5
    said = f"mean {common.mean():+.2f} +- {error:.2f}, rms {(common**2).mean() ** 0.5:.2f}"
    assert headline["signal region at 10 %"] == said


def test_one_subsample_has_a_mean_without_an_error(tmp_path, undrawn):
    keys = [{"window": i} for i in range(8)]
    launch = ToyLaunch("sculpting-whole", tmp_path, groups(keys, np.arange(8.0)[:, None] * np.ones(4)))
    headline = SculptingReport(toys=10).render(launch, tmp_path)
    assert headline["signal region at 1 %"] == "mean +3.50, rms 4.18"
    assert headline["missing"] == "0 of 8"


def scans(tmp_path: Path, z: np.ndarray) -> ToyLaunch:
    """A ``full`` launch of an observation and null scans, significances ``z`` (scans, windows, cuts)."""
    n = len(z)
    keys = [{"pseudo_experiment": i, "window": w} for i in range(n) for w in range(8)]
    of_the_plan = (f"trials.axes.pseudo_experiment.range=[0, {n}]", f"trials.expect={n * 160}")
    return ToyLaunch("full", tmp_path, groups(keys, z.reshape(-1, 4)), of_the_plan)


def test_the_global_p_value_counts_null_scans(tmp_path, monkeypatch):
    z = np.random.default_rng(1).standard_normal((26, 8, 4))
    z[0, 4] = (0, 1, 8.0, 2)
    launch = scans(tmp_path, z)
    # These two sections open the sample and the networks' scores.
    monkeypatch.setattr("experiments.cwola.report._mass_plane", lambda *_: None)
    monkeypatch.setattr("experiments.cwola.report._correlation", lambda *_: None)
    headline = BumpHuntReport(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["global p-value"] == "0.0385 (0 of 25 null pseudo-experiments)"
    assert headline["largest local significance"] == "8.00 (window 4, 1 % of events)"

    whole = launch.groups
    for missing, which in (([9, 80], "1, 10"), ([7], "0"), (range(96, 104), "12")):
        launch.groups = whole.drop(index=missing)
        headline = BumpHuntReport(window=4, efficiency=0.01)._global(Page("", ""), Results(launch))
        assert headline["global p-value"] == f"not quoted: scans {which} lack windows; run with --resume"


def test_the_extrapolation_adds_up_the_cuts(tmp_path):
    """Each cut's p_local + upcrossings exp(-u^2 / 2), counted here by hand; errors in quadrature."""
    z = np.random.default_rng(4).standard_normal((41, 8, 4)) * [1, 1.5, 0.5, 1]
    z[:, :, 2] += 1
    found = _extrapolated(Page("", ""), Results(scans(tmp_path, z)), 3.0, "here")
    rises = ((z[1:, :-1] < 0) & (z[1:, 1:] >= 0)).sum(axis=1)  # (scans, cuts)
    p = (norm.sf(3) + rises.mean(axis=0) * np.exp(-4.5)).sum()
    error = np.exp(-4.5) * (rises.var(axis=0, ddof=1) / 40).sum() ** 0.5
    assert found["global p-value, extrapolated"] == f"{p:.2g} +- {error:.1g} (Gross-Vitells)"


def test_the_width_of_the_null_scans_is_given_for_each_window_and_cut(tmp_path):
    """124 scans fix a width to 6 %: four errors."""
    true = np.linspace(0.5, 2, 32).reshape(8, 4)
    widths = _widths(Results(scans(tmp_path, true * np.random.default_rng(4).standard_normal((125, 8, 4)))))
    assert widths["window"].tolist() == list(range(8))
    for column, expected in zip(["100 %", "10 %", "1 %", "0.2 %"], true.T, strict=True):
        measured = widths[column].str.split().str[0].astype(float)
        assert measured.to_numpy() == pytest.approx(expected, rel=0.26)


@pytest.mark.parametrize(
    ("profile", "override", "words"),
    [
        (None, "report.window=8", "window: 8 is not in the scan: .* [0, 1, 2, 3, 4, 5, 6, 7] of the obs"),
        ("smoke", "report.window=3", "window: 3 is not in the scan: .* windows [4] of the observation"),
        (None, "report.efficiency=0.02", "efficiency: 0.02 is not among groups.efficiencies [1.0,"),
        ("calibration", "report.window=5", "window: 5 is not in the scan: .* windows [4] of pseudo-exp"),
        ("sensitivity", "datasets.dijets.window=5", "window: 4 is not in the scan: .* windows [5] of"),
        ("sensitivity", "report.efficiency=0.05", "efficiency: 0.05 is not among"),
        ("sculpting", "report.efficiencies=[0.1, 0.03]", "efficiencies: 0.03 is not among"),
    ],
)
def test_what_a_report_declares_is_in_the_scan_or_nothing_is_launched(profile, override, words):
    (found,) = problems(Recipe.read(RECIPE, [override], profile))
    assert re.search(words.replace("[", r"\["), str(found))


@pytest.mark.parametrize(
    ("profile", "report", "first"),
    [
        ("full", BumpHuntReport, 0),
        ("calibration", NullCalibrationReport, 1),
        ("sensitivity", SensitivityReport, 1),
    ],
)
def test_a_declared_window_whose_networks_failed_is_named(tmp_path, profile, report, first):
    """The other windows and pseudo-experiments are there: no IndexError, but what is missing."""
    keys = [{"pseudo_experiment": first, "window": w} for w in (3, 5)]
    launch = ToyLaunch(profile, tmp_path, groups(keys, np.zeros((2, 4))))
    with pytest.raises(
        LaunchError, match="window 4, which the report declares, was not combined; missing gr"
    ):
        report(window=4, efficiency=0.01).render(launch, tmp_path)
