"""Two filters find the bins that the generator can describe; each gives a mask (B,) of the bins to keep.

arXiv:2103.05751 sets aside, before its tune, what the generator cannot describe; the details here are our
own.  Both filters look at the data that are then fitted, and what they leave agrees too well: the chi2 of
filtered bins does not follow the chi2 distribution, so neither a p-value nor an interval of delta chi2 = 1
can be read from it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2 as chi2_distribution

from experiments.tuning.weighting.outer import TABLE
from lblhep.annotations import Floats, Mask
from lblhep.surrogates import Chi2, Grid, Surrogate
from lblhep.surrogates.descent import descend

N_STARTS = 20
MIN_FREEDOM = 1e-6  # degrees of freedom below which a run of bins can be fitted exactly
MIN_SINGULAR_VALUE_RATIO = 1e-8  # of the largest singular value


def within_envelope(bins: pd.DataFrame, grid: Grid, *, allowance: float = 1.0) -> Mask:
    """Keep the bins whose value lies between the smallest and the largest of the grid, or near them.

    Near means within ``allowance`` times the errors of data and grid point in quadrature.  A bin that
    fluctuated outwards is lost and one that fluctuated inwards stays, so this biases chi2 downwards, the
    more the less the generator's parameters move the bin.
    """
    value, error = bins["value"].to_numpy(), bins["error"].to_numpy()
    mc_error = np.zeros(grid.values.shape) if grid.errors is None else grid.errors
    reach = allowance * np.hypot(error, mc_error)
    return np.asarray(
        ((grid.values - reach).min(axis=0) <= value) & (value <= (grid.values + reach).max(axis=0))
    )


def longest_runs(bins: pd.DataFrame, surrogates: Surrogate, *, level: float = 0.05) -> Mask:
    """Keep in each table the longest run of neighbouring bins that the table's own best fit describes.

    A table is fitted alone, to all its bins.  A run is acceptable if the probability of a chi2 at least as
    large as its own, in that fit, is at least ``level``; among equally long runs the most probable one is
    kept.  So a table that the generator describes is cut with probability ``level`` (and a table may be lost
    altogether).  Errors are those of the data and of the surrogates, without their correlation.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} is a probability")
    kept = np.zeros(len(bins), dtype=np.bool_)
    place = bins[TABLE].assign(x_low=bins["x_low"].to_numpy(), row=np.arange(len(bins)))
    for _, part in place.sort_values("x_low").groupby(TABLE, sort=False):
        rows = part["row"].to_numpy()
        pulls, residual_maker = _alone(bins.iloc[rows], surrogates.only(rows))
        kept[rows[_longest(run_probabilities(pulls, residual_maker), level)]] = True
    return kept


def run_probabilities(pulls: Floats, residual_maker: Floats) -> Floats:
    """Return the probability of a chi2 at least as large for each run of bins, (n, n), else NaN.

    The indices are the run's first and last bin.

    ``pulls`` (n,) = (fit - data) / error are M e with M (n, n) the ``residual_maker`` and e normal.  The
    chi2 of a run is a sum of chi2 variables with the eigenvalues of M's block as weights; it is taken as c
    chi2(nu) with the same mean and variance (Satterthwaite), which is exact for the whole table, where nu =
    bins - parameters.
    """
    n = len(pulls)
    total = np.append(0, np.cumsum(pulls**2))
    mean = np.append(0, np.cumsum(np.diag(residual_maker)))
    squares = np.zeros((n + 1, n + 1))
    squares[1:, 1:] = (residual_maker**2).cumsum(axis=0).cumsum(axis=1)
    first, last = np.triu_indices(n)
    end = last + 1
    trace = mean[end] - mean[first]
    block = squares[end, end] - squares[first, end] - squares[end, first] + squares[first, first]
    free = trace > MIN_FREEDOM
    c, nu = np.ones(len(trace)), np.ones(len(trace))
    c[free], nu[free] = block[free] / trace[free], trace[free] ** 2 / block[free]
    probability = np.full((n, n), np.nan)
    probability[first, last] = np.where(free, chi2_distribution.sf((total[end] - total[first]) / c, nu), 1.0)
    return probability


def _longest(probability: Floats, level: float) -> slice:
    """Return the longest run that reaches the level, the most probable of them; it can be empty."""
    for length in range(len(probability), 0, -1):
        of_length = np.diagonal(probability, length - 1)
        if of_length.max() >= level:
            start = int(of_length.argmax())
            return slice(start, start + length)
    return slice(0, 0)


def _fit_variance(surrogates: Surrogate, point: Floats) -> Floats:
    """Return the variance (B,) of the surrogates at a point (d,); 0 where the grid came without errors."""
    if surrogates.grid is None or surrogates.grid.errors is None:
        return np.zeros(surrogates.bins)
    return surrogates.variance(point)


def _alone(bins: pd.DataFrame, surrogates: Surrogate) -> tuple[Floats, Floats]:
    """Return pulls (n,) at the best fit of these bins alone, and M (n, n) of ``run_probabilities``.

    M = 1 - U U^T, where U spans what the parameters inside their bounds can change; a parameter at its bound
    changes nothing.  The first fit, with the data's errors, says where the surrogates' are to be taken.
    """
    box = surrogates.box
    value, data_error = bins["value"].to_numpy(), bins["error"].to_numpy()
    points, error = box.latin_hypercube(N_STARTS, 0), data_error
    for _ in range(2):
        objective = Chi2(surrogates, value, errors=error)
        minima = descend(objective, points, box.low, box.high, np.ones(len(box), dtype=np.bool_))
        best = minima.points[np.nanargmin(minima.values)]
        points, error = best[None], np.sqrt(data_error**2 + _fit_variance(surrogates, best))
    inside = (best > box.low) & (best < box.high)
    slopes = (surrogates.gradients(best) * box.half_width)[:, inside] / error[:, None]
    span, size, _ = np.linalg.svd(slopes, full_matrices=False)
    span = span[:, size > MIN_SINGULAR_VALUE_RATIO * size.max(initial=np.finfo(float).tiny)]
    return (surrogates.values(best) - value) / error, np.eye(len(bins)) - span @ span.T
