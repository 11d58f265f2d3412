"""Weights of observables on data whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.optimize import linprog

from experiments.tuning.report import WeightsReport, as_yaml
from experiments.tuning.tasks import OuterObjectives, TuneTo
from experiments.tuning.weighting.outer import outer_objectives
from experiments.tuning.weighting.robust import cheapest, robust_weights
from experiments.tuning.weighting.search import best_weights
from experiments.tuning.weights import Equal, Filtered, OneOf, Robust, Stated
from lblhep.recipe import Component, Recipe
from lblhep.surrogates import Box, Chi2, Grid, Polynomials, fit_polynomials, tune
from tests.experiments.tuning.conftest import bins_of_tables

SIZES = (12, 6, 9, 15)
TABLES = [f"d{i:02}" for i in range(len(SIZES))]
TRUTH = np.array([0.2, -0.1])
ERROR = 0.1


def table_of(values: np.ndarray, experiment: str = "E") -> pd.DataFrame:
    return bins_of_tables(values, SIZES, experiment)


@pytest.fixture(scope="module")
def linear() -> Polynomials:
    box, rng = Box(["a", "b"], [-1, -1], [1, 1]), np.random.default_rng(1)
    points = box.sobol(16, 1)
    values = 5 + points @ rng.normal(size=(2, sum(SIZES)))
    return fit_polynomials(Grid(box, points, values, errors=np.full((16, 1), 1e-9)), 1)


@pytest.fixture
def twisted(linear) -> np.ndarray:
    """Data of which the second table belongs to other parameters and cannot be described with the others."""
    values = linear.values(TRUTH)
    second = slice(SIZES[0], SIZES[0] + SIZES[1])
    values[second] = linear.values([-0.7, 0.8])[second]
    return values


def tuned(linear, values, weights) -> np.ndarray:
    return tune(Chi2(linear, values, errors=np.full(len(values), ERROR), weights=weights), starts=5).values


def noisy(linear, seed: int) -> np.ndarray:
    return linear.values(TRUTH) + ERROR * np.random.default_rng(seed).standard_normal(sum(SIZES))


# The outer objectives


def test_outer_objectives_of_two_tables_by_hand(linear):
    """z^2 of 1 and 9 in two tables: e = 1, 9; of one table's bins one is off by 10."""
    values = linear.values(TRUTH)
    pulls = np.repeat([1.0, 3.0, 1.0, 1.0], SIZES)
    said = outer_objectives(table_of(values + ERROR * pulls), linear, TRUTH)
    assert said["portfolio"] == pytest.approx(3 + np.var([1, 9, 1, 1]))
    assert [said["mean_score"], said["median_score"]] == pytest.approx([3, 3])
    pulls[0] = 10
    said = outer_objectives(table_of(values + ERROR * pulls), linear, TRUTH)
    assert said["mean_score"] == pytest.approx(3 + 99 / 12 / 4)
    assert said["median_score"] == pytest.approx(3)


def test_noise_of_the_grid_neither_rewards_nor_punishes(linear):
    """Portfolio and mean score of 300 noisy grids, whose bins share events, are on average those of the
    exact grid, within four standard errors (p = 6e-5).  The median's bias is at most a third of what it would
    be."""
    point = np.array([0.9, -0.9])  # where the surrogates are less certain than in the middle
    values = linear.values(point) + 2 * ERROR * np.random.default_rng(3).standard_normal(sum(SIZES))
    values[: SIZES[0]] += 0.1
    data, grid, rng = table_of(values), linear.fitted_grid, np.random.default_rng(13)
    correlation = 0.3 + 0.7 * np.eye(grid.bins)
    errors, root = np.full((len(grid), 1), 0.15), np.linalg.cholesky(correlation)
    known = fit_polynomials(
        Grid(grid.box, grid.points, grid.values, errors=errors, correlation=correlation), 1
    )
    noise = 0.15 * rng.standard_normal((300, *grid.values.shape)) @ root.T
    noisy_grids = [known.refit(grid.values + n) for n in noise]
    said = pd.DataFrame([outer_objectives(data, surrogates, point) for surrogates in noisy_grids])
    exact = outer_objectives(data, linear, point)
    for name in ("portfolio", "mean_score"):
        assert abs(said[name].mean() - exact[name]) < 4 * said[name].sem(), name
    z2 = pd.DataFrame([((s.values(point) - values) / ERROR) ** 2 for s in noisy_grids])
    naive = z2.T.groupby(np.repeat(TABLES, SIZES)).median().mean().mean() - exact["median_score"]
    assert abs(said["median_score"].mean() - exact["median_score"]) < naive / 3


