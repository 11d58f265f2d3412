"""Bins and fills."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.tuning.events.histograms import Histogram, bin_columns, fills, n_bins
from experiments.tuning.events.shapes import Values, measure
from lblhep.cards import open_sample
from tests.experiments.tuning.conftest import REPOSITORY


def histogram(observable, *edges) -> Histogram:
    return Histogram("TEST", "d01-x01-y01", observable, edges)


def test_bins_are_the_measured_ones(histograms, tmp_path, monkeypatch):
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path))
    measured = open_sample(REPOSITORY, "lep-hadronic-z").table()
    ours = bin_columns(histograms)
    assert n_bins(histograms) == len(measured) == 962
    for name in ("experiment", "table", "observable", "x_low", "x_high"):
        assert ours[name] == measured[name].to_pylist()


def test_every_bin_has_an_observable(histograms, groups):
    row = fills(measure(groups[0]), histograms)
    assert row.shape == (len(groups[0]), 962)
    assert np.isfinite(row).all()


def test_edges_are_half_open():
    values = Values({}, {"x_p": np.array([[0.0, 0.1, 0.2, 0.2], [0.3, 0.05, -1.0, 9.0]])}, {})
    assert fills(values, [histogram("x_p", 0, 0.1, 0.2, 0.3)]).tolist() == [[1, 1, 2], [1, 0, 0]]


def test_multiplicity():
    values = Values({"n_charged": np.array([4.0, 22.0])}, {}, {})
    bins = [histogram("n_charged", 3, 5, 7), histogram("mean_n_charged", 90.7, 91.7)]
    assert fills(values, bins).tolist() == [[1, 0, 4], [0, 0, 22]]
    assert [list(h.scale) for h in bins] == [[1, 1], [1]]
    assert histogram("x_p", 0, 0.5, 0.6).scale == pytest.approx([2, 10])


def test_energy_correlation_and_its_asymmetry():
    cosine, weight = np.array([[-0.9, 0.9, -0.1, 0.5]]), np.array([[0.1, 0.02, 0.03, 0.04]])
    values = Values({}, {}, {"eec": (cosine, weight)})
    whole, asymmetry = histogram("eec", -1, -0.5, 0, 0.5, 1), histogram("aeec", -1, -0.5, 0)
    assert fills(values, [whole])[0] == pytest.approx([0.1, 0.03, 0, 0.06])
    # 0.5 and -0.5 lie on edges: upper bin of the one, and its mirror image.
    assert fills(values, [asymmetry])[0] == pytest.approx([0.1 - 0.02, 0.03 - 0.04])


def test_spectra_integrate_to_the_multiplicity(groups):
    """Wide bins catch every particle: the sum of a spectrum's fills is the event's multiplicity."""
    names = ("x_p", "pt_in_thrust_gev", "pt_out_sphericity_gev", "rapidity_sphericity_axis")
    for group in groups:
        row = fills(measure(group), [histogram(name, 0, 0.01, 0.5, 100) for name in names])
        assert (row.reshape(len(group), len(names), 3).sum(axis=2) == group.shape[1]).all()
