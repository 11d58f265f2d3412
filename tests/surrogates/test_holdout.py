from __future__ import annotations

import numpy as np
import pytest

from lblhep.surrogates import Box, Grid, fit_polynomials, fit_rationals, hold_out


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("rows", [[5], [0, 17, 40]])
def test_the_closed_form_is_an_explicit_refit(grid, rows, shared):
    if shared:
        grid = Grid(grid.box, grid.points, grid.values)
    others = np.delete(np.arange(64), rows)
    refit = fit_polynomials(grid.at(others), 3).values(grid.points[rows])
    np.testing.assert_allclose(fit_polynomials(grid, 3).predict_left_out(rows), refit, atol=1e-10)


def test_rationals_are_fitted_again(grid):
    """The fit starts elsewhere, so the results are equal as far as the minimum is one."""
    rows, few = [3, 30], grid.only([0, 1, 2, 3])
    refit = fit_rationals(few.at(np.delete(np.arange(64), rows)), (2, 1)).values(grid.points[rows])
    left_out = fit_rationals(few, (2, 1)).predict_left_out(rows)
    np.testing.assert_allclose(left_out, refit, rtol=1e-3)


@pytest.mark.parametrize("folds", [None, 16])
def test_the_right_order_leaves_noise_and_a_low_order_more(grid, folds):
    """The data are cubics: 20 coefficients from 60 points leave the prediction much of the noise."""
    enough = hold_out(fit_polynomials(grid, 3), folds)
    assert 1.0 < np.median(enough.relative_rms) < 2
    assert np.median(hold_out(fit_polynomials(grid, 1), folds).relative_rms) > 2
    assert enough.residuals.shape == (64, 24)


def test_the_worst_bins_come_first(grid):
    values = grid.values.copy()
    values[:, 7] += np.sin(40 * grid.x[:, 0])
    spoilt = Grid(grid.box, grid.points, values, errors=grid.errors)
    result = hold_out(fit_polynomials(spoilt, 3))
    assert result.worst(3)[0] == (7, pytest.approx(result.relative_rms.max()))
    without = hold_out(fit_polynomials(Grid(grid.box, grid.points, values), 3))
    assert without.worst(1)[0] == (7, pytest.approx(without.rms[7]))
    with pytest.raises(ValueError, match="no Monte Carlo errors"):
        without.relative_rms  # noqa: B018


def test_impossible_folds_are_refused(grid):
    with pytest.raises(ValueError, match="take 2 to 64"):
        hold_out(fit_polynomials(grid, 2), 1)
    with pytest.raises(ValueError, match="more folds, more points or a lower order"):
        hold_out(fit_polynomials(grid, 4), 2)


def test_misfit_is_what_noise_does_not_explain(grid):
    """Cubics fitted to cubics have next to none, planes have what they leave of cubics."""
    right, wrong = hold_out(fit_polynomials(grid, 3)), hold_out(fit_polynomials(grid, 1))
    assert np.median(right.misfit / grid.errors.mean(axis=0) ** 2) < 0.3
    exact = Grid(grid.box, grid.points, fit_polynomials(grid, 3).values(grid.points))
    missed = (hold_out(fit_polynomials(exact, 1, weights=grid.weights())).residuals ** 2).mean(axis=0)
    large = missed > 2 * wrong.noise.mean(axis=0)
    assert large.sum() >= 8
    np.testing.assert_allclose(wrong.misfit[large], missed[large], rtol=0.5)
    with pytest.raises(ValueError, match="the grid has no errors"):
        hold_out(fit_polynomials(exact, 1)).misfit  # noqa: B018


@pytest.mark.parametrize(
    ("order", "in_the_box", "in_the_middle"), [(2, (1.1, 1.8), (2, 5)), (3, (1.3, 2.5), (4, 12))]
)
def test_misfit_bounds_that_of_a_smooth_function_from_above(order, in_the_box, in_the_middle):
    """Bins tanh(p . w) of four parameters at 64 points, with noise of a hundredth of the misfit.

    The ratio to the mean square of prediction less truth at 2,000 points, in the median of 100 bins, is known
    to 5 %; the ranges hold it for other directions w.
    """
    rng, box = np.random.default_rng(4), Box(list("abcd"), [-1] * 4, [1] * 4)
    directions, offsets = rng.normal(size=(100, 4)), rng.uniform(-1, 1, 100)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)

    def truth(points):
        return 5 + np.tanh(points @ directions.T + offsets)

    points, everywhere = box.sobol(64, 1), rng.uniform(-1, 1, (2000, 4))
    values = truth(points)
    error = 0.01 * hold_out(fit_polynomials(Grid(box, points, values), order)).rms.mean()
    noisy = values + error * rng.standard_normal(values.shape)
    fit = fit_polynomials(Grid(box, points, noisy, errors=np.full((64, 1), error)), order)
    for region, (low, high) in ((everywhere, in_the_box), (0.6 * everywhere, in_the_middle)):
        missed = ((fit.values(region) - truth(region)) ** 2).mean(axis=0)
        assert low < np.median(hold_out(fit).misfit / missed) < high


def test_misfit_of_nothing_but_noise_stays_below_the_noise(grid):
    """Cubics fitted to cubics with an eighth of the points left out at once: a part of the noise remains."""
    left_out = hold_out(fit_polynomials(grid, 3), 8)
    assert np.median(left_out.misfit / (grid.errors**2).mean(axis=0)) < 0.7


def test_noise_of_points_left_out_is_that_of_repeated_grids(grid):
    """2,000 grids of noise alone: each variance to 1 / sqrt(1000) = 3 %, the largest of 64 points to 15 %."""
    few = grid.only([0])
    rng = np.random.default_rng(3)
    noise = few.errors * rng.standard_normal((64, 2000))
    many = Grid(grid.box, grid.points, noise, errors=np.tile(few.errors, (1, 2000)))
    left_out = hold_out(fit_polynomials(many, 2))
    np.testing.assert_allclose((left_out.residuals**2).mean(axis=1), left_out.noise[:, 0], rtol=0.15)
