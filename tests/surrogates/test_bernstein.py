from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates.bernstein import prove_above
from lblhep.surrogates.monomials import Monomials


@settings(max_examples=40, deadline=None)
@given(
    dimension=st.integers(1, 4),
    order=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    level=st.floats(-1, 0.9),
)
def test_answers_hold_at_every_point_tried(dimension, order, seed, level):
    """A proof must never be contradicted by a sample, and a counterexample must be one."""
    rng = np.random.default_rng(seed)
    monomials = Monomials(order, dimension)
    coefficients = rng.normal(size=(len(monomials), 5)) * rng.uniform(0, 1)
    coefficients[0] = 1
    proven, lowest = prove_above(coefficients, monomials, level)
    sample = np.concatenate(
        [rng.uniform(-1, 1, (2000, dimension)), 2.0 * rng.integers(0, 2, (64, dimension)) - 1]
    )
    assert (monomials(sample) @ coefficients[:, proven]).min(initial=np.inf) >= level
    assert abs(lowest).max() <= 1
    assert (np.einsum("bk,kb->b", monomials(lowest), coefficients)[~proven] < level).all()


def test_a_linear_polynomial_is_decided_exactly():
    """1 + q . x has its minimum 1 - sum |q| at a corner."""
    monomials = Monomials(1, 5)
    q = np.random.default_rng(1).normal(size=(5, 200)) * 0.2
    minimum = 1 - abs(q).sum(axis=0)
    proven, lowest = prove_above(np.concatenate([np.ones((1, 200)), q]), monomials, 0.1)
    np.testing.assert_array_equal(proven, minimum >= 0.1)
    at_lowest = np.einsum("bk,kb->b", monomials(lowest), np.concatenate([np.ones((1, 200)), q]))
    np.testing.assert_allclose(at_lowest[~proven], minimum[~proven], atol=1e-14)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, -1e-6, -1e-3])
def test_a_narrow_dip_between_samples_is_found(gap):
    """((x - 0.3)^2 + (y + 0.21)^2) c + gap: the minimum is no dyadic point, so only halving can find it."""
    monomials = Monomials(2, 2)
    value = {(2, 0): 3.0, (0, 2): 3.0, (1, 0): -1.8, (0, 1): 1.26, (0, 0): 3 * (0.09 + 0.0441) + gap}
    coefficients = np.array([value.get(tuple(e), 0.0) for e in monomials.exponents.tolist()])[:, None]
    assert prove_above(coefficients, monomials, 0.0)[0] == [gap > 0]
