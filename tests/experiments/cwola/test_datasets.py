"""Pseudo-experiments and training sets: who sees which event, with which mass and weight."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr

from experiments.cwola.datasets import DijetWindow
from experiments.cwola.features import compute
from lblhep.streams import generator

FEATURES = ["m_j2_over_mjj", "tau21_j1", "tau21_j2"]


def window(sample, seed=1, **arguments) -> DijetWindow:
    """A data set as the harness builds it: its stream depends on the pseudo-experiment alone."""
    given = {"features": FEATURES, "window": 4, "fold": 0, "subfold": 0, "n_signal": 100} | arguments
    declared = {"pseudo_experiment": given.get("pseudo_experiment", 0)}
    return DijetWindow(sample, generator(seed, "datasets.dijets", declared), **given)


@pytest.mark.parametrize("method", ["cwola", "idealised", "supervised"])
def test_the_test_fold_is_never_trained_or_validated_on(make_sample, method):
    sample = make_sample()
    for fold in range(5):
        for subfold in range(4):
            w = window(sample, fold=fold, subfold=subfold, method=method, n_background=10_000)
            folds = w.events.fold
            assert not np.isin(folds[w.train.rows], [fold]).any()
            assert set(folds[w.test_rows()]) == {fold}
            assert len(set(folds[w.validation.rows])) == 1
            assert not set(folds[w.validation.rows]) & set(folds[w.train.rows])


def test_every_event_is_tested_once_and_validates_four_times(make_sample):
    sample = make_sample()
    w = [window(sample, fold=f, subfold=s) for f in range(5) for s in range(4)]
    tested = np.bincount(np.concatenate([x.test_rows() for x in w[::4]]), minlength=len(w[0].events.mjj))
    hunted = w[0].events.hunted
    assert (tested[hunted] == 1).all()
    validated = np.bincount(np.concatenate([x.validation.rows for x in w]), minlength=len(tested))
    assert set(validated[hunted]) == {0, 4}


def test_all_folds_and_windows_of_a_pseudo_experiment_see_the_same_events(make_sample):
    sample = make_sample()
    first = window(sample, pseudo_experiment=3, n_background=5000, redraw="all")
    for other in ({"fold": 3}, {"subfold": 2}, {"window": 1}):
        events = window(sample, pseudo_experiment=3, n_background=5000, redraw="all", **other).events
        assert np.array_equal(events.mjj, first.events.mjj)
        assert np.array_equal(events.hunted, first.events.hunted)
    another = window(sample, pseudo_experiment=4, n_background=5000, redraw="all").events
    assert not np.array_equal(another.hunted, first.events.hunted)


def test_sidebands_weigh_equally_and_together_as_much_as_the_signal_region(make_sample):
    w = window(make_sample())
    train, mjj = w.train, w.events.mjj[w.train.rows]
    lower = train.weight[w.window.in_lower_sideband(mjj)].sum()
    upper = train.weight[w.window.in_upper_sideband(mjj)].sum()
    region = train.weight[w.window.in_region(mjj)].sum()
    assert lower == pytest.approx(upper, rel=1e-4)
    assert lower + upper == pytest.approx(region, rel=1e-4)
    assert np.array_equal(train.label == 1, w.window.in_region(mjj))


def test_more_background_than_there_is_is_refused(make_sample):
    with pytest.raises(ValueError, match=r"n_background=30000, but the sample holds \d+ background events"):
        window(make_sample(n_background=20_000, n_signal=2_000), n_background=30_000)


def test_a_redrawn_background_keeps_features_and_spectrum_but_not_their_link(make_sample):
    sample = make_sample(n_background=40_000)
    # A feature that is nothing but the mass makes any remaining link visible.
    sample._columns["m_j2"] = sample._columns["mjj"] ** 2 / 10_000
    real = window(sample, n_signal=0).events
    null = window(sample, n_signal=0, pseudo_experiment=1, redraw="all").events
    assert np.array_equal(real.features[real.hunted], null.features[null.hunted])
    assert abs(spearmanr(real.features[:, 0], real.mjj).statistic) > 0.99
    # 3.9 standard errors 1 / sqrt(n): a correct draw fails once in 10,000.
    hunted = null.hunted
    assert abs(spearmanr(null.features[hunted, 0], null.mjj[hunted]).statistic) < 3.9 / hunted.sum() ** 0.5
    assert ks_2samp(real.mjj[real.hunted], null.mjj[hunted]).pvalue > 1e-4


def test_redrawing_the_background_leaves_injected_signal_where_it_was(make_sample):
    events = window(make_sample(), pseudo_experiment=1, redraw="background").events
    signal = events.hunted & (events.process == 1)
    assert abs(np.median(events.mjj[signal]) - 3500) < 50


def test_pseudo_experiment_zero_is_the_observation(make_sample):
    sample = make_sample()
    assert np.array_equal(window(sample, redraw="all").events.mjj, window(sample).events.mjj)


def test_disjoint_subsamples_share_no_event(make_sample):
    sample = make_sample()
    parts = [window(sample, n_background=4000, disjoint=True, pseudo_experiment=i).events for i in range(4)]
    hunted = [set(part.event[part.hunted & (part.process == 0)]) for part in parts]
    assert all(len(part) == 4000 for part in hunted)
    assert len(set.union(*hunted)) == 16_000
    with pytest.raises(ValueError, match="does not exist"):
        window(sample, n_background=4000, disjoint=True, pseudo_experiment=5)


def test_the_number_of_injected_events_is_poisson(make_sample):
    sample = make_sample()
    injected = [
        int((e.hunted & (e.process == 1)).sum())
        for e in (window(sample, seed=s, n_signal=100).events for s in range(40))
    ]
    # Mean 100 +- 10 / sqrt(40), four standard errors; a fixed number would have no spread.
    assert abs(np.mean(injected) - 100) < 6.4
    assert 4 < np.std(injected) < 17


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"redraw": "some"}, "redraw"),
        ({"method": "magic"}, "method"),
        ({"window": 8}, "window 8"),
        ({"features": ["m_jj"]}, "unknown feature"),
        ({"n_signal": 5000}, "exhausts"),
        ({"fold": 5}, "fold 5"),
    ],
)
def test_impossible_arguments_say_so(make_sample, wrong, message):
    with pytest.raises(ValueError, match=message):
        window(make_sample(), **wrong)


def test_features_are_what_they_say():
    columns = {"m_j1": np.array([400.0]), "m_j2": np.array([100.0]), "mjj": np.array([4000.0])}
    table = compute(["m_j1_over_mjj", "m_j2_over_mjj", "delta_m_over_mjj"], columns)
    assert table == pytest.approx(np.array([[0.1, 0.025, 0.075]]))
