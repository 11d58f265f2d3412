"""Measured bins by name, and the grid's bins beside them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.tuning import datasets
from experiments.tuning.datasets import GeneratorGrid, Measured
from experiments.tuning.events.moments import Moments
from lblhep.surrogates.exchange.bin_ids import number_bins
from lblhep.surrogates.exchange.data_json import read_data, write_measured

MEASURED = {
    "experiment": ["A", "A", "A", "B"],
    "table": ["t", "t", "u", "t"],
    "observable": ["thrust", "thrust", "eec", "thrust"],
    "x_low": [0.0, 0.1, -1.0, 0.0],
    "x_high": [0.1, 0.3, 1.0, 0.1],
    "value": [5.0, 2.5, 0.4, 5.1],
    "error_down": [0.1, 0.2, 0.01, 0.1],
    "error_up": [0.2, 0.1, 0.01, 0.1],
}


class Data:
    """Stands for an opened card."""

    def __init__(self, columns, card=None):
        self._columns = {name: np.asarray(values) for name, values in columns.items()}
        self.card = card

    def columns(self, names):
        return {name: self._columns[name] for name in names}


@pytest.fixture
def measured() -> Measured:
    return Measured(Data(MEASURED), rates_once=False)


@pytest.fixture
def grid() -> GeneratorGrid:
    """Two points of 100 events; the second bin is never filled at the second, eec's fills are small."""
    columns = {name: MEASURED[name] for name in ("experiment", "table", "observable", "x_low", "x_high")}
    columns |= {"scale": np.array([10.0, 5.0, 0.5, 10.0]), "events": [[100, 100]] * 4}
    columns |= {
        "sum": [[50, 60], [50, 0], [2, 3], [50, 60]],
        "sum_squares": [[50, 60], [50, 0], [0.05, 0.1], [50, 60]],
    }
    columns |= {"correlation": list(np.eye(4)), "p": [[0.0, 1.0]] * 4}
    produced = SimpleNamespace(arguments={"histograms": {}, "box": {"p": [0.0, 1.0]}})
    card = SimpleNamespace(
        columns={"p": SimpleNamespace(role="truth")}, sources=SimpleNamespace(produce=[produced])
    )
    return GeneratorGrid(Data(columns, card))


def test_the_mean_of_two_errors_counts_here_and_in_the_file_for_another_program(measured, tmp_path):
    np.testing.assert_allclose(measured.bins["error"], [0.15, 0.15, 0.01, 0.1])
    write_measured(tmp_path / "data.json", number_bins(pd.DataFrame(MEASURED)))
    np.testing.assert_array_equal(read_data(tmp_path / "data.json")["error"], measured.bins["error"])


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"experiments": ["B"]}, [5.1]),
        ({"observables": ["eec"]}, [0.4]),
        ({"experiments": ["A"], "observables": ["thrust"]}, [5.0, 2.5]),
        ({}, [5.0, 2.5, 0.4, 5.1]),
    ],
)
def test_experiments_and_observables_choose_tables(chosen, expected):
    assert Measured(Data(MEASURED), rates_once=False, **chosen).bins["value"].tolist() == expected


@pytest.mark.parametrize("wrong", [{"experiments": ["C"]}, {"observables": ["trust"]}])
def test_an_unknown_name_is_refused_with_those_that_are_known(wrong):
    with pytest.raises(ValueError, match=r"is no (experiment|observable); there are"):
        Measured(Data(MEASURED), **wrong)


def test_errors_are_those_of_the_mean_and_an_empty_bin_has_that_of_one_event(measured, grid):
    """Variance of a fill over the events: p (1 - p) / N for fills of 1; 1 / N^2 without any."""
    found = grid.of(measured)
    np.testing.assert_allclose(found.values[:, 0], [5.0, 6.0])
    np.testing.assert_allclose(found.errors[0, 0], 10 * np.sqrt(0.25 / 100))
    np.testing.assert_allclose(found.errors[1, 1], 5 * 1 / 100)
    # Fills of a few per cent have the error that they have, far below that of one event.
    np.testing.assert_allclose(found.errors[0, 2], 0.5 * np.sqrt((0.05 / 100 - 0.02**2) / 100))


def test_a_bin_with_another_upper_edge_is_another_bin(grid):
    other = MEASURED | {"x_high": [0.2, 0.3, 1.0, 0.1]}
    with pytest.raises(ValueError, match="no such bin"):
        grid.of(Measured(Data(other), rates_once=False))


def test_a_run_has_the_covariance_of_its_events_and_an_empty_bin_has_none(measured, grid, monkeypatch):
    """400 events of four fills; the covariance of a mean is that of the fills over the number of events."""
    fills = np.random.default_rng(1).poisson([0.3, 0.0, 0.5, 0.2], size=(400, 4)).astype(float)
    fills[:, 3] += fills[:, 0]
    total = fills.sum(axis=0)
    products = fills.T @ fills - np.outer(total, total) / 400
    monkeypatch.setattr(
        datasets, "generate", lambda *_: Moments(400, total, (fills**2).sum(axis=0), products)
    )
    run = grid.run(measured, {}, 400, seed=1)
    expected = np.cov((fills * [10.0, 5.0, 0.5, 10.0]).T) / 400
    np.testing.assert_allclose(run.covariance, expected, atol=1e-15)
    assert run.errors[1] == 0
    np.testing.assert_allclose(run.of([3, 0]).covariance, expected[np.ix_([3, 0], [3, 0])])


def test_a_run_of_normalised_spectra_has_the_errors_of_repeated_runs(grid, monkeypatch):
    """100 runs of 500 events fix a variance to 14 %; the stated one agrees with it to 50 %.

    A correct code fails in 1.3 % of seeds, one that states half the variance in 48 %, and twice in 99 %.
    """
    columns = MEASURED | {"observable": ["x_p", "x_p", "eec", "thrust"]}
    measured, rng = Measured(Data(columns)), np.random.default_rng(2)

    def generate(*_):
        fills = rng.poisson([3.0, 2.0, 0.5, 0.2], size=(500, 4)).astype(float)
        total = fills.sum(axis=0)
        products = fills.T @ fills - np.outer(total, total) / 500
        return Moments(500, total, (fills**2).sum(axis=0), products)

    monkeypatch.setattr(datasets, "generate", generate)
    runs = [grid.run(measured, {}, 500, seed=1) for _ in range(100)]
    spread = np.cov(np.array([run.values for run in runs]).T)
    mean = np.mean([run.covariance for run in runs], axis=0)
    np.testing.assert_allclose(np.diag(mean), np.diag(spread), rtol=0.5)
    assert mean[0, 1] == pytest.approx(spread[0, 1], rel=0.5)
    assert runs[0].values[:2] @ [0.1, 0.2] == pytest.approx(1)
