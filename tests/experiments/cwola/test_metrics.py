"""Combining folds: where the cut lies, what is counted, and that truth decides nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.cwola.metrics import CombineFolds, FoldScores, ValidationAuc
from experiments.cwola.spectrum import BINNING


def scores(n=1000, seed=0, **given) -> FoldScores:
    rng = np.random.default_rng(seed)
    values = {
        "window": 4,
        "mjj": 2500 * np.exp(rng.exponential(0.18, n)),
        "process": np.zeros(n, dtype=np.int8),
        "hunted": np.ones(n, dtype=bool),
        "event": np.arange(n),
        "score": rng.random(n),
    }
    return FoldScores(**values | given)


@pytest.mark.parametrize("efficiency", [1.0, 0.1, 0.01, 0.002])
def test_the_cut_keeps_its_share_of_all_hunted_events_ties_or_not(efficiency):
    for fold in (scores(), scores(score=np.zeros(1000))):
        assert fold.passing(efficiency).sum() == round(efficiency * 1000)


def test_events_outside_the_hunt_neither_pass_nor_count():
    hunted = np.arange(1000) % 2 == 0
    passed = scores(hunted=hunted).passing(0.1)
    assert passed.sum() == 50
    assert not passed[~hunted].any()


def launch(n=20_000, n_signal=0, process=None):
    """Rows and arrays of 5 folds x 2 validation folds x 2 initialisations; the second one is better."""
    rng = np.random.default_rng(3)
    rows, arrays = [], {}
    for fold in range(5):
        signal = rng.random(n // 5) < n_signal / n
        mjj = np.where(signal, rng.normal(3500, 60, n // 5), 2500 * np.exp(rng.exponential(0.18, n // 5)))
        truth = (
            signal.astype(np.int8)
            if process is None
            else np.random.default_rng(9).permutation(signal).astype(np.int8)
        )
        for subfold in range(2):
            for init in range(2):
                trial = f"{fold}{subfold}{init}"
                good = 0.3 * signal + rng.random(n // 5)
                arrays[trial, "scores"] = {"score": good if init else rng.random(n // 5)}
                line = {"trial": trial, "fold": fold, "subfold": subfold, "init": init}
                rows.append(line | {"validation_loss": 0.69 - 0.01 * init, "validation_auc": 0.5})
        arrays[f"{fold}00", "events"] = {
            "window": 4,
            "mjj": mjj,
            "process": truth,
            "hunted": np.ones(n // 5, dtype=bool),
            "event": np.arange(n // 5),
        }
    return pd.DataFrame(rows), arrays


def test_signal_is_found_and_counted():
    found = CombineFolds(efficiencies=[1.0, 0.01], n_parameters=[4, 3], toys=20)(*launch(n_signal=200))
    assert found["significance_0.01"] > 5
    assert found["observed_1"] == found["truth_signal_1"] + found["truth_background_1"]
    assert found["spectra"].shape == (2, len(BINNING.fit_edges) - 1)
    assert 0 < found["deviance_p_0.01"] <= 1


def test_truth_labels_decide_nothing():
    combine = CombineFolds(efficiencies=[0.01], n_parameters=[3], toys=20)
    with_truth, shuffled = combine(*launch(n_signal=200)), combine(*launch(n_signal=200, process="shuffled"))
    decided = [
        name for name in with_truth if not name.startswith(("truth", "signal_rank", "background_rank"))
    ]
    assert "significance_0.01" in decided
    for name in decided:
        assert np.array_equal(with_truth[name], shuffled[name]), name


def test_the_better_initialisation_is_the_one_of_lower_validation_loss():
    rows, arrays = launch(n_signal=200)
    best = CombineFolds(efficiencies=[0.01], n_parameters=[3], toys=0)(rows, arrays)
    rows["validation_loss"] = 0.69 + 0.01 * rows["init"]
    other = CombineFolds(efficiencies=[0.01], n_parameters=[3], toys=0)(rows, arrays)
    assert best["significance_0.01"] > other["significance_0.01"] + 2


def test_a_fold_without_events_says_so():
    rows, arrays = launch()
    del arrays["000", "events"]
    with pytest.raises(ValueError, match="saved its events"):
        CombineFolds(toys=0)(rows, arrays)


def test_ranks_are_the_share_of_the_folds_background_that_scores_higher():
    rows, arrays = launch()
    rng = np.random.default_rng(5)
    for fold in range(5):  # one event in ten is signal that was not injected, and scores above nine in ten
        events = arrays[f"{fold}00", "events"]
        aside = rng.random(len(events["mjj"])) < 0.1
        events |= {"hunted": ~aside, "process": aside.astype(np.int8)}
        for (trial, name), saved in arrays.items():
            if name == "scores" and trial[0] == str(fold):
                saved["score"] = np.where(aside, 0.9, saved["score"])
    found = CombineFolds(efficiencies=[1.0], n_parameters=[4], toys=0)(rows, arrays)
    assert len(found["signal_rank"]) > 100
    # The mean of two uniform scores exceeds 0.9 with probability 0.02.
    assert np.abs(found["signal_rank"] - 0.02).max() < 0.015
    assert np.median(found["background_rank"]) == pytest.approx(0.5, abs=0.01)


def test_validation_auc_of_a_perfect_and_a_blind_score():
    label = np.array([0.0, 0.0, 1.0, 1.0])
    assert ValidationAuc()(label, np.array([0.1, 0.2, 0.8, 0.9]), np.ones(4)) == 1.0
    assert ValidationAuc()(label, np.full(4, 0.5), np.ones(4)) == 0.5


def test_efficiencies_must_be_shares():
    with pytest.raises(ValueError, match="efficiencies"):
        CombineFolds(efficiencies=[1.5], n_parameters=[3])