def test_the_mean_score_is_least_at_one_over_the_number_of_bins(linear, twisted):
    """There inner and outer function are the same."""
    data, rng = table_of(twisted + noisy(linear, 4) - linear.values(TRUTH)), np.random.default_rng(5)
    best = 1 / np.repeat(SIZES, SIZES)

    def score(weights):
        return outer_objectives(data, linear, tuned(linear, data["value"], weights))["mean_score"]

    least = score(best)
    assert all(score(np.repeat(rng.uniform(0.01, 1, 4), SIZES)) >= least - 1e-9 for _ in range(20))
    assert score(np.ones(sum(SIZES))) > least + 1e-3


def test_no_weighting_matters_to_data_without_fault(linear):
    data, rng = table_of(linear.values(TRUTH)), np.random.default_rng(6)
    for _ in range(5):
        point = tuned(linear, data["value"], np.repeat(rng.uniform(0.01, 1, 4), SIZES))
        for value in outer_objectives(data, linear, point).values():
            assert value == pytest.approx(0, abs=1e-9)


def test_the_median_score_gives_a_table_with_hopeless_bins_less_weight(linear):
    """A third of the first table's bins, off by 20 errors along the slopes, pull the tune away: the median
    score forgives them, the portfolio does not."""
    values = noisy(linear, 7)
    values[:4] += 20 * ERROR * np.sign(linear.gradients(TRUTH)[:4, 0])
    data = table_of(values)
    weighed, equal = (
        outer_objectives(data, linear, tuned(linear, values, np.repeat([w, 1, 1, 1], SIZES)))
        for w in (0.01, 1.0)
    )
    assert weighed["median_score"] < equal["median_score"]
    assert weighed["portfolio"] > equal["portfolio"]


# Robust optimisation


@pytest.mark.parametrize("budget", [0.2, 0.5, 0.77, 1.0])
def test_sorting_solves_the_linear_programme(budget):
    rng = np.random.default_rng(8)
    costs, sizes = rng.uniform(1, 50, 9), rng.integers(1, 30, 9).astype(float)
    found = linprog(costs, A_eq=sizes[None], b_eq=[budget * sizes.sum()], bounds=(0, 1))
    weights = cheapest(costs, sizes, budget)
    assert weights @ sizes == pytest.approx(budget * sizes.sum())
    assert weights @ costs == pytest.approx(found.fun, rel=1e-8)


def test_an_observable_that_cannot_be_described_loses_its_weight(linear, twisted):
    budget = 1 - SIZES[1] / sum(SIZES)
    found = robust_weights(table_of(twisted), linear, budget=budget)
    assert found.weights == pytest.approx([1, 0, 1, 1])
    assert found.point == pytest.approx(TRUTH, abs=1e-3)
    weights = Robust(budget=budget)(table_of(twisted), linear)
    assert tuned(linear, twisted, weights) == pytest.approx(TRUTH, abs=1e-6)
    assert abs(tuned(linear, twisted, np.ones(len(twisted))) - TRUTH).max() > 0.01


def test_the_whole_budget_is_equal_weights(linear):
    values = noisy(linear, 9)
    assert (Robust(budget=1.0)(table_of(values), linear) == 1).all()
    without = robust_weights(table_of(values), linear, budget=1.0, interval=0.0)
    assert without.point == pytest.approx(tuned(linear, values, np.ones(len(values))), abs=1e-4)


def test_the_minimum_grows_with_budget_and_interval(linear, twisted):
    data = table_of(twisted + noisy(linear, 10) - linear.values(TRUTH))
    by_budget = [robust_weights(data, linear, budget=m, starts=5).minimum for m in (0.3, 0.6, 0.9, 1.0)]
    by_interval = [
        robust_weights(data, linear, budget=0.8, interval=k, starts=5).minimum for k in (0, 0.5, 1, 2)
    ]
    assert by_budget == sorted(by_budget)
    assert by_interval == sorted(by_interval)


