"""Pseudo-experiments: does chi2 follow its distribution, and do the intervals cover the truth?

Nature is the surrogate of the real grid, at a stated truth.  Every repetition redraws the data, with their
published errors, and the whole grid, with Monte Carlo noise of ``noise`` times these errors and the bins'
correlation; fits surrogates to that grid; and tunes, without and with the surrogates' covariance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lblhep.surrogates import Chi2, Grid, Polynomials, fit_polynomials, tune
from lblhep.tasks import Bench, Failure, Row
from lblhep.trials import Trial

Floats = NDArray[np.float64]
FORMS = ("plain", "covariance")
NEARBY = 0.02  # of the box, between the truth and the starts of a tune


class PseudoExperiments:
    """``repetitions`` pseudo-experiments at one ``noise``, cubic surrogates, nature at ``truth``.

    ``batch`` numbers trials of the same kind: it does nothing but draw other events.
    """

    batches_over: tuple[str, ...] = ()
    random_arguments = ("noise", "batch")

    def __init__(
        self, *, noise: float, repetitions: int, truth: Mapping[str, float], order: int = 3, batch: int = 0
    ) -> None:
        if not noise > 0:
            raise ValueError(f"noise={noise} must be positive: it is the Monte Carlo error over the data's")
        self.noise = noise
        self.repetitions = repetitions
        self.truth = dict(truth)
        self.order = order

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """One row a trial.  Saved as ``pseudo``: chi2 (n, 2), pulls and rises (n, 2, d), ndf."""
        return [self._repeat(trial, bench) for trial in trials]

    def _repeat(self, trial: Trial, bench: Bench) -> Row:
        measured = bench.dataset(trial, "measured")
        real = bench.dataset(trial, "grid").of(measured)
        nature = Nature.of(fit_polynomials(real, self.order), measured.bins["error"], self.noise)
        truth, rng = real.box.point(self.truth), bench.generator(trial, "task")
        judged = [
            [judge(objective, truth) for objective in nature.objectives(truth, rng)]
            for _ in range(self.repetitions)
        ]
        chi2, pulls, rises = (np.array([[form[i] for form in one] for one in judged]) for i in range(3))
        ndf = len(measured.bins) - len(truth)
        arrays = {"chi2": chi2, "pulls": pulls, "rises": rises, "ndf": np.array(ndf)}
        bench.save(trial, "pseudo", arrays)
        mean = chi2.mean(axis=0) / ndf
        return Row(trial.id, {f"chi2_ndf_{form}": float(m) for form, m in zip(FORMS, mean, strict=True)})


@dataclass(frozen=True)
class Nature:
    """True bins as functions of the parameters, the data's ``errors`` (B,), and the fit to a noisy grid."""

    surrogates: Polynomials
    errors: Floats
    fitted: Polynomials  # to the true grid, with the noise as its Monte Carlo errors
    root: Floats  # (B, B): root @ root.T is the correlation of a point's bins

    @classmethod
    def of(cls, surrogates: Polynomials, errors: pd.Series, noise: float) -> Nature:
        """Nature as ``surrogates`` of the real grid show it."""
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

    def objectives(self, truth: Floats, rng: np.random.Generator) -> tuple[Chi2, Chi2]:
        """One pseudo-experiment: its chi2 without and with the surrogates' covariance."""
        data = self.surrogates.values(truth) + self.errors * rng.standard_normal(len(self.errors))
        grid = self.fitted.fitted_grid
        noisy = grid.values + grid.errors * (rng.standard_normal(grid.values.shape) @ self.root.T)
        fitted = self.fitted.refit(noisy)
        return (
            Chi2(fitted, data, errors=self.errors),
            Chi2(fitted, data, errors=self.errors, fit_covariance=True, log_det=True),
        )


def judge(objective: Chi2, truth: Floats) -> tuple[float, Floats, Floats]:
    """chi2 at the minimum (without ln det Sigma); pulls (d,) by the Hessian; rises (d,) of the profile.

    A pull is (value - truth) / error; a rise is the objective, minimised with one parameter held at the
    truth, less its minimum: the profile interval of 68 % covers the truth where it is below 1.
    """
    box = objective.box
    starts = truth + NEARBY * np.array([[0.0], [1.0]]) * (box.low - truth)
    best = tune(objective, starts=starts)
    rises = [
        tune(
            objective, starts=np.where(np.arange(len(truth)) == j, truth, best.values), fixed={name: truth[j]}
        )
        for j, name in enumerate(box.names)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = (best.values - truth) / np.where(best.inside, best.errors, np.nan)
    return best.chi2, pulls, np.array([held.minimum - best.minimum for held in rises])
