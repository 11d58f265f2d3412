"""Measure how well a prediction describes the measured bins, and whether one does better than another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import kstest

from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import CLOSURE_FORMS, FORMS
from lblhep.annotations import Floats
from lblhep.surrogates import ONE_SIGMA, Rationals, Surrogate, Tune, grid_noise

POLE_SAMPLE = 2**14  # points at which denominators are looked at


def chi2_terms(bins: pd.DataFrame, values: Floats, variance: Floats) -> Floats:
    """Return ((MC - data)^2 - MC variance) / data error^2 of each bin, (B,), which can be negative.

    Its mean over Monte Carlo samples is that of infinitely many events, so that samples of different size,
    runs or surrogates, can be compared.
    """
    difference = values - bins["value"].to_numpy()
    return np.asarray((difference**2 - variance) / bins["error"].to_numpy() ** 2)


def chi2_variance(bins: pd.DataFrame, prediction: Prediction) -> float:
    """Return the variance of the sum of ``chi2_terms`` over Monte Carlo samples of the prediction's size.

    With the residuals r of MC less data and their Monte Carlo covariance V in units of the data's errors, and
    rho the mean of r, the variance of r^T r is 4 rho^T V rho + 2 tr V^2.  r^T V r is larger than rho^T V rho
    by tr V^2 on average, and rho^T V rho cannot be negative.
    """
    error = bins["error"].to_numpy()
    r = (prediction.values - bins["value"].to_numpy()) / error
    noise = prediction.covariance / np.outer(error, error)
    squared = float((noise**2).sum())
    return 4 * max(float(r @ noise @ r) - squared, 0.0) + 2 * squared


def difference(bins: pd.DataFrame, first: Prediction, second: Prediction) -> tuple[float, float]:
    """Return chi2 of ``first`` less that of ``second``, and its error from the Monte Carlo of both samples.

    The samples are independent.
    """
    chi2 = [float(chi2_terms(bins, each.values, each.errors**2).sum()) for each in (first, second)]
    variance = chi2_variance(bins, first) + chi2_variance(bins, second)
    return chi2[0] - chi2[1], float(np.sqrt(variance))


def grid_error(bins: pd.DataFrame, prediction: Prediction, surrogates: Surrogate, tuned: Tune) -> float:
    """Return how much chi2 of ``prediction`` varies over grids that differ by their events alone.

    Args:
        bins: the measured bins (B rows), with ``value`` and ``error``.
        prediction: Pythia's bins at the tuned point.
        surrogates: the surrogates of these bins.
        tuned: the tune, which may be to other bins.

    Returns:
        The standard deviation of chi2; NaN for a tune with the surrogates' covariance.

    Linear: chi2's slope there, by the surrogates of these bins, times the noise of the point, at fixed
    weights: weightings that look at the surrogates would choose others on another grid, which is left out.
    """
    if not tuned.objective.sigma.constant:
        return float("nan")
    residuals = (prediction.values - bins["value"].to_numpy()) / bins["error"].to_numpy() ** 2
    slope = 2 * residuals @ surrogates.gradients(tuned.values)
    noise = grid_noise(tuned.objective, tuned.values, tuned.hessian_covariance)
    return float(np.sqrt(slope @ noise @ slope))


def poles(fit: Surrogate) -> int:
    """Count the bins whose denominator is not proven positive, or not positive at a sample or a corner.

    The sample has nothing to do with the proof in the fit.  A polynomial has no poles.
    """
    if not isinstance(fit, Rationals):
        return 0
    box = fit.box
    corners = box.unscale(2.0 * np.array(list(np.ndindex(*(2,) * len(box)))) - 1)
    points = np.concatenate([box.sobol(POLE_SAMPLE, seed=0), corners])
    positive = (fit.denominator.values(points) > 0).all(axis=0)
    return int((~(positive & fit.pole_free())).sum())


class Coverage:
    """Combine the pseudo-experiments of one noise, for each form of chi2 (``forms``).

    ``chi2_ndf`` and its standard error; ``ks_p`` against the chi2 distribution; shares of truths within the
    68 % intervals by the Hessian, by ``Tune.errors`` and by profile, averaged over parameters, and for each
    parameter as arrays; ``worst``: of the parameters' shares by ``Tune.errors`` and by profile the one
    furthest from 68 %; ``bias``: the mean pull of the parameter that has the largest.  ``joint``: the share
    of truths in the 68 % region that the score statistic allows, all parameters together.
    """

    def __call__(self, rows: pd.DataFrame, arrays: Any) -> Mapping[str, float | Floats]:
        saved = [arrays[trial, "pseudo"] for trial in rows["trial"]]
        every = {
            name: np.concatenate([s[name] for s in saved])
            for name in ("chi2", "pulls", "hessian_pulls", "rises", "score")
        }
        ndf, d = int(saved[0]["ndf"]), every["pulls"].shape[2]
        chi2 = every["chi2"]
        result: dict[str, float | Floats] = {
            "pseudo_experiments": float(len(chi2)),
            "joint": float((every["score"] < chi2_distribution.ppf(ONE_SIGMA, d)).mean()),
        }
        for i, form in enumerate(FORMS):
            # A parameter at a bound has no interval of these two kinds, so it is not covered by one.
            hessian = (abs(every["hessian_pulls"][:, i]) < 1).mean(axis=0)
            errors = (abs(every["pulls"][:, i]) < 1).mean(axis=0)
            profile = (every["rises"][:, i] < 1).mean(axis=0)
            reported = np.concatenate([errors, profile])
            values, mean_pull = chi2[:, i], np.nanmean(every["pulls"][:, i], axis=0)
            result |= {
                f"chi2_ndf_{form}": float(values.mean() / ndf),
                f"chi2_ndf_error_{form}": float(values.std(ddof=1) / np.sqrt(len(values)) / ndf),
                f"ks_p_{form}": float(kstest(values, chi2_distribution(ndf).cdf).pvalue),
                f"hessian_{form}": float(hessian.mean()),
                f"errors_{form}": float(errors.mean()),
                f"profile_{form}": float(profile.mean()),
                f"worst_{form}": float(reported[abs(reported - ONE_SIGMA).argmax()]),
                f"bias_{form}": float(mean_pull[abs(mean_pull).argmax()]),
                f"at_bound_{form}": float(np.isnan(every["pulls"][:, i]).mean()),
                f"hessian_by_parameter_{form}": hessian,
                f"errors_by_parameter_{form}": errors,
                f"profile_by_parameter_{form}": profile,
            }
        return result | {"chi2": chi2, "ndf": float(ndf)}


class PullsOfSets:
    """Combine all sets of pseudo-data: for each form, mean and width of the pulls of all parameters together.

    ``at_bound`` is the share of parameters without an error, which have no pull.
    """

    def __call__(self, rows: pd.DataFrame, arrays: Any) -> Mapping[str, float | Floats]:
        pulls = np.stack([arrays[trial, "closure"]["pulls"] for trial in rows["trial"]])  # (n, forms, d)
        result: dict[str, float | Floats] = {"sets": float(len(pulls)), "pulls": pulls}
        for i, form in enumerate(CLOSURE_FORMS):
            result |= {
                f"mean_{form}": float(np.nanmean(pulls[:, i])),
                f"width_{form}": float(np.nanstd(pulls[:, i])),
                f"at_bound_{form}": float(np.isnan(pulls[:, i]).mean()),
                f"chi2_ndf_{form}": float(rows[f"chi2_ndf_{form}"].mean()),
                f"chi2_ndf_error_{form}": float(rows[f"chi2_ndf_{form}"].std() / np.sqrt(len(rows))),
            }
        return result
