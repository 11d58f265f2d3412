"""Pseudo-experiments and training sets: who sees which event, with which mass and weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr

from experiments.cwola import datasets
from experiments.cwola.datasets import DijetWindow, Labelled
from experiments.cwola.features import compute
from experiments.cwola.spectrum import counts, smooth_masses
from lblhep.cards import read_card
from lblhep.streams import generator

REPOSITORY = Path(__file__).parents[3]
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


def parts_of(w: DijetWindow, labelled: Labelled) -> tuple[set[int], set[int]]:
    """The event numbers of label 1 and of label 0."""
    event = w.events.event[labelled.rows]
    return set(event[labelled.label == 1]), set(event[labelled.label == 0])


def events_of(w: DijetWindow, folds: set[int], *masks) -> set[int]:
    """The event numbers in these folds for which all of the masks hold."""
    chosen = np.isin(w.events.fold, list(folds))
    return set(w.events.event[np.logical_and.reduce([chosen, *masks])])


def splits(w: DijetWindow, subfold: int = 0) -> list[tuple[Labelled, set[int]]]:
    """Training and validation rows with the folds that they must come from."""
    held_out = (w.fold + 1 + subfold) % 5
    return [(w.train, set(range(5)) - {w.fold, held_out}), (w.validation, {held_out})]


def test_cwola_learns_from_every_hunted_event_of_region_and_sidebands_and_from_no_other(make_sample):
    w = window(make_sample(), n_background=10_000)
    e, region = w.events, w.window.in_region(w.events.mjj)
    sidebands = w.window.in_lower_sideband(e.mjj) | w.window.in_upper_sideband(e.mjj)
    for labelled, folds in splits(w):
        assert parts_of(w, labelled) == (
            events_of(w, folds, e.hunted, region),
            events_of(w, folds, e.hunted, sidebands),
        )
        assert set(e.process[labelled.rows]) == {0, 1}  # injected signal is among them, unlabelled


@pytest.mark.parametrize("redrawn", [False, True])
def test_the_idealised_reference_is_pure_background_that_is_not_in_the_hunt(make_sample, redrawn):
    """It has as many events as CWoLa's sidebands, or all there are of the signal region's masses."""
    arguments = {"pseudo_experiment": 1, "redraw": "background"} if redrawn else {}
    w = window(make_sample(), n_background=10_000, method="idealised", **arguments)
    e, region = w.events, w.window.in_region(w.events.mjj)
    sidebands = w.window.in_lower_sideband(e.mjj) | w.window.in_upper_sideband(e.mjj)
    for labelled, folds in splits(w):
        observed, reference = parts_of(w, labelled)
        apart = events_of(w, folds, ~e.hunted, e.process == 0)
        of_the_region = apart & events_of(w, folds, region)
        wanted = len(events_of(w, folds, e.hunted, sidebands))
        assert observed == events_of(w, folds, e.hunted, region)
        if redrawn:  # at any mass, which says nothing about the features
            assert reference <= apart
            assert len(reference) == wanted < len(apart)
        else:
            assert reference == of_the_region
            assert len(reference) < wanted


def test_supervised_learns_from_signal_that_is_not_in_the_hunt(make_sample):
    """Only the background, one of the true labels' two classes, is the hunt's own."""
    w = window(make_sample(), n_background=10_000, n_signal=500, method="supervised")
    e, region = w.events, w.window.in_region(w.events.mjj)
    for labelled, folds in splits(w):
        assert parts_of(w, labelled) == (
            events_of(w, folds, ~e.hunted, e.process == 1, region),
            events_of(w, folds, e.hunted, e.process == 0, region),
        )


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


def test_masses_drawn_anew_leave_the_events_of_the_observation(make_sample):
    """The null of a global p-value: the same events, features and folds in every draw, its own masses."""
    sample = make_sample()
    given = {"n_background": 5000, "redraw": "all"}
    observation = window(sample, **given).events
    draws = [window(sample, masses=n, **given).events for n in range(4)]
    assert np.array_equal(draws[0].mjj, observation.mjj)
    hunted = observation.hunted
    assert set(observation.process[hunted]) == {0, 1}
    for drawn in draws[1:]:
        for name in ("event", "features", "process", "fold", "hunted"):
            assert np.array_equal(getattr(drawn, name), getattr(observation, name))
        assert not (drawn.mjj[hunted] == observation.mjj[hunted]).any()
    spectra = [counts(drawn.mjj[hunted]) for drawn in draws]
    assert len({tuple(spectrum) for spectrum in spectra}) == 4
    # All windows, folds and methods of a draw see the same masses.
    other = window(sample, masses=2, window=1, fold=3, method="supervised", **given).events
    assert np.array_equal(other.mjj, draws[2].mjj)


def test_masses_are_drawn_from_the_smooth_fit_to_the_observation(make_sample, monkeypatch):
    seen = []

    def record(observed, size, rng):
        seen.append(np.sort(observed))
        return smooth_masses(observed, size, rng)

    monkeypatch.setattr(datasets, "smooth_masses", record)
    sample = make_sample()
    given = {"n_background": 5000, "redraw": "all"}
    observation = window(sample, **given).events
    for n in (1, 2):
        window(sample, masses=n, **given)
        assert np.array_equal(seen[-1], np.sort(observation.mjj[observation.hunted]))
    window(sample, pseudo_experiment=1, masses=1, **given)
    assert not np.array_equal(seen[-1], seen[0])


def test_a_draw_of_masses_is_an_exact_null(make_sample):
    """Signal's features say nothing about its new mass, and the spectrum is that of the observation."""
    given = {"n_background": 10_000, "redraw": "all", "n_signal": 500}
    sample = make_sample()
    observed, null = window(sample, **given).events, window(sample, masses=1, **given).events
    signal = observed.hunted & (observed.process == 1)
    assert abs(np.median(observed.mjj[signal]) - 3500) < 50
    # Where signal lies says nothing about what it is: both are draws from one curve.
    rest = null.hunted & ~signal
    assert ks_2samp(null.mjj[signal], null.mjj[rest]).pvalue > 1e-4
    assert null.hunted.sum() == observed.hunted.sum()


