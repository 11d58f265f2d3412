"""What figures show and what they must not hide."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.cwola.figures import global_test, sic_band, significance_scan, spectra
from experiments.cwola.spectrum import BINNING
from lblhep.physics.efficiency import SicCurve
from lblhep.physics.global_significance import global_p_value


def flat_curve(sic: float, ends_at: float) -> SicCurve:
    """The same improvement at every signal efficiency from 1 down to ``ends_at``."""
    efficiency = np.linspace(1, ends_at, 50)
    return SicCurve(efficiency, (efficiency / sic) ** 2, np.full(50, sic), np.zeros(50))


def test_a_band_ends_where_its_first_curve_does():
    """Better curves let less background pass and end earlier; what is left would be the band of the worse."""
    better, worse = [flat_curve(9, 0.2)] * 2, [flat_curve(6, 0.05)] * 3
    x, (low, middle, high) = sic_band(better + worse, np.linspace(0.01, 1, 100))
    assert x.min() == pytest.approx(0.2, abs=0.01)
    assert np.unique(high) == pytest.approx(9)
    assert np.unique(middle) == pytest.approx(6)
    assert np.unique(low) == pytest.approx(6)


def test_no_pull_is_clipped_and_an_empty_bin_shows_what_it_allows():
    curve = 3000 * np.exp(-0.25 * np.arange(32))
    counts = np.random.default_rng(1).poisson([curve, curve / 10, curve / 1000])
    counts[1, 12] += 500  # 20 standard deviations
    main, *pulls = spectra(4, counts, [(1.0, 4), (0.1, 3), (0.001, 3)], "S = 0").axes
    for panel in pulls:
        low, high = panel.get_ylim()
        assert low < panel.dataLim.y0 < panel.dataLim.y1 < high
    assert pulls[1].dataLim.y1 > 15
    intervals = main.containers[2].lines[2][0].get_segments()  # of the hardest cut
    empty = np.flatnonzero(counts[2] == 0)
    assert len(empty)
    for i in empty:  # 68 %: up to -ln(0.16)
        assert intervals[i][:, 1] == pytest.approx([0, 1.841], abs=0.001)
    said = [text.get_text() for text in main.get_legend().get_texts()]
    assert said == [
        "100 %",
        "10 %",
        "0.1 %",
        "fit, signal region masked",
        "its standard error",
        "signal region",
    ]


@pytest.mark.parametrize("highest", [1.0, 6.8, 30.0])
def test_p_values_stand_at_their_significance(highest):
    groups = pd.DataFrame({"window": [3, 4], "window_centre": [3400.0, 3510.0]})
    groups["significance_1"] = [0.0, highest]
    axes = significance_scan(groups, [1.0], "S = 200", 3500.0).axes[0]
    (p_axis,) = axes.child_axes
    ticks = dict(zip((t.get_text() for t in p_axis.get_yticklabels()), p_axis.get_yticks(), strict=True))
    assert 3 <= len(ticks) <= 10
    assert ticks["0.5"] == 0
    assert ticks["$10^{-1}$"] == pytest.approx(1.2816, abs=1e-4)
    assert max(ticks.values()) < axes.get_ylim()[1]
    assert not len(p_axis.yaxis.get_minorticklocs())


def test_the_global_test_says_k_of_n_with_its_interval():
    largest = np.linspace(0.5, 3, 100)
    result = global_p_value(2.0, largest)
    axes = global_test(2.0, largest, result).axes[0]
    nulls, reached, _ = axes.get_legend().get_texts()
    assert nulls.get_text() == "100 exact nulls"
    assert reached.get_text() == f"as large: 40 of 100 = 0.4\n(95 %: {result.low:.2g} to {result.high:.2g})"
    bars = [bar for bar in axes.patches if bar.get_x() >= 2 - 1e-9]
    assert sum(bar.get_height() for bar in bars) == 2 * result.k  # all nulls, and those that reach it


def test_every_window_lies_on_the_axis():
    groups = pd.DataFrame({"window": range(8), "window_centre": [BINNING.window(w).centre for w in range(8)]})
    groups["significance_1"] = 0.0
    low, high = significance_scan(groups, [1.0]).axes[0].get_xlim()
    assert low < BINNING.window(0).low < BINNING.window(7).high < high