def test_among_equal_observables_chance_decides_who_loses(linear):
    """Four copies of one table, budget 3/4: each loses its weight in a quarter of 200 toys, 50 +- 6.1.

    Within 3.5 standard deviations: a correct code fails in 0.2 % of seeds.  One that takes the weight from a
    copy in 40 % or in 10 % of the toys fails in 89 % or 97 %.
    """
    rows = np.tile(np.arange(9), 4)
    copies, rng = linear.only(rows), np.random.default_rng(11)
    data = pd.DataFrame({"experiment": "E", "table": np.repeat(TABLES, 9), "error": ERROR})
    lost = np.zeros(4)
    for _ in range(200):
        data["value"] = copies.values(TRUTH) + ERROR * rng.standard_normal(36)
        lost += 1 - robust_weights(data, copies, budget=0.75, starts=1).weights
    assert lost.sum() == pytest.approx(200)
    assert abs(lost - 50).max() < 3.5 * 6.1


# The weightings, in a tune


def test_weightings_name_their_tables(linear, twisted):
    data = table_of(twisted)
    weights = {f"E/{name}": i / 2 for i, name in enumerate(TABLES)}
    stated = Stated(weights=weights)(data, linear)
    assert stated == pytest.approx(np.repeat([0, 0.5, 1, 1.5], SIZES))
    both = Stated(weights=weights | {"F/d00": 1})
    assert both(data, linear) == pytest.approx(stated)
    left = (data["table"] != "d01").to_numpy()  # as cross-validation or a filter leaves a table out
    assert both(data[left], linear.only(left)) == pytest.approx(stated[left])
    weights["E/d0Z"] = weights.pop("E/d02")
    with pytest.raises(ValueError, match=r"for E/d02; .* not among these bins: E/d0Z$"):
        Stated(weights=weights | {"F/d00": 1})(data, linear)
    for wrong in (-1, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"E/d00 is {wrong}: it cannot be negative or infinite"):
            Stated(weights={"E/d00": wrong})
    with pytest.raises(ValueError, match="budget"):
        Robust(budget=1.5)(data, linear)


def test_one_of_several_is_chosen_by_name(linear):
    among = {
        "equal": Component(use="experiments.tuning.weights:Equal"),
        "robust": Component(use="experiments.tuning.weights:Robust", budget=0.5),
    }
    data = table_of(noisy(linear, 12))
    assert (OneOf(name="equal", among=among)(data, linear) == 1).all()
    assert OneOf(name="robust", among=among)(data, linear).sum() == pytest.approx(0.5 * len(data))
    with pytest.raises(ValueError, match="equal, robust"):
        OneOf(name="robots", among=among)


def test_filtered_bins_have_no_weight_and_the_others_what_the_weighting_says(linear):
    values = linear.values(TRUTH)
    values[3] += 100
    values[SIZES[0] - 1] += 20 * ERROR
    data = table_of(values)
    by_envelope = Filtered(envelope=1.0)(data, linear)
    assert by_envelope[3] == 0
    assert Filtered(level=0.05, envelope=1.0)(data, linear)[[3, SIZES[0] - 1]].max() == 0
    weighed = Filtered(envelope=1.0, weighting=Stated(weights={f"E/{t}": 0.3 for t in TABLES}))(data, linear)
    assert weighed == pytest.approx(0.3 * (by_envelope > 0))
    with pytest.raises(ValueError, match="envelope"):
        Filtered()


class Bench:
    """The measured bins of two experiments, the first as the generator has them."""

    def __init__(self, bins: pd.DataFrame) -> None:
        self.bins = bins

    def dataset(self, trial, name):
        return SimpleNamespace(bins=self.bins)


