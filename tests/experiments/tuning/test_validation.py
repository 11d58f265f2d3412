"""The figure of the coverage, drawn from numbers that are known."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.tuning.forms import FORMS
from experiments.tuning.validation import _coverage
from lblhep.physics.binomial import expected_counts
from lblhep.surrogates import ONE_SIGMA


def test_each_noise_has_the_bar_of_its_own_number_of_pseudo_experiments():
    shares = {f"{kind}_{form}": ONE_SIGMA for kind in ("profile", "errors") for form in FORMS}
    groups = pd.DataFrame(
        {"noise": [0.1, 1.0], "pseudo_experiments": [4000.0, 1040.0], "joint": 0.68} | shares
    )
    (axes,) = _coverage(groups).axes
    bars = [bar.get_segments()[0] for bar in axes.collections]
    assert [bar[0, 0] for bar in bars] == [0.1, 1.0]
    for bar, n in zip(bars, (4000, 1040), strict=True):
        assert bar[:, 1] * n == pytest.approx(expected_counts(ONE_SIGMA, n))
