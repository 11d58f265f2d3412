"""Pseudo-experiments: does chi2 follow its distribution, and do the intervals cover the truth?

Nature is the surrogate of the real grid, at a stated truth.  Every repetition redraws the data, with their
published errors, and the whole grid, with Monte Carlo noise of ``noise`` times these errors and the bins'
correlation; fits surrogates to that grid; and tunes, once with each form of chi2 (``forms``).

Fits start where a tune to real data starts (``tasks.TuneTo``): all over the box, without a look at the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.tuning.forms import FORMS
from lblhep.annotations import Floats
from lblhep.surrogates import Chi2, Grid, Polynomials, fit_polynomials, score, tune
from lblhep.surrogates.descent import descend
from lblhep.tasks import Bench, Failure, Row
from lblhep.trials import Trial


class PseudoExperiments:
    """``repetitions`` pseudo-experiments at one ``noise``, cubic surrogates, nature at ``truth``.

    Every tune has as many ``starts`` as ``TuneTo``'s default.  ``batch`` numbers trials of the same kind: it
    does nothing but draw other events.
    """

    batches_over: tuple[str, ...] = ()
    random_arguments = ("noise", "batch")

    def __init__(
        self,
        *,
        noise: float,
        repetitions: int,
        truth: Mapping[str, float],
        order: int = 3,
        starts: int = 20,
        batch: int = 0,
    ) -> None:
        if not noise > 0:
            raise ValueError(f"noise={noise} must be positive: it is the Monte Carlo error over the data's")
        self.noise = noise
        self.repetitions = repetitions
        self.truth = dict(truth)
        self.order = order
        self.starts = starts

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """One row a trial.  Saved as ``pseudo``: ``Judged``'s numbers, (n, forms, ...), score (n,), ndf."""
        return [self._repeat(trial, bench) for trial in trials]

    def _repeat(self, trial: Trial, bench: Bench) -> Row:
        measured = bench.dataset(trial, "measured")
        real = bench.dataset(trial, "grid").of(measured)
        nature = Nature.of(fit_polynomials(real, self.order), measured.bins["error"], self.noise)
        truth, rng = real.box.point(self.truth), bench.generator(trial, "task")
        judged: list[list[Judged]] = []
        statistics = []
        for _ in range(self.repetitions):
            objectives = nature.objectives(truth, rng)
            judged.append([judge(objective, truth, self.starts) for objective in objectives.values()])
            statistics.append(score(objectives["covariance"], truth).statistic)
        arrays = {
            name: np.array([[getattr(form, name) for form in one] for one in judged])
            for name in ("chi2", "pulls", "hessian_pulls", "rises")
        }
        ndf = len(measured.bins) - len(truth)
        bench.save(trial, "pseudo", arrays | {"score": np.array(statistics), "ndf": np.array(ndf)})
        mean = arrays["chi2"].mean(axis=0) / ndf
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

    def objectives(self, truth: Floats, rng: np.random.Generator) -> dict[str, Chi2]:
        """One pseudo-experiment: its chi2 in each form."""
        data = self.surrogates.values(truth) + self.errors * rng.standard_normal(len(self.errors))
        grid = self.fitted.fitted_grid
        noisy = grid.values + grid.errors * (rng.standard_normal(grid.values.shape) @ self.root.T)
        fitted = self.fitted.refit(noisy)
        return {form: Chi2(fitted, data, errors=self.errors, **given) for form, given in FORMS.items()}


@dataclass(frozen=True)
class Judged:
    """One tune against the truth.

    ``chi2`` at its minimum (without ln det Sigma); ``pulls`` (d,), (value - truth) / error, and the same with
    the Hessian's errors, NaN at a bound; ``rises`` (d,): the 68 % profile interval covers where it is below
    1.
    """

    chi2: float
    pulls: Floats
    hessian_pulls: Floats
    rises: Floats


def judge(objective: Chi2, truth: Floats, starts: int) -> Judged:
    """Tune from ``starts`` points all over the box, and compare the lowest minimum with the truth.

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
    return Judged(best.chi2, pulls, hessian_pulls, (refitted - best.minimum) / stretch)
