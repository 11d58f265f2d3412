"""Turn the scores of a window's networks into a local p-value: combine folds, cut, fit and count.

Nothing here that decides (which initialisation, where to cut, what the p-value is) reads a truth label.  The
entries named ``truth_...`` say what a simulation knows and an experiment does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from experiments.cwola.folds import event_hash
from experiments.cwola.spectrum import BINNING, Window, counts, fit_background
from lblhep.annotations import Floats
from lblhep.physics.excess import p_value, significance
from lblhep.physics.goodness import goodness_of_fit


class ValidationAuc:
    """Computes the area under the ROC curve, signal region against sidebands, on the validation fold: no
    truth label."""

    def __call__(self, label: Floats, score: Floats, weight: Floats) -> float:
        return float(roc_auc_score(label, score, sample_weight=weight))


@dataclass(frozen=True)
class FoldScores:
    """Holds the events of one test fold with the averaged output of the networks that never saw it."""

    window: int
    mjj: Floats
    process: NDArray[np.int8]
    hunted: NDArray[np.bool_]
    event: NDArray[np.int64]
    score: Floats

    def passing(self, efficiency: float) -> NDArray[np.bool_]:
        """Mark the hunted events among the ``efficiency`` highest scores of the fold, at all masses.

        Ranking over all masses, not over the signal region, leaves the observed count free.  Exactly
        ``round(efficiency * n)`` events pass: equal scores are cut in the order of a hash.
        """
        rows = np.flatnonzero(self.hunted)
        order = np.lexsort((event_hash(self.event[rows]), -self.score[rows]))
        passed = np.zeros(len(self.score), dtype=bool)
        passed[rows[order[: round(efficiency * len(rows))]]] = True
        return passed


class CombineFolds:
    """Combine the networks of one signal region.

    For each test fold and validation fold the initialisation with the lowest validation loss is kept; the
    outputs of the fold's networks are averaged; the events are cut at each of ``efficiencies``; the five
    folds' spectra are added, the smooth background is fitted with the signal region masked, and the excess
    is counted there.  ``n_parameters`` are those of the dijet function for each efficiency: four where there
    are enough events to see the difference, three (and a smaller error) at hard cuts.  ``toys`` calibrate the
    fit's deviance (0: do not).
    """

    def __init__(
        self,
        *,
        efficiencies: Sequence[float] = (1.0, 0.1, 0.01, 0.002),
        n_parameters: Sequence[int] = (4, 4, 3, 3),
        toys: int = 200,
    ) -> None:
        if len(n_parameters) != len(efficiencies):
            raise ValueError(
                f"{len(efficiencies)} efficiencies need as many n_parameters, not {n_parameters}"
            )
        if not all(0 < e <= 1 for e in efficiencies):
            raise ValueError(f"efficiencies={list(efficiencies)} must lie in (0, 1]")
        self.cuts = tuple(zip(efficiencies, n_parameters, strict=True))
        self.toys = toys

    def __call__(self, rows: pd.DataFrame, arrays: Any) -> Mapping[str, float | NDArray[Any]]:
        folds = [combined_scores(fold, arrays) for _, fold in rows.groupby("fold")]
        window = BINNING.window(int(folds[0].window))
        result: dict[str, float | NDArray[Any]] = {
            "validation_auc": float(rows["validation_auc"].mean()),
            "validation_loss": float(rows["validation_loss"].mean()),
            "window_centre": window.centre,
        }
        spectra = []
        for efficiency, n_parameters in self.cuts:
            passed = [(fold, fold.passing(efficiency)) for fold in folds]
            mjj = np.concatenate([fold.mjj[cut] for fold, cut in passed])
            spectra.append(counts(mjj))
            numbers = self._excess(spectra[-1], window, n_parameters) | _truth(passed, window)
            result |= {f"{name}_{efficiency:g}": value for name, value in numbers.items()}
        return result | {"spectra": np.array(spectra), **_ranks(folds, window)}

    def _excess(self, spectrum: NDArray[np.int64], window: Window, n_parameters: int) -> dict[str, float]:
        """Count the signal region against the fit to everything else."""
        fit = fit_background(spectrum, window.index, n_parameters)
        expected, error = fit.count(window.low, window.high)
        observed = float(spectrum[~fit.used].sum())
        numbers = {
            "significance": float(significance(observed, expected, error)),
            "p_value": float(p_value(observed, expected, error)),
            "observed": observed,
            "expected": float(expected),
            "expected_error": float(error),
        }
        if self.toys:
            # The toys' stream depends on the spectrum alone: the same data always give the same p-value.
            rng = np.random.default_rng(spectrum)
            numbers["deviance_p"] = float(goodness_of_fit(fit, rng, self.toys).p)
        return numbers


def combined_scores(rows: pd.DataFrame, arrays: Any) -> FoldScores:
    """Average one test fold's networks: of each validation fold, the best initialisation."""
    best = rows.loc[rows.groupby("subfold")["validation_loss"].idxmin(), "trial"]
    score = np.mean([arrays[trial, "scores"]["score"] for trial in best], axis=0)
    return FoldScores(score=score, **_events(rows["trial"], arrays))


def _events(trials: Iterable[str], arrays: Any) -> dict[str, NDArray[Any]]:
    """Return the fold's events, which one of its trials has saved for all."""
    for trial in trials:
        try:
            return dict(arrays[trial, "events"])
        except KeyError:
            continue
    raise ValueError("no trial of this fold has saved its events: did the pack that holds them fail?")


def _truth(passed: Sequence[tuple[FoldScores, NDArray[np.bool_]]], window: Window) -> dict[str, float]:
    """Count signal and background in the signal region after a cut, by truth."""
    inside = [(fold.process[cut & window.in_region(fold.mjj)] != 0) for fold, cut in passed]
    is_signal = np.concatenate(inside)
    signal, background = int(is_signal.sum()), int((~is_signal).sum())
    return {
        "truth_signal": float(signal),
        "truth_background": float(background),
        "truth_s_over_sqrt_b": signal / max(background, 1) ** 0.5,
    }


def _ranks(folds: Sequence[FoldScores], window: Window) -> dict[str, NDArray[np.float64]]:
    """Return each signal-region event's rank among its fold's background: a score that all folds share.

    A rank is the share of the fold's background, 0 to 1, that scores higher.  Signal that was not injected
    stands for the signal, and the hunted background for the background: no network was trained on the fold.
    """
    signal, background = [], []
    for fold in folds:
        inside = window.in_region(fold.mjj)
        reference = np.sort(fold.score[inside & fold.hunted & (fold.process == 0)])
        for ranks, chosen in (
            (signal, inside & ~fold.hunted & (fold.process != 0)),
            (background, inside & fold.hunted & (fold.process == 0)),
        ):
            below = np.searchsorted(reference, fold.score[chosen], side="left")
            above = len(reference) - np.searchsorted(reference, fold.score[chosen], side="right")
            ranks.append((above + 0.5 * (len(reference) - above - below)) / len(reference))
    return {"signal_rank": np.concatenate(signal), "background_rank": np.concatenate(background)}
