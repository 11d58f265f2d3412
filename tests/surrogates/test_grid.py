from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Grid


def test_parts_of_a_grid_keep_their_errors_and_correlation(grid):
    part = grid.at([3, 1]).only([5, 2, 7])
    np.testing.assert_array_equal(part.values, grid.values[np.ix_([3, 1], [5, 2, 7])])
    np.testing.assert_array_equal(part.errors, grid.errors[np.ix_([3, 1], [5, 2, 7])])
    np.testing.assert_array_equal(part.correlation, grid.correlation[np.ix_([5, 2, 7], [5, 2, 7])])
    np.testing.assert_array_equal(grid.only(np.arange(24) < 3).values, grid.values[:, :3])


def test_bins_whose_errors_are_in_proportion_share_weights(grid):
    shape = grid.errors[:, :1]
    common = Grid(grid.box, grid.points, grid.values, errors=shape * np.linspace(1, 9, grid.bins))
    assert common.weights().shape == (64, 1)
    assert grid.weights().shape == (64, 24)
    assert Grid(grid.box, grid.points, grid.values, errors=shape).errors.shape == (64, 24)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.zeros((63, 24))}, r"expected \(points, parameters\) and \(points, bins\)"),
        ({"values": np.where(np.eye(64, 24) > 0, np.nan, 1.0)}, "bin 0 at point 0 is not finite"),
        ({"points": np.zeros((64, 2))}, "the 3 parameters"),
        ({"points": np.zeros((64, 3))}, "outside the box"),
        ({"errors": np.ones((64, 5))}, "or one column"),
        ({"errors": np.zeros((64, 1))}, "needs a floor, such as the error of one event"),
        ({"correlation": np.eye(5)}, r"expected \(24, 24\)"),
        ({"correlation": 2 * np.eye(24)}, "1 on its diagonal"),
    ],
)
def test_bad_grids_are_refused(grid, change, message):
    given = {"points": grid.points, "values": grid.values, "errors": grid.errors} | change
    with pytest.raises(ValueError, match=message):
        Grid(grid.box, **given)
