"""What the shipped background is known to be: one spectrum, with a fluctuation of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.cwola.spectrum import BINNING, fit_background
from lblhep.cards import open_sample
from lblhep.physics.dijet_fit import fit_dijet
from lblhep.physics.excess import significance
from lblhep.physics.goodness import goodness_of_fit
from lblhep.physics.spectrum import counts


def test_window_7_of_the_background_is_high_before_any_cut():
    """The README speaks of it: 3.8 standard deviations, whatever the number of parameters."""
    columns = open_sample(Path(__file__).parents[3], "dijets-pythia8").columns(["mjj", "process"])
    spectrum = counts(columns["mjj"][columns["process"] == 0], BINNING.fit_edges)
    window = BINNING.window(7)
    for n_parameters in (4, 5):
        fit = fit_background(spectrum, 7, n_parameters)
        expected, error = fit.count(window.low, window.high)
        z = significance(spectrum[~fit.used].sum(), expected, error)
        assert z == pytest.approx(3.8, abs=0.1)
    # One window of eight; the whole spectrum is no bad fit.
    whole = fit_dijet(spectrum, BINNING.fit_edges, n_parameters=4)
    assert goodness_of_fit(whole, np.random.default_rng(1), 300).p > 0.05
