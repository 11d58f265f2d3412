from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from lblhep.physics.binomial import clopper_pearson, expected_counts


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_clopper_pearson_is_that_of_scipy(k_of_n, level):
    k, n = k_of_n
    other = binomtest(k, n).proportion_ci(level, method="exact")
    assert clopper_pearson(k, n, level) == pytest.approx((other.low, other.high), abs=1e-9)


def test_no_event_in_n_has_the_known_limit():
    assert clopper_pearson(0, 100)[1] == pytest.approx(1 - 0.025 ** (1 / 100))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.5, 0.99))
def test_a_correct_share_is_consistent_at_least_at_the_level(n, probability, level):
    low, high = expected_counts(probability, n, level)
    coverage = binom.cdf(high, n, probability) - binom.cdf(low - 1, n, probability)
    assert coverage >= level - 1e-9


def test_the_shares_of_a_null_study():
    assert expected_counts(0.05, 400) == (12, 29)


@pytest.mark.parametrize("bad", [(3, 2), (-1, 2), (0, 0)])
def test_impossible_shares_are_refused(bad):
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(*bad)
    with pytest.raises(ValueError, match="confidence"):
        clopper_pearson(1, 2, 1.0)
    with pytest.raises(ValueError, match="probability"):
        expected_counts(1.5, 10)
