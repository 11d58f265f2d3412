"""These distances say how far a sample of events is from the generator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from lblhep.annotations import Floats


def wasserstein(
    sample: Mapping[str, NDArray[Any]], reference: Mapping[str, NDArray[Any]]
) -> dict[str, float]:
    """Return W1 of each variable in standard deviations of the reference; an empty sample has infinity."""
    return {
        name: float(wasserstein_distance(sample[name], values) / values.std())
        if len(sample[name])
        else np.inf
        for name, values in reference.items()
    }


def sliced_wasserstein(sample: Floats, reference: Floats, directions: int, rng: np.random.Generator) -> float:
    """Return the mean W1 of projections on random directions, which sees correlations.

    Args:
        sample: Values (N, V).
        reference: Values (M, V), whose standard deviations are the units.
        directions: How many directions are drawn.
        rng: The random numbers that draw them.

    Returns:
        The mean over the directions.
    """
    centre, scale = reference.mean(axis=0), reference.std(axis=0)
    axes = rng.normal(size=(directions, reference.shape[1]))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    one, other = ((x - centre) / scale @ axes.T for x in (sample, reference))
    return float(np.mean([wasserstein_distance(a, b) for a, b in zip(one.T, other.T, strict=True)]))


def total_variation(sample: NDArray[Any], reference: NDArray[Any]) -> float:
    """Return half the sum of |p - q| over the values (numbers, or rows) that occur."""
    values, number = np.unique(np.concatenate([sample, reference]), axis=0, return_inverse=True)
    number = number.ravel()
    p = np.bincount(number[: len(sample)], minlength=len(values)) / len(sample)
    q = np.bincount(number[len(sample) :], minlength=len(values)) / len(reference)
    return float(abs(p - q).sum() / 2)


def classifier_auc(sample: Floats, reference: Floats, seed: int) -> float:
    """Return the AUC of boosted trees that tell ``sample`` from ``reference`` (N, F): 0.5 is perfect.

    The AUC is of the half that the trees have not seen.  Rows that are alike are all in one half.
    """
    x = np.concatenate([sample, reference])
    y = np.concatenate([np.ones(len(sample)), np.zeros(len(reference))])
    # Rows as bytes: np.unique of rows of numbers takes a hundred times as long.
    different, row = np.unique(x.view(f"V{x.itemsize * x.shape[1]}").ravel(), return_inverse=True)
    half = len(different) // 2
    seen = (np.random.default_rng(seed).permutation(len(different)) < half)[row]
    trees = HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.1, early_stopping=True, random_state=seed
    )
    trees.fit(x[seen], y[seen])
    return float(roc_auc_score(y[~seen], trees.predict_proba(x[~seen])[:, 1]))
