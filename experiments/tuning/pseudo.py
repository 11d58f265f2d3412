"""Pseudo-data have known true parameters: they are drawn from the surrogates, or made by Pythia.

In a pseudo-experiment (``Nature``) the surrogates of the real grid are the truth.  Each draws the data, with
their published errors, and the whole grid, with Monte Carlo noise and the bins' correlation, and fits
surrogates to that grid: chi2 should follow its distribution, and intervals should cover the truth
(``compare``).

Pseudo-data that surrogates make cannot show what surrogates get wrong.  In a closure they are new events of
Pythia at a point drawn at random (``PseudoData``), and the tune has to find it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.tuning.datasets import Prediction
from experiments.tuning.forms import FORMS
from lblhep.annotations import Floats, Mask
from lblhep.surrogates import Chi2, Grid, Polynomials, fit_polynomials, tune
from lblhep.surrogates.descent import descend


@dataclass(frozen=True)
class Nature:
    """Nature has true bins as functions of the parameters, the data's ``errors`` (B,), and a fit to noise.

    ``fitted`` is the fit to the true grid, with the noise as its Monte Carlo errors.  ``root`` (B, B) is a
    square root of the correlation of a point's bins: ``root @ root.T``.
    """

    surrogates: Polynomials
    errors: Floats
    fitted: Polynomials
    root: Floats

    @classmethod
    def of(cls, surrogates: Polynomials, errors: pd.Series, noise: float) -> Nature:
        """Take ``surrogates`` of the real grid for the truth.

        The Monte Carlo error of every bin of a grid point is ``noise`` times the data's error.
        """
        real, sigma = surrogates.fitted_grid, errors.to_numpy()
        grid = Grid(
            real.box,
            real.points,
            surrogates.values(real.points),
            errors=np.tile(noise * sigma, (len(real), 1)),
            correlation=real.correlation,
        )
        # The stored correlation is rounded: eigenvalues a little below zero count as zero.
        value, vector = np.linalg.eigh(surrogates.correlation)
        root = vector * np.sqrt(np.maximum(value, 0.0))
        return cls(surrogates, sigma, fit_polynomials(grid, surrogates.monomials.order), root)

    def objectives(self, truth: Floats, rng: np.random.Generator) -> dict[str, Chi2]:
        """Draw one pseudo-experiment at ``truth`` (d,), and return its chi2 in each form."""
        data = self.surrogates.values(truth) + self.errors * rng.standard_normal(len(self.errors))
        grid = self.fitted.fitted_grid
        noisy = grid.values + grid.errors * (rng.standard_normal(grid.values.shape) @ self.root.T)
        fitted = self.fitted.refit(noisy)
        return {form: Chi2(fitted, data, errors=self.errors, **given) for form, given in FORMS.items()}


@dataclass(frozen=True)
class Comparison:
    """A comparison holds a tune beside the truth.

    ``chi2`` is that of the minimum, without ln det Sigma.  ``pulls`` (d,) are (value - truth) / error, and
    ``hessian_pulls`` (d,) the same with the Hessian's errors; both are NaN at a bound.  ``rises`` (d,): the
    68 % profile interval of a parameter covers the truth where its rise is below 1.
    """

    chi2: float
    pulls: Floats
    hessian_pulls: Floats
    rises: Floats


def compare(objective: Chi2, truth: Floats, starts: int) -> Comparison:
    """Tune from ``starts`` points all over the box, and compare the lowest minimum with the truth (d,).

    A rise is the objective, minimised with one parameter held at the truth, less its minimum, in units of the
    rise that bounds the interval (``lblhep.surrogates.intervals``).
    """
    box = objective.box
    best = tune(objective, starts=starts)
    held = np.eye(len(truth), dtype=np.bool_)
    refitted = descend(objective, np.where(held, truth, best.values), box.low, box.high, ~held).values
    errors, by_hessian = (
        np.sqrt(np.where(best.inside, np.diag(matrix), np.nan))
        for matrix in (best.covariance, best.hessian_covariance)
    )
    pulls, hessian_pulls = (best.values - truth) / errors, (best.values - truth) / by_hessian
    stretch = np.where(best.inside, (errors / by_hessian) ** 2, 1.0)
    return Comparison(best.chi2, pulls, hessian_pulls, (refitted - best.minimum) / stretch)


@dataclass(frozen=True)
class PseudoData:
    """Pseudo-data are the bins ``made`` that Pythia gave in ``events`` events at ``truth`` (d,)."""

    truth: Floats
    events: int
    made: Prediction


def last_of_table(bins: pd.DataFrame) -> Mask:
    """Return the last bin of each table of several bins, (B,): their sum is fixed, so it says nothing new."""
    table = bins["experiment"] + bins["table"]
    several = table.map(table.value_counts()) > 1
    return np.asarray(several & ~table.duplicated(keep="last"))
