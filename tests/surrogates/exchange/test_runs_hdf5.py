"""apprentice's HDF5 files of runs: round trips, and the same arrays in apprentice itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates import fit_polynomials
from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.runs_hdf5 import Runs, read_runs, runs_of, write_runs
from tests.surrogates.exchange.conftest import BOX, ids, smooth_grid

FILES = Path(__file__).parent / "files"


def example(points: int = 6, bins: int = 4) -> Runs:
    grid = smooth_grid(bins, points)
    return runs_of(grid, ids(bins), np.arange(bins), np.arange(1, bins + 1))


def same(a: Runs, b: Runs) -> bool:
    names = ("points", "values", "errors", "x_low", "x_high")
    texts = (a.runs, a.names, a.ids) == (b.runs, b.names, b.ids)
    return texts and all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in names)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 9), st.booleans())
def test_runs_are_read_as_written(tmp_path_factory, points, bins, incomplete):
    rng, path = np.random.default_rng(points), tmp_path_factory.mktemp("runs") / "grid.h5"
    values, errors = rng.normal(size=(2, points, bins))
    values[0, 0] = np.nan if incomplete else 0.0
    names = tuple(f"µ{i}" for i in range(points))
    runs = Runs(names, BOX.names, rng.normal(size=(points, 3)), tuple(ids(bins)),
                values, abs(errors), np.arange(bins) / 1.0, np.arange(bins) + 1.0)  # fmt: skip
    write_runs(path, runs)
    back = read_runs(path)
    assert same(back, runs)
    assert back.filled[:, 0].tolist() == [not incomplete] + [True] * (points - 1)


def test_written_here_read_by_apprentice(apprentice, tmp_path):
    grid = smooth_grid(9)
    runs, path = runs_of(grid, ids(9), np.arange(9), np.arange(1, 10)), str(tmp_path / "grid.h5")
    write_runs(path, runs)
    data, names, parameters, _, x_low, x_high = apprentice.io.readInputDataH5(path)
    assert names.tolist() == ids(9)
    assert tuple(parameters) == BOX.names
    assert x_low.tolist() == list(range(9))
    assert x_high.tolist() == list(range(1, 10))
    for b, (points, values, errors) in enumerate(data):
        assert np.array_equal(points, grid.points)
        assert np.array_equal(values, grid.values[:, b])
        assert np.array_equal(errors, grid.errors[:, b])


def test_written_by_apprentice_read_here(apprentice, tmp_path):
    grid, path = smooth_grid(9), str(tmp_path / "grid.h5")
    data = [
        [grid.points, values, errors] for values, errors in zip(grid.values.T, grid.errors.T, strict=True)
    ]
    runs = [f"run/{i:02d}" for i in range(len(grid))]
    apprentice.io.writeInputDataSetH5(
        path, data, runs, ids(9), list(BOX.names), list(range(9)), list(range(1, 10))
    )
    back = read_runs(path)
    assert same(back, replace(runs_of(grid, ids(9), np.arange(9), np.arange(1, 10)), runs=tuple(runs)))
    fit = apprentice.PolynomialApproximation(grid.points, grid.values[:, 5], order=3)
    assert np.allclose(fit_polynomials(back.grid(), 3).coefficients[:, 5], fit._pcoeff, rtol=0, atol=1e-10)


def test_a_grid_comes_back():
    grid = smooth_grid(4)
    back = runs_of(grid, ids(4), np.arange(4), np.arange(1, 5)).grid()
    assert np.array_equal(back.values, grid.values)
    assert np.array_equal(back.errors, grid.errors)
    assert np.array_equal(back.box.low, grid.box.low)
    assert np.array_equal(back.box.high, grid.box.high)


def test_a_run_that_failed_is_left_out():
    """The file's bins are 1 + a and 2 + b; the fourth of its 20 runs is NaN."""
    runs = read_runs(FILES / "one-failed-run.h5")
    grid = runs.grid()
    assert (len(runs.runs), len(grid), grid.bins) == (20, 19, 2)
    assert np.array_equal(grid.points, np.delete(runs.points, 3, axis=0))
    fit = fit_polynomials(grid, 1)
    assert np.allclose(fit.values(grid.points), grid.points + np.array([1, 2]), rtol=0, atol=1e-12)