@pytest.mark.parametrize(
    ("pseudo_experiment", "redraw", "hunted", "events", "masses"),
    [
        (0, "all", 5106, 156703486, [2642.7295, 2513.4070, 3015.4626]),
        (1, "all", 5104, 154472041, [2904.3672, 2895.8418, 3341.1130]),
        (1, "background", 5104, 154472041, [2889.2175, 2881.0745, 3313.5420]),
        (2, "none", 5100, 150173902, [2670.4517, 2734.7656, 2868.5959]),
    ],
)
def test_draws_stay_what_they_were(make_sample, pseudo_experiment, redraw, hunted, events, masses):
    """Pinned when ``masses`` came: without it pseudo-experiments are those of every earlier launch."""
    given = {"pseudo_experiment": pseudo_experiment, "redraw": redraw, "n_background": 5000}
    e = window(make_sample(), **given).events
    assert e.hunted.sum() == hunted
    assert e.event[e.hunted].astype(int).sum() == events
    assert e.mjj[e.hunted][:3] == pytest.approx(masses, rel=1e-6)


def test_events_whose_jets_are_far_apart_can_be_left_out(make_sample):
    sample = make_sample()
    n = len(sample._columns["mjj"])
    distance = np.random.default_rng(4).uniform(0, 2.5, n).astype(np.float32)
    sample = type(sample)({**sample._columns, "delta_eta": distance})
    whole, cut = window(sample).events, window(sample, max_delta_eta=1.2).events
    assert set(cut.event) == set(sample._columns["event"][distance <= 1.2]) & set(whole.event)
    assert len(cut.event) < len(whole.event)


def test_the_resonances_are_those_that_the_card_makes():
    made = {
        source.arguments["process"]: tuple(source.arguments[name] for name in ("mass", "heavy", "light"))
        for source in read_card(REPOSITORY, "dijets-pythia8").sources.produce
        if "process" in source.arguments
    }
    assert made == datasets.RESONANCES


def test_both_cards_have_what_the_cut_needs():
    for card in ("dijets-pythia8", "lhco-rnd"):
        assert read_card(REPOSITORY, card).columns["delta_eta"].role == "observable"


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
        ({"masses": 1}, "masses=1"),
        ({"masses": -1, "redraw": "all"}, "masses=-1"),
    ],
)
def test_impossible_arguments_say_so(make_sample, wrong, message):
    with pytest.raises(ValueError, match=message):
        window(make_sample(), **wrong)


def test_features_are_what_they_say():
    columns = {"m_j1": np.array([400.0]), "m_j2": np.array([100.0]), "mjj": np.array([4000.0])}
    table = compute(["m_j1_over_mjj", "m_j2_over_mjj", "delta_m_over_mjj"], columns)
    assert table == pytest.approx(np.array([[0.1, 0.025, 0.075]]))
