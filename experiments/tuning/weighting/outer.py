"""The outer objectives of bilevel optimisation say how good a tune is, whatever weights led to it.

Bilevel optimisation (arXiv:2103.05751) looks for one weight for each observable,

    min_w  g(p(w)),     p(w) = argmin_p sum_O w_O sum_{b in O} (f_b(p) - R_b)^2 / Delta R_b^2,

in which the tune is the inner problem and g, which no weight enters, the outer objective.  With
z_b^2 = (f_b - R_b)^2 / Delta R_b^2 and e_O the mean of z_b^2 over the bins of O,

    portfolio      mean_O e_O + mean_O (e_O - mean e)^2      a low error, and spread evenly: return and risk
    mean score     mean_O mean_{b in O} z_b^2
    median score   mean_O median_{b in O} z_b^2              a minority of hopeless bins does not count

The score is that of Dawid and Sebastiani, z^2 + ln variance (Gneiting and Raftery, J. Am. Stat. Assoc. 102
(2007) 359), without its logarithm: of the data's variance that is a constant, which would make the median
depend on units.  That the variance enters the portfolio with the factor 1, and that scores are taken over
bins and then added over observables, follows a public implementation for apprentice's objective; the text
of the paper was not at hand.

The surrogates at p carry the noise of the grid, with covariance N_bc in units of the data's errors, more at
the edge of the box than in its middle.  That implementation adds it to the portfolio's denominators, which
rewards noise: with 50,000 events a point the search ended at the edge.  To leave it alone punishes noise.
Here its mean is taken off, so that the objectives are those of a grid of infinitely many events:

    z_b^2                  is (f_b - R_b)^2 / Delta R_b^2 - N_bb: so are its means e_O, and the mean score
    mean_O (e_O - mean e)^2  is less tr C / n - sum C / n^2, over n observables with C = cov(e_O, e_O')
    cov(z_b^2, z_c^2)      is 4 r_b r_c N_bc - 2 N_bc^2, r the residual in units of the data's error

The portfolio and the mean score have no bias at a stated point then, and can be negative; at the best of
hundreds of points, chosen on the same grid, they flatter themselves.  The median of the corrected z_b^2 keeps
a bias of second order: noise spreads the bins about their median.

What to expect: the mean score is least at w_O = 1 / (bins of O), for then inner and outer function are the
same.  No outer objective forgives an observable that is described badly: the scores count it like the
others, and the portfolio pulls towards it, because it makes the spread.  To lose a whole observable use a
filter or robust optimisation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lblhep.annotations import Floats
from lblhep.surrogates import Surrogate

TABLE = ["experiment", "table"]  # an observable is a table of an experiment


def outer_objectives(bins: pd.DataFrame, surrogates: Surrogate, point: ArrayLike) -> dict[str, float]:
    """Return ``portfolio``, ``mean_score`` and ``median_score`` of a tune that ended at ``point`` (d,)."""
    error = bins["error"].to_numpy()
    residuals = (surrogates.values(point) - bins["value"].to_numpy()) / error
    noise = surrogates.covariance(point) / np.outer(error, error)
    observables = bins[TABLE].assign(z2=residuals**2 - np.diag(noise)).groupby(TABLE, sort=False)["z2"]
    errors = observables.mean()
    spread = errors.var(ddof=0) - _spread_of_noise(observables.ngroup().to_numpy(), residuals, noise)
    return {
        "portfolio": float(errors.mean() + spread),
        "mean_score": float(errors.mean()),
        "median_score": float(observables.median().mean()),
    }


def _spread_of_noise(owner: NDArray[np.intp], residuals: Floats, noise: Floats) -> float:
    """Return what ``noise`` (B, B) adds on average to the spread of e_O; ``owner`` (B,) is the observable."""
    mean = np.eye(owner.max() + 1)[:, owner]  # (O, B)
    mean /= mean.sum(axis=1, keepdims=True)
    of_bins = (4 * np.outer(residuals, residuals) - 2 * noise) * noise
    of_observables = mean @ of_bins @ mean.T
    n = len(of_observables)
    return float(np.trace(of_observables) / n - of_observables.sum() / n**2)