def test_runs_are_left_out_bin_by_bin():
    """Bins that failed in different runs are fitted apart, each to the runs that it has."""
    runs = example(points=30)
    runs.values[2, 1] = np.nan
    runs.errors[5, 3] = np.inf
    with pytest.raises(ValueError, match=r"y01#1 failed in other runs than /.*y01#0: fit such bins apart"):
        runs.grid()
    parts = runs.parts()
    assert [part.ids for part in parts] == [tuple(ids(4)[i] for i in bins) for bins in ([0, 2], [1], [3])]
    assert [len(part.grid(runs.box)) for part in parts] == [30, 29, 29]
    assert parts[1].runs == tuple(name for i, name in enumerate(runs.runs) if i != 2)
    fits = [fit_polynomials(part.grid(runs.box), 1) for part in parts]
    assert all(np.array_equal(fit.box.low, runs.points.min(axis=0)) for fit in fits)


def test_bins_that_make_no_grid():
    runs = example()
    runs.errors[3, 0] = 0.0
    with pytest.raises(ValueError, match="y01#0 has no error in run 3; give error_floor"):
        runs.grid()
    assert runs.grid(BOX, error_floor=0.01).errors[3, 0] == 0.01
    runs.values[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"y01#1 is finite in no run; leave it out: runs.only\("):
        runs.grid()
    with pytest.raises(ValueError, match="no bin: fit such bins apart"):
        runs.only(np.zeros(4, dtype=bool)).grid()


def test_errors_under_their_other_name():
    runs = read_runs(FILES / "total-err.h5")
    assert runs.errors is not None
    assert np.array_equal(runs.errors, np.full((20, 2), 0.1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda file: file.__delitem__("index"),
            "index: there is no such data set, but errors, params, runs",
        ),
        (
            lambda file: file["params"].attrs.__delitem__("names"),
            r"params: shape \(6, 3\) for 6 runs, 4 bins .* 0 'na",
        ),
        (lambda file: put(file, "values", np.zeros((6, 4))), r"values: shape \(6, 4\) .* expected \(4, 6\)"),
        (lambda file: put(file, "xmin", np.zeros(3)), r"xmin: shape \(3,\)"),
        (lambda file: put(file, "index", [b"/A/d01#0"] * 4), "/A/d01#0: this bin stands twice"),
    ],
)
def test_files_that_are_wrong(tmp_path, change, words):
    path = tmp_path / "grid.h5"
    write_runs(path, example())
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(FormatError, match=words):
        read_runs(path)


def put(file: h5py.File, key: str, data) -> None:
    del file[key]
    file[key] = data


def test_no_file_of_runs(tmp_path):
    (tmp_path / "grid.h5").write_text("no HDF5")
    for name in ("grid.h5", "none.h5"):
        with pytest.raises(FormatError, match=f"{name}: cannot be read: .* expected an HDF5 file"):
            read_runs(tmp_path / name)


def test_nothing_half_written(tmp_path):
    with pytest.raises(FormatError, match="one of each run and one of each bin"):
        write_runs(tmp_path / "grid.h5", replace(example(), x_low=np.zeros(3)))
    with pytest.raises(FormatError, match="this bin stands twice"):
        write_runs(tmp_path / "grid.h5", replace(example(), ids=("/A/d01#0",) * 4))
    with pytest.raises(TypeError):
        write_runs(tmp_path / "grid.h5", replace(example(), x_high=np.array([object()] * 4)))
    assert not list(tmp_path.iterdir())


def test_a_file_without_errors(tmp_path):
    path = tmp_path / "grid.h5"
    write_runs(path, example())
    with h5py.File(path, "a") as file:
        del file["errors"], file["runs"]
    runs = read_runs(path)
    assert runs.errors is None
    assert runs.runs == ("0", "1", "2", "3", "4", "5")
    assert runs.grid().errors is None
