from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cwola.spectrum import BINNING, Binning, counts


@pytest.fixture
def binning() -> Binning:
    return BINNING


def test_the_hunts_binning_is_eight_windows_from_2500_to_4741_gev(binning):
    assert binning.edges[0] == 2500
    assert binning.edges[-1] == pytest.approx(2500 * np.exp(0.64))
    assert len(binning.edges) == 17
    assert len(binning.fit_edges) == 33
    assert binning.n_windows == 8


def test_window_i_is_bins_3_to_5_after_i_with_three_bins_on_each_side(binning):
    e = binning.edges
    for i, window in enumerate(map(binning.window, range(8))):
        assert (window.low, window.high) == (e[3 + i], e[6 + i])
        assert (window.sideband_low, window.sideband_high) == (e[i], e[9 + i])
        assert window.low < window.centre < window.high


def test_the_fit_mask_leaves_out_exactly_the_signal_region(binning):
    for window in map(binning.window, range(8)):
        low, high = binning.fit_edges[:-1], binning.fit_edges[1:]
        outside = (high <= window.low) | (low >= window.high)
        assert (binning.fit_mask(window.index) == outside).all()


def test_regions_share_no_event_and_agree_with_the_bins(binning):
    mjj = np.concatenate([np.linspace(2400, 5000, 2001), binning.fit_edges])  # edges too
    for window in map(binning.window, range(8)):
        in_region = counts(mjj)[~binning.fit_mask(window.index)].sum()
        assert window.in_region(mjj).sum() == in_region
        parts = [window.in_lower_sideband(mjj), window.in_region(mjj), window.in_upper_sideband(mjj)]
        inside = (mjj >= window.sideband_low) & (mjj < window.sideband_high)
        assert (np.sum(parts, axis=0) == inside).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(2000, 6000), max_size=30))
def test_every_value_lies_in_one_bin_or_outside(values):
    low, high = BINNING.fit_edges[:-1, None], BINNING.fit_edges[1:, None]
    x = np.array(values, dtype=float)
    assert counts(values).tolist() == ((x >= low) & (x < high)).sum(axis=1).tolist()


@pytest.mark.parametrize(("low", "width", "bins"), [(1.0, 1e-3, 7), (9e3, 1.0, 40), (2500, 0.04, 16)])
def test_bins_are_of_one_width_in_the_logarithm(low, width, bins):
    edges = Binning(low=low, width=width, bins=bins, region=3, sideband=2, fit_bins_per_bin=2).fit_edges
    assert edges[0] == low
    assert np.diff(np.log(edges)) == pytest.approx(np.full(2 * bins, width / 2))


@pytest.mark.parametrize("bad", [{"bins": 8}, {"region": 0}, {"sideband": 0}, {"fit_bins_per_bin": 0}])
def test_a_binning_without_room_for_a_window_is_refused(bad):
    with pytest.raises(ValueError, match="no room"):
        replace(BINNING, **bad)


def test_a_window_that_does_not_exist_is_refused(binning):
    with pytest.raises(ValueError, match="there are 8"):
        binning.window(8)
    with pytest.raises(ValueError, match="there are 8"):
        binning.fit_mask(-1)


@pytest.mark.parametrize("bad", [{"low": 0}, {"width": -0.1}, {"bins": 0}, {"low": np.nan}])
def test_impossible_bins_are_refused(bad):
    with pytest.raises(ValueError, match="bins need"):
        replace(BINNING, **bad)
