"""Families of observables measure one parameter, so that the others' prediction can be written down."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.families import families
from experiments.tuning.tasks import PredictFamilies, TuneTo
from lblhep.recipe import Component
from lblhep.surrogates import Box, Grid, fit_polynomials

TUNED = "experiments.tuning.tasks:TuneTo"


@pytest.fixture(scope="module")
def surrogates():
    box = Box(["p"], [-10], [10])
    points = np.array([[-10.0], [0.0], [10.0]])
    return fit_polynomials(Grid(box, points, np.repeat(points, 5, axis=1), errors=np.full((3, 1), 0.3)), 1)


@pytest.fixture
def bins() -> pd.DataFrame:
    """Bins that all measure p: two of momenta, which are one family, and two of other families."""
    return pd.DataFrame(
        {
            "experiment": ["A", "A", "A", "A", "B"],
            "table": ["one", "two", "three", "four", "one"],
            "observable": ["x_p", "xi_p", "n_charged", "thrust_major", "x_p"],
            "value": [0.0, 0.0, 3.0, 6.0, 100.0],
            "error": [1.0, 1.0, 1.0, 2.0, 1.0],
        }
    )


def predicted(bins: pd.DataFrame, surrogates, **arguments) -> float:
    stage = Component(use=TUNED, experiment="A", **arguments)
    task = SimpleNamespace(arguments={"stages": {"tuned": stage}})
    trial = SimpleNamespace(recipe=SimpleNamespace(task=task))
    bench = SimpleNamespace(dataset=lambda trial, name: SimpleNamespace(bins=bins))
    return PredictFamilies()(bench, trial, surrogates, tuned=None)


def test_a_family_is_predicted_by_the_others_alone(surrogates, bins):
    """p is (3 + 6 / 4) / 1.25 without momenta, 1.5 / 2.25 without the multiplicity, 1 without shapes."""
    expected = 2 * 3.6**2 + (3 - 1.5 / 2.25) ** 2 + ((6 - 1) / 2) ** 2
    noise = [surrogates.variance([p])[0] for p in (3.6, 1.5 / 2.25, 1.0)]
    expected -= 2 * noise[0] + noise[1] + noise[2] / 4
    assert predicted(bins, surrogates) == pytest.approx(expected, rel=1e-6)


def test_a_weighting_is_asked_anew_for_each_prediction(surrogates, bins):
    """Weights 0 for all but one table of each tune: p is what that one says."""
    use = "experiments.tuning.weights:Stated"
    weights = {"A/one": 1, "A/two": 0, "A/three": 1e-9, "A/four": 1e-12}
    value = predicted(bins, surrogates, weighting=Component(use=use, weights=weights))
    noise = 3 * surrogates.variance([0.0])[0]
    assert value == pytest.approx(9 + 9 + 9 + 9 - noise, rel=1e-3)


def test_one_family_cannot_be_predicted(surrogates, bins):
    assert np.isnan(predicted(bins[:2].assign(), surrogates.only([0, 1])))


def test_every_observable_of_the_measured_table_has_a_family(request):
    table = pd.read_csv(request.config.rootpath / "data_cards" / "lep-hadronic-z.csv", comment="#")
    names = set(families(table[["observable"]]))
    assert len(names) == 6


def test_weights_and_the_surrogates_covariance_are_refused_together(surrogates, bins):
    tuner = TuneTo(experiment="A", form="covariance", weighting=lambda bins, _: np.full(len(bins), 0.5))
    with pytest.raises(ValueError, match="do not go together"):
        tuner.fit(bins, surrogates, (bins["experiment"] == "A").to_numpy())
