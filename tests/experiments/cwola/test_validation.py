"""The pages behind the hunt, on numbers whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from experiments.cwola.metrics import FoldScores
from experiments.cwola.report import BumpHunt
from experiments.cwola.spectrum import BINNING
from experiments.cwola.validation import NullCalibration, Sculpting, Sensitivity, _fold_widths
from lblhep.physics.dijet_fit import fit_dijet
from lblhep.recipe import Recipe

RECIPE = Path(__file__).parents[3] / "recipes" / "cwola.yaml"
CUTS = ("1", "0.1", "0.01", "0.002")


class ToyLaunch:
    """A finished launch as a report sees it."""

    def __init__(self, profile: str, directory: Path, groups: pd.DataFrame) -> None:
        self.recipe = Recipe.read(RECIPE, profile=profile)
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
    monkeypatch.setattr(NullCalibration, "_folds", lambda *_: None)
    z = np.random.default_rng(0).standard_normal((400, 4))
    keys = [{"pseudo_experiment": i + 1} for i in range(400)]
    launch = ToyLaunch("calibration", tmp_path, groups(keys, z))
    headline = NullCalibration(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["n"] == 400
    assert headline["p < 0.05"] == pytest.approx((z[:, 2] > norm.isf(0.05)).mean())
    assert headline["95 % range of p < 0.05"] == "0.0300 to 0.0725"
    assert headline["pull width"].startswith(f"{z[:, 2].std(ddof=1):.3f}")
    assert (tmp_path / "index.html").is_file()


@pytest.mark.parametrize(("common", "correlation"), [(0.0, 0.0), (0.006, 0.155)])
def test_the_folds_correlation_is_found(monkeypatch, common, correlation):
    """400 pseudo-experiments of 5 folds fix the mean of 10 correlations to 0.016: asked for within 0.06.

    Planted: all folds of a pseudo-experiment favour or shun the signal region, whose scores are raised by a
    common factor of rms 0.6 %.  At a cut of 10 % that is 9 x 0.6 % of its 82 selected events, of which a
    share 1 - q = 0.71 counts: 3.1 +- 7.3 events, a correlation of 0.18 / 1.18.
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
        n = 8000
        mjj = 2500 * np.exp(rng.exponential(0.18, n))
        score = rng.random(n) * np.exp(preference[rows["group"].iloc[0]] * window.in_region(mjj))
        return FoldScores(4, mjj, np.zeros(n), np.ones(n, dtype=bool), np.arange(n), score)

    monkeypatch.setattr("experiments.cwola.validation.combined_scores", scores)
    line = _fold_widths(Toys(), window, 0.1)
    found = float(line["correlation of two folds"].split()[0])
    assert found == pytest.approx(correlation, abs=0.06)
    if not common:
        assert float(line["width of one fold"].split()[0]) == pytest.approx(1, abs=0.06)


def test_sensitivity_quotes_the_median_and_ranks_the_methods(tmp_path):
    methods = ("cwola", "idealised", "supervised")
    keys = [{"pseudo_experiment": i, "method": m} for i in range(1, 13) for m in methods]
    z = np.full((len(keys), 4), 6.0)
    headline = Sensitivity(window=4, efficiency=0.01).render(
        ToyLaunch("sensitivity", tmp_path, groups(keys, z)), tmp_path
    )
    assert headline["median significance at 1 %"] == 6.0
    assert headline["pseudo-experiments"] == 12
    best = [float(str(headline[f"largest SIC, {m}"]).split()[0]) for m in methods]
    assert best == sorted(best)


def test_sculpting_counts_spectra_that_are_bent_inside_their_signal_region(tmp_path):
    """A bump of six standard deviations in window 4 is seen; smooth spectra fail in 1 % of cases."""
    keys = [{"pseudo_experiment": i // 8, "window": i % 8} for i in range(64)]
    launch = ToyLaunch("sculpting", tmp_path, groups(keys, np.zeros((64, 4))))
    launch.spectra[:10, 1, ~BINNING.fit_mask(4)] += 60
    headline = Sculpting().render(launch, tmp_path)
    assert 10 <= int(headline["fit p < 0.01 at 10 %"].split()[0]) <= 14
    assert int(headline["fit p < 0.01 at 1 %"].split()[0]) <= 4
    assert headline["signal region at 1 %"] == "mean +0.00 +- 0.00, rms 0.00"


def test_the_global_p_value_counts_null_scans(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    keys = [{"pseudo_experiment": i, "window": w} for i in range(51) for w in range(8)]
    z = rng.standard_normal((len(keys), 4))
    z[4] = (0, 1, 8.0, 2)  # the observation's window 4
    launch = ToyLaunch("full", tmp_path, groups(keys, z))
    # These two sections open the sample and the networks' scores.
    monkeypatch.setattr("experiments.cwola.report._mass_plane", lambda *_: None)
    monkeypatch.setattr("experiments.cwola.report._correlation", lambda *_: None)
    headline = BumpHunt(window=4, efficiency=0.01).render(launch, tmp_path)
    assert headline["global p-value"] == "0.0196 (0 of 50 null pseudo-experiments)"
    assert headline["largest local significance"] == "8.00 (window 4, 1 % of events)"

    launch.groups = launch.groups.drop(index=[9, 80])  # windows of pseudo-experiments 1 and 10
    headline = BumpHunt(window=4, efficiency=0.01).render(launch, tmp_path)
    assert "pseudo-experiments [1, 10] are missing" in headline["global p-value"]
