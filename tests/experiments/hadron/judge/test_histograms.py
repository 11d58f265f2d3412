from __future__ import annotations

import numpy as np
import pytest

from experiments.hadron.events.observables import REDUCED
from experiments.hadron.judge.histograms import BINS, PLANE_BINS, histograms


@pytest.fixture
def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {name: rng.normal(i, 1, 20_000) for i, name in enumerate(REDUCED)}


def test_shares_are_those_of_the_generators_bins(values):
    half = {name: v[::2] for name, v in values.items()}
    found = histograms({"generator": values, "model": half})
    assert (found["events/generator"], found["events/model"]) == (20_000, 10_000)
    for name in REDUCED:
        edges = found[f"{name}/edges"]
        assert edges.shape == (BINS + 1,)
        inside = (values[name] >= edges[3]) & (values[name] < edges[4])
        assert found[f"{name}/generator"][3] == pytest.approx(inside.mean())
        assert 0.99 < found[f"{name}/generator"].sum() < 1
        np.testing.assert_allclose(found[f"{name}/model"], found[f"{name}/generator"], atol=0.01)


def test_the_plane_of_the_leading_hadron_is_that_of_its_two_variables(values):
    found = histograms({"generator": values, "model": values})
    plane = found["plane/generator"]
    assert plane.shape == (PLANE_BINS, PLANE_BINS)
    x, y = found["plane/x"], found["plane/y"]
    inside = (values["x1"] >= x[10]) & (values["x1"] < x[11])
    inside &= (values["pt1"] >= y[20]) & (values["pt1"] < y[21])
    assert plane[10, 20] == pytest.approx(inside.mean())
