from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from lblhep.physics.efficiency import sic_curve

scores = st.lists(st.integers(-5, 5), min_size=1, max_size=40)


def test_sic_of_gaussians_is_the_closed_form():
    """eps = Phi(d - c), Phi(-c): each point within 4.5 of its own errors (150 correlated points)."""
    rng = np.random.default_rng(2)
    curve = sic_curve(rng.normal(2, 1, 50_000), rng.normal(0, 1, 500_000))
    cut = 2 - norm.ppf(curve.signal_efficiency[1:])
    exact = curve.signal_efficiency[1:] / np.sqrt(norm.sf(cut))
    assert (abs(curve.sic[1:] - exact) < 4.5 * curve.error[1:]).all()
    best, error, at = curve.best()
    assert best == curve.sic.max()
    assert curve.at(at) == pytest.approx(best)
    assert error < 0.3 * best
    assert np.isnan(curve.at(1e-6))


def test_the_errors_of_the_sic_are_its_spread():
    """Scores of 0 and 1 make the cut at 1 fixed.  600 repetitions fix a spread to 2.9 %; asked for 13 %."""
    rng = np.random.default_rng(3)
    results = []
    for _ in range(600):
        curve = sic_curve(rng.binomial(1, 0.5, 400), rng.binomial(1, 0.1, 800), points=3)
        results.append((curve.sic[-1], curve.error[-1]))
    values, errors = np.array(results).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.13)


def test_only_known_background_efficiencies_are_shown():
    rng = np.random.default_rng(4)
    s, b = rng.normal(3, 1, 2000), rng.normal(0, 1, 5000)
    curve = sic_curve(s, b)
    assert (curve.background_efficiency * 5000 >= 25).all()
    assert (sic_curve(s, b, precision=0.1).background_efficiency * 5000 >= 100).all()
    assert curve.signal_efficiency[0] == 1
    assert (np.diff(curve.signal_efficiency) <= 0).all()


@pytest.mark.parametrize("n", range(1000, 20_000, 997))
def test_25_background_events_are_enough_and_24_are_not(n):
    """Whatever the size of the sample: no point is lost to round-off."""
    for passing in (24, 25):
        background = np.zeros(n)
        background[:passing] = 1
        assert (len(sic_curve([1.0], background, points=1).sic) == 1) == (passing == 25)


def test_a_useless_score_has_a_sic_of_one():
    curve = sic_curve(np.zeros(100), np.zeros(1000))
    assert curve.sic == pytest.approx(np.ones_like(curve.sic))


@settings(max_examples=50, deadline=None)
@given(scores, scores)
def test_any_scores_give_efficiencies_between_0_and_1(signal, background):
    curve = sic_curve(signal, background, points=7)
    for share in (curve.signal_efficiency, curve.background_efficiency):
        assert ((share > 0) & (share <= 1)).all()
    assert np.isfinite(curve.error).all()
    assert len(background) >= 25 or not len(curve.sic)


def test_a_curve_without_a_point_has_no_best():
    with pytest.raises(ValueError, match="empty"):
        sic_curve([1.0], [0.0]).best()


@pytest.mark.parametrize("values", [[], [np.nan], [[1.0, 2.0]]])
def test_impossible_samples_are_refused(values):
    with pytest.raises(ValueError, match="scores"):
        sic_curve(values, [1.0])
