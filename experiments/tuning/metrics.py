"""How well a prediction describes the measured bins, and whether one does better than another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import kstest

from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import FORMS
from lblhep.surrogates import ONE_SIGMA, Surrogate, Tune, grid_noise

Floats = NDArray[np.float64]


def chi2_terms(bins: pd.DataFrame, prediction: Prediction) -> Floats:
    """(MC - data)^2 / (data error^2 + MC error^2) of each bin, (B,)."""
    variance = bins["error"].to_numpy() ** 2 + prediction.errors**2
    return np.asarray((prediction.values - bins["value"].to_numpy()) ** 2 / variance)


def difference(bins: pd.DataFrame, first: Prediction, second: Prediction) -> tuple[float, float]:
    """chi2 of ``first`` less that of ``second`` and its Monte Carlo error, from both samples' covariances.

    The error is linear: d chi2 / d MC_b = 2 (MC_b - data_b) / variance_b; the samples are independent.
    """
    total, variance = 0.0, 0.0
    for sign, prediction in ((1, first), (-1, second)):
        size = bins["error"].to_numpy() ** 2 + prediction.errors**2
        slope = 2 * (prediction.values - bins["value"].to_numpy()) / size * prediction.errors
        total += sign * float(chi2_terms(bins, prediction).sum())
        variance += float(slope @ prediction.correlation @ slope)
    return total, float(np.sqrt(variance))


def grid_error(bins: pd.DataFrame, prediction: Prediction, surrogates: Surrogate, tuned: Tune) -> float:
    """How much chi2 of ``prediction`` varies over grids that differ by their events alone.

    Linear: chi2's slope there, by the surrogates of these bins, times the noise of the point.  NaN for a tune
    with the surrogates' covariance.
    """
    if not tuned.objective.sigma.constant:
        return float("nan")
    variance = bins["error"].to_numpy() ** 2 + prediction.errors**2
    slope = 2 * (prediction.values - bins["value"].to_numpy()) / variance @ surrogates.gradients(tuned.values)
    noise = grid_noise(tuned.objective, tuned.values, tuned.hessian_covariance)
    return float(np.sqrt(slope @ noise @ slope))


class Coverage:
    """What the pseudo-experiments of one noise say, for each form of chi2 (``forms``).

    ``chi2_ndf`` and its standard error; ``ks_p`` against the chi2 distribution; shares of truths within the
    68 % intervals by the Hessian, by ``Tune.errors`` and by profile, averaged over parameters, and for each
    parameter as arrays; ``bias``: the mean pull of the parameter that has the largest.  ``joint``: the share
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
            values, mean_pull = chi2[:, i], np.nanmean(every["pulls"][:, i], axis=0)
            result |= {
                f"chi2_ndf_{form}": float(values.mean() / ndf),
                f"chi2_ndf_error_{form}": float(values.std(ddof=1) / np.sqrt(len(values)) / ndf),
                f"ks_p_{form}": float(kstest(values, chi2_distribution(ndf).cdf).pvalue),
                f"hessian_{form}": float(hessian.mean()),
                f"errors_{form}": float(errors.mean()),
                f"profile_{form}": float(profile.mean()),
                f"bias_{form}": float(mean_pull[abs(mean_pull).argmax()]),
                f"at_bound_{form}": float(np.isnan(every["pulls"][:, i]).mean()),
                f"hessian_by_parameter_{form}": hessian,
                f"errors_by_parameter_{form}": errors,
                f"profile_by_parameter_{form}": profile,
            }
        return result | {"chi2": chi2, "ndf": float(ndf)}
