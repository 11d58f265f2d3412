"""Where intervals cover, and the figure of the coverage, from numbers that are known."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.tuning.forms import FORMS
from experiments.tuning.validation import (
    COVERS_UP_TO,
    _coverage_figure,
    _coverage_table,
    covers,
    covers_up_to,
)
from lblhep.physics.binomial import expected_counts
from lblhep.surrogates import ONE_SIGMA


@pytest.mark.parametrize(("share", "right"), [(0.59, False), (0.6, True), (0.76, True), (0.77, False)])
def test_an_interval_of_68_percent_covers_between_60_and_76(share, right):
    assert covers(share) is right


def test_a_noise_at_which_one_parameter_fails_ends_the_range():
    groups = pd.DataFrame({"noise": [1.0, 0.1, 2.0, 0.3], "worst_plain": [0.5, 0.66, 0.68, 0.7]})
    assert covers_up_to(groups, "plain") == 0.3
    assert covers_up_to(groups.assign(worst_plain=0.8), "plain") == 0


def test_the_table_says_where_intervals_fail():
    kinds = ("chi2_ndf", "chi2_ndf_error", "ks_p", "bias", "hessian", "errors", "profile", "at_bound")
    groups = pd.DataFrame([{"noise": 0.1} | {f"{kind}_{form}": 0.5 for kind in kinds for form in FORMS}])
    groups = groups.assign(worst_plain=0.62, worst_log_det=0.59, worst_covariance=0.77)
    assert _coverage_table(groups)["worst"].tolist() == ["0.620", "0.590, fails", "0.770, fails"]


def test_every_form_has_a_noise_up_to_which_it_covers():
    assert COVERS_UP_TO.keys() == FORMS.keys()


def test_each_noise_has_the_bar_of_its_own_number_of_pseudo_experiments():
    shares = {f"{kind}_{form}": ONE_SIGMA for kind in ("profile", "errors") for form in FORMS}
    groups = pd.DataFrame(
        {"noise": [0.1, 1.0], "pseudo_experiments": [4000.0, 1040.0], "joint": 0.68} | shares
    )
    (axes,) = _coverage_figure(groups).axes
    bars = [bar.get_segments()[0] for bar in axes.collections]
    assert [bar[0, 0] for bar in bars] == [0.1, 1.0]
    for bar, n in zip(bars, (4000, 1040), strict=True):
        assert bar[:, 1] * n == pytest.approx(expected_counts(ONE_SIGMA, n))
