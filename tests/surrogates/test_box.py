from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Box


def test_scaling_goes_there_and_back(box):
    points = box.latin_hypercube(50, seed=1)
    assert abs(box.scale(points)).max() <= 1
    np.testing.assert_allclose(box.unscale(box.scale(points)), points, rtol=1e-14)
    np.testing.assert_allclose(box.scale([box.low, box.high]), [[-1] * 3, [1] * 3], rtol=1e-14)


def test_a_latin_hypercube_visits_every_slice_once(box):
    slices = np.floor((box.scale(box.latin_hypercube(20, seed=2)) + 1) * 10)
    assert (np.sort(slices, axis=0) == np.arange(20)[:, None]).all()


def test_designs_are_reproducible(box):
    assert (box.sobol(64, seed=5) == box.sobol(64, seed=5)).all()
    assert (box.sobol(64, seed=5) != box.sobol(64, seed=6)).any()
    assert len(box.sobol(1, seed=0)) == 1


@pytest.mark.parametrize("count", [0, -4, 3, 100])
def test_sobol_says_which_numbers_it_takes(box, count):
    with pytest.raises(ValueError, match=r"2\^k points: \d+ or \d+"):
        box.sobol(count, seed=0)


def test_a_point_outside_is_named(box):
    with pytest.raises(ValueError, match=r"bLund = 2 is outside the box, 0.2 to 1.8: .* larger box"):
        box.scale([[0.12, 1.0, 0.3], [0.12, 2.0, 0.3]])
    with pytest.raises(ValueError, match="outside"):
        box.scale([0.12, np.nan, 0.3])
    with pytest.raises(ValueError, match="last axis must be the 3 parameters"):
        box.scale([0.12, 1.0])


@pytest.mark.parametrize(
    ("names", "low", "high", "message"),
    [
        (["a", "a"], [0, 0], [1, 1], "different names"),
        ([], [], [], "different names"),
        (["a", "b"], [0], [1], "2 names"),
        (["a"], [1], [1], "below the high end"),
        (["a"], [0], [np.inf], "finite"),
    ],
)
def test_bad_boxes_are_refused(names, low, high, message):
    with pytest.raises(ValueError, match=message):
        Box(names, low, high)


def test_unknown_names_come_with_the_known_ones(box):
    with pytest.raises(KeyError, match="alphaS, bLund, sigma"):
        box.index("alphas")
    with pytest.raises(KeyError, match="each of"):
        box.point({"alphaS": 0.1})
