"""Folds follow the parent event: copies of one event never stand on both sides of a test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare
from sklearn.ensemble import HistGradientBoostingClassifier

from experiments.cwola import datasets
from experiments.cwola.folds import fold_of, validation_fold
from experiments.cwola.metrics import CombineFolds

FEATURES = ["m_j2_over_mjj", "tau21_j1", "tau21_j2"]


def test_folds_are_even_and_follow_no_pattern_in_the_numbers():
    for step in (1, 5, 2000):
        counts = np.bincount(fold_of(np.arange(0, 50_000 * step, step)), minlength=5)
        assert chisquare(counts).pvalue > 1e-4


def test_copies_of_an_event_share_its_fold():
    event = np.array([7, 8, 7, 9, 7])
    assert len(set(fold_of(event)[[0, 2, 4]])) == 1


def test_each_validation_fold_is_used_once():
    for test in range(5):
        assert {test, *(validation_fold(test, s) for s in range(4))} == set(range(5))


def hunt(sample) -> float:
    """Significance at 1 % of events when memorising trees hunt in background without any signal."""
    rows, arrays = [], {}
    for fold in range(5):
        w = datasets.DijetWindow(
            sample, np.random.default_rng(0), features=FEATURES, window=4, fold=fold, subfold=0
        )
        trees = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=127, min_samples_leaf=2)
        table = w.events.features
        trees.fit(table[w.train.rows], w.train.label, sample_weight=w.train.weight)
        chosen = w.test_rows()
        arrays[str(fold), "scores"] = {"score": trees.predict_proba(table[chosen])[:, 1]}
        fields = ("event", "mjj", "process", "hunted")
        events = {name: getattr(w.events, name)[chosen] for name in fields}
        arrays[str(fold), "events"] = {"window": 4, **events}
        line = {"trial": str(fold), "fold": fold, "subfold": 0}
        rows.append(line | {"validation_loss": 0.7, "validation_auc": 0.5})
    return float(
        CombineFolds(efficiencies=[0.05], n_parameters=[3], toys=0)(pd.DataFrame(rows), arrays)[
            "significance_0.05"
        ]
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_folds_by_row_fake_an_excess_on_duplicated_data_and_parent_folds_do_not(
    make_sample, monkeypatch, seed
):
    # Five copies of each event, as a bootstrap or an injection with replacement would have.  They count five
    # times, so an honest excess is sqrt(5) wide; the fake one was 37 to 40.
    sample = make_sample(n_background=3000, n_signal=10, copies=5, seed=seed)
    datasets.draw_pseudo_experiment.cache_clear()
    honest = hunt(sample)
    rng = np.random.default_rng(0)
    monkeypatch.setattr(datasets, "fold_of", lambda event: rng.integers(0, 5, len(event)).astype(np.int8))
    datasets.draw_pseudo_experiment.cache_clear()
    fake = hunt(sample)
    datasets.draw_pseudo_experiment.cache_clear()
    assert abs(honest) < 4 * 5**0.5
    assert fake > 20


def test_a_fold_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="subfold 4"):
        validation_fold(0, 4)
