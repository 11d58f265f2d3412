from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.physics.spectrum import Binning, bin_index, counts, log_edges


def test_the_default_binning_is_eight_windows_from_2500_to_4741_gev(binning):
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
        in_region = counts(mjj, binning.fit_edges)[~binning.fit_mask(window.index)].sum()
        assert window.in_region(mjj).sum() == in_region
        parts = [window.in_lower_sideband(mjj), window.in_region(mjj), window.in_upper_sideband(mjj)]
        inside = (mjj >= window.sideband_low) & (mjj < window.sideband_high)
        assert (np.sum(parts, axis=0) == inside).all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30),
    st.floats(1, 1e4),
    st.floats(1e-3, 1),
    st.integers(1, 40),
)
def test_every_value_lies_in_one_bin_or_outside(values, low, width, bins):
    edges = log_edges(low, width, bins)
    index = bin_index(values, edges)
    inside = (index >= 0) & (index < bins)
    x = np.array(values, dtype=float)
    assert (inside == ((x >= edges[0]) & (x < edges[-1]))).all()
    assert (edges[index[inside]] <= x[inside]).all()
    assert (x[inside] < edges[index[inside] + 1]).all()
    assert counts(values, edges).sum() == inside.sum()


@pytest.mark.parametrize("bad", [{"bins": 8}, {"region": 0}, {"sideband": 0}, {"fit_bins_per_bin": 0}])
def test_a_binning_without_room_for_a_window_is_refused(bad):
    with pytest.raises(ValueError, match="no room"):
        Binning(**bad)


def test_a_window_that_does_not_exist_is_refused(binning):
    with pytest.raises(ValueError, match="there are 8"):
        binning.window(8)
    with pytest.raises(ValueError, match="there are 8"):
        binning.fit_mask(-1)


@pytest.mark.parametrize("bad", [(0, 0.1, 3), (1, -0.1, 3), (1, 0.1, 0), (np.nan, 0.1, 3)])
def test_impossible_bins_are_refused(bad):
    with pytest.raises(ValueError, match="bins need"):
        log_edges(*bad)