def test_a_tune_uses_the_weighting_on_the_bins_that_it_fits(linear, twisted):
    rows = np.tile(np.arange(sum(SIZES)), 2)
    both = pd.concat([table_of(linear.values([0.5, 0.5]), "F"), table_of(twisted)], ignore_index=True)
    bench, surrogates = Bench(both), linear.only(rows)
    weights = {"E/d00": 1, "E/d01": 0, "E/d02": 1, "E/d03": 0.1}
    given = Component(use="experiments.tuning.weights:Stated", weights=weights)
    found = TuneTo(experiment="E", form="plain", weighting=given)(bench, None, surrogates)
    assert found.values == pytest.approx(TRUTH, abs=1e-6)
    assert both["experiment"].iloc[found.objective.used].eq("E").all()
    equal = TuneTo(experiment="E", form="plain")(bench, None, surrogates)
    same = TuneTo(experiment="E", form="plain", weighting=Equal())(bench, None, surrogates)
    assert equal.values == pytest.approx(same.values)
    row = OuterObjectives()(bench, None, surrogates, found)
    expected = outer_objectives(table_of(twisted), linear, TRUTH)  # the table of weight 0 is judged, F is not
    assert row["portfolio"] == pytest.approx(expected["portfolio"], rel=1e-4)


# What a search found


@pytest.fixture
def search(request) -> SimpleNamespace:
    recipe = Recipe.read(request.config.rootpath / "recipes" / "tuning-weights.yaml")
    groups = pd.DataFrame({name: [0.5, 0.1, 0.9] for name in recipe.trials.space})
    groups["sphericity"] = [0.1, 0.2, 0.3]
    groups["portfolio"] = [3.0, 1.0, 2.0]
    return SimpleNamespace(recipe=recipe, groups=groups)


def test_the_best_point_of_a_search_reads_back_as_stated_weights(search):
    weights = best_weights(search)
    assert weights["ALEPH_1996/d01-x01-y01"] == 1
    assert weights["ALEPH_1996/d19-x01-y01"] == pytest.approx(0.5)
    stated = search.recipe.task.arguments["stages"]["tuned"].arguments["weighting"].arguments["weights"]
    assert set(weights) == set(stated)
    stated = yaml.safe_load(as_yaml(weights))["weights"]
    assert stated.keys() == weights.keys()
    assert stated["ALEPH_1996/d19-x01-y01"] == 0.5


def test_a_launch_that_searched_no_weights_is_refused(search, request):
    other = Recipe.read(request.config.rootpath / "recipes" / "cwola.yaml")
    with pytest.raises(ValueError, match="no stated weights"):
        best_weights(SimpleNamespace(recipe=other, groups=search.groups))


def test_the_least_objective_is_best_and_nan_is_none(search, tmp_path, monkeypatch):
    """Weights, headline and curve all tell the same."""
    monkeypatch.setattr("lblhep.report.Page.provenance", lambda page, launch: None)
    search.groups = pd.concat([search.groups] * 4, ignore_index=True)
    search.groups.loc[[0, 1], "portfolio"] = [np.nan, 0.5]
    assert best_weights(search)["ALEPH_1996/d01-x01-y01"] == 1
    assert WeightsReport().render(search, tmp_path) == {"best portfolio": 0.5, "median portfolio": 2.0}
    search.groups["portfolio"] = np.nan
    for ask in (best_weights, lambda launch: WeightsReport().render(launch, tmp_path)):
        with pytest.raises(ValueError, match="portfolio is NaN at every point"):
            ask(search)


def test_a_search_that_maximised_is_refused(search, tmp_path):
    objective = search.recipe.trials.objective.model_copy(update={"goal": "maximize"})
    trials = search.recipe.trials.model_copy(update={"objective": objective})
    launch = SimpleNamespace(recipe=SimpleNamespace(trials=trials, title=""), groups=search.groups)
    for ask in (best_weights, lambda launch: WeightsReport().render(launch, tmp_path)):
        with pytest.raises(ValueError, match="would maximize portfolio: outer objectives are minimised"):
            ask(launch)


def test_the_page_of_a_search(search, tmp_path, monkeypatch):
    monkeypatch.setattr("lblhep.report.Page.provenance", lambda page, launch: None)
    headline = WeightsReport().render(search, tmp_path)
    assert headline["best portfolio"] == 1
    assert "ALEPH_1996/d01-x01-y01: 1" in (tmp_path / "index.html").read_text()
