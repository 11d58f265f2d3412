from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lblhep.physics.binomial import expected_counts


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.5, 0.99))
def test_a_correct_share_is_consistent_at_least_at_the_level(n, probability, level):
    low, high = expected_counts(probability, n, level)
    coverage = binom.cdf(high, n, probability) - binom.cdf(low - 1, n, probability)
    assert coverage >= level - 1e-9


def test_the_shares_of_a_null_study():
    assert expected_counts(0.05, 400) == (12, 29)


def test_impossible_shares_are_refused():
    with pytest.raises(ValueError, match="no share"):
        expected_counts(0.5, 0)
    with pytest.raises(ValueError, match="confidence"):
        expected_counts(0.5, 2, 1.0)
    with pytest.raises(ValueError, match="probability"):
        expected_counts(1.5, 10)
