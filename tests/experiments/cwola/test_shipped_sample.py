"""What the shipped background is known to be: one spectrum, with a fluctuation of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.cwola.spectrum import BINNING, counts, fit_background
from lblhep.cards import open_sample
from lblhep.physics.dijet_fit import fit_dijet
from lblhep.physics.excess import significance
from lblhep.physics.goodness import goodness_of_fit


def excess(spectrum: np.ndarray, window: int, n_parameters: int) -> float:
    """The signed significance of a window's signal region over the fit to the rest."""
    fit = fit_background(spectrum, window, n_parameters)
    bounds = BINNING.window(window)
    expected, error = fit.count(bounds.low, bounds.high)
    return float(significance(spectrum[~fit.used].sum(), expected, error))


@pytest.fixture(scope="module")
def spectrum() -> np.ndarray:
    """All background events of the shipped sample."""
    columns = open_sample(Path(__file__).parents[3], "dijets-pythia8").columns(["mjj", "process"])
    return counts(columns["mjj"][columns["process"] == 0])


def test_window_4_of_the_background_is_low_before_any_cut(spectrum):
    """The README speaks of it: the declared window, in which generated masses make a signal look weaker."""
    assert excess(spectrum, 4, 4) == pytest.approx(-2.6, abs=0.05)
    assert excess(spectrum, 4, 5) == pytest.approx(-2.3, abs=0.05)


def test_window_7_of_the_background_is_high_before_any_cut(spectrum):
    """The README speaks of it: 3.8 standard deviations, whatever the number of parameters."""
    for n_parameters in (4, 5):
        assert excess(spectrum, 7, n_parameters) == pytest.approx(3.8, abs=0.1)
    # One window of eight; the whole spectrum is no bad fit.
    whole = fit_dijet(spectrum, BINNING.fit_edges, n_parameters=4)
    assert goodness_of_fit(whole, np.random.default_rng(1), 300).p > 0.05
