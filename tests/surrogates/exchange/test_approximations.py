"""apprentice's approximation files: round trips, and the same values in apprentice itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lblhep.surrogates import Box, Rationals, fit_polynomials, fit_rationals
from lblhep.surrogates.exchange.approximations import read_approximations, write_approximations
from lblhep.surrogates.exchange.files import FormatError
from tests.surrogates.exchange.conftest import BOX, ids, polynomials, rationals, smooth_grid

EDGES = {"x_low": np.arange(12.0), "x_high": np.arange(1, 13.0)}
EXACT = 1e-12  # relative to the largest value: round-off of at most 100 terms


def surrogates(kind: str, dimension: int = 3):
    box = Box(BOX.names[:dimension], BOX.low[:dimension], BOX.high[:dimension])
    return polynomials(3, 12, 1, box) if kind == "polynomial" else rationals(3, 2, 12, 1, box)


@pytest.mark.parametrize("dimension", [1, 3])
@pytest.mark.parametrize("kind", ["polynomial", "rational"])
def test_written_here_read_by_apprentice(apprentice, tmp_path, kind, dimension):
    ours, path = surrogates(kind, dimension), tmp_path / "approximations.json"
    write_approximations(path, ids(12), ours, **EDGES)
    names, theirs = apprentice.readApprox(str(path))
    assert names == ids(12)
    points = ours.box.latin_hypercube(50, seed=3)
    values = np.array([[approximation(point) for approximation in theirs] for point in points])
    assert np.allclose(np.squeeze(values), ours.values(points), rtol=0, atol=EXACT * abs(values).max())
    if kind == "polynomial":
        assert [approximation.xmin for approximation in theirs] == EDGES["x_low"].tolist()
    if dimension > 1:
        together = apprentice.AppSet(str(path))
        assert np.allclose(together.vals(points[0]), ours.values(points[0]), rtol=0, atol=EXACT * 100)
        assert np.allclose(together.grads(points[0]), ours.gradients(points[0]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["PolynomialApproximation", "RationalApproximation"])
def test_fitted_by_apprentice_read_here(apprentice, tmp_path, kind):
    """Built and dumped as ``app-build`` does; its rationals have no ends of their own.

    ``RationalApproximationSLSQP``, of the same ``asDict``, does not run with scipy 1.17.
    """
    grid, path = smooth_grid(4), tmp_path / "approximations.json"
    order = 3 if kind.startswith("Polynomial") else (2, 1)
    build = getattr(apprentice, kind)
    theirs = [build(grid.points, values, order=order, pnames=list(BOX.names)) for values in grid.values.T]
    for approximation, values in zip(theirs, grid.values.T, strict=True):
        approximation._vmin, approximation._vmax = values.min(), values.max()
    content = {name: fit.asDict for name, fit in zip(ids(4), theirs, strict=True)}
    path.write_text(json.dumps(content | {"__xmin": [0, 1, 2, 3], "__xmax": [1, 2, 3, 4]}, indent=4))
    ours = read_approximations(path)
    assert ours.ids == tuple(ids(4))
    assert ours.x_low.tolist() == [0, 1, 2, 3]
    points = ours.surrogates.box.latin_hypercube(50, seed=3)
    values = np.array([[fit(point) for fit in theirs] for point in points])
    assert np.allclose(ours.surrogates.values(points), values, rtol=EXACT, atol=EXACT)
    assert np.array_equal(ours.v_max, grid.values.max(axis=0))
    write_approximations(
        tmp_path / "again.json", ids(4), ours.surrogates, x_low=ours.x_low, x_high=ours.x_high
    )
    again = json.loads((tmp_path / "again.json").read_text())
    for name in ids(4):
        for key in {"dim", "m", "n", "pcoeff", "qcoeff"} & set(content[name]):
            assert again[name][key] == content[name][key]
        for key in ("a", "b", "Xmin", "Xmax", "scaleTerm"):
            assert np.allclose(again[name]["scaler"][key], content[name]["scaler"][key], rtol=1e-15, atol=0)


def test_the_same_chi2_as_apprentice(apprentice, tmp_path):
    """Its objective, from the three files that ``app-tune2`` takes, is ours with the squared weights."""
    from lblhep.surrogates import Chi2
    from lblhep.surrogates.exchange.data_json import write_data
    from lblhep.surrogates.exchange.weight_files import match_weights, read_weights

    grid = smooth_grid(12)
    fit, point = fit_polynomials(grid, 3), grid.box.unscale([0.1, -0.2, 0.3])
    data, errors = fit.values(grid.box.unscale([0.0, 0.0, 0.0])), 0.1 + 0.01 * np.arange(12)
    write_approximations(tmp_path / "values.json", ids(12), fit, **EDGES)
    write_data(tmp_path / "data.json", ids(12), data, errors)
    (tmp_path / "weights.txt").write_text(
        "/ALEPH 1\n/ALEPH_1996_S3486095/d01-x01-y01#2:4 3\n/ALEPH.*d02@9.5 0.5\n"
    )
    theirs = apprentice.appset.TuningObjective2(
        *(str(tmp_path / name) for name in ("weights.txt", "data.json", "values.json"))
    )
    weights = match_weights(read_weights(tmp_path / "weights.txt"), ids(12), **EDGES)
    assert sorted(set(weights)) == [0.5, 1, 3]
    ours = Chi2(fit, data, errors=errors, weights=weights**2)
    assert len(theirs._binids) == 12
    assert ours(point) == pytest.approx(theirs.objective(point), rel=1e-10)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["polynomial", "rational"]), st.integers(1, 3), st.integers(0, 3), st.integers(0, 1000)
)
def test_surrogates_are_read_as_written(tmp_path_factory, kind, dimension, order, seed):
    box = Box(BOX.names[:dimension], BOX.low[:dimension], BOX.high[:dimension])
    ours = polynomials(order, 3, seed, box) if kind == "polynomial" else rationals(order, 1, 3, seed, box)
    path = tmp_path_factory.mktemp("approximations") / "values.json"
    write_approximations(path, ids(3), ours, x_low=[0, 1, 2], x_high=[1, 2, 3])
    back = read_approximations(path)
    assert back.ids == tuple(ids(3))
    assert (back.x_low.tolist(), back.x_high.tolist()) == ([0, 1, 2], [1, 2, 3])
    assert np.isnan(back.v_min).all()
    points = box.latin_hypercube(4, seed)
    assert np.array_equal(back.surrogates.values(points), ours.values(points))
    assert back.surrogates.box.names == box.names


def test_fitted_surrogates_know_the_range_of_their_grid(tmp_path):
    grid = smooth_grid(12)
    for name, fit in {"p": fit_polynomials(grid, 2), "r": fit_rationals(grid, (2, 1))}.items():
        write_approximations(tmp_path / name, ids(12), fit, **EDGES)
        back = read_approximations(tmp_path / name)
        assert np.array_equal(back.v_min, grid.values.min(axis=0))
        assert isinstance(back.surrogates, Rationals) == (name == "r")
        assert np.array_equal(back.surrogates.values(grid.points), fit.values(grid.points))


def test_some_of_the_bins(tmp_path):
    path = tmp_path / "values.json"
    write_approximations(path, ids(12), surrogates("polynomial"), **EDGES)
    some = read_approximations(path, {ids(12)[9], ids(12)[2]})
    assert some.ids == (ids(12)[2], ids(12)[9])
    assert some.x_low.tolist() == [2, 9]
    with pytest.raises(FormatError, match="/OPAL/d01#0: there is no such bin; the file has 12 others"):
        read_approximations(path, ["/OPAL/d01#0"])


FIRST = ids(1)[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda bins: bins[FIRST].pop("pcoeff"), f"{FIRST}: 'pcoeff' is missing"),
        (lambda bins: bins[FIRST]["pcoeff"].pop(), f"{FIRST}: pcoeff: 19 coefficients .* expected 20"),
        (lambda bins: bins[FIRST].update(m="3"), f"{FIRST}: m, n: .* are no orders"),
        (lambda bins: bins[FIRST]["scaler"].update(a=[0, 0, 0]), "build it with apprentice's default"),
        (lambda bins: bins[FIRST]["scaler"].update(scaleTerm=[1, 1, 1]), "scaleTerm: it is not 2 /"),
        (lambda bins: bins[FIRST]["scaler"].update(pnames=None), "scaler: 3 parameters, but pnames None"),
        (lambda bins: bins[FIRST]["scaler"].update(Xmin="0"), f"{FIRST}: Xmin: '0' is no list of finite"),
        (lambda bins: (bins[FIRST].pop("dim"), bins[FIRST]["scaler"].pop("pnames")),
         f"{FIRST}: 'dim' is missing"),
        (lambda bins: bins[FIRST].update(vmin="low"), f"{FIRST}: vmin: 'low' is no number; build it again"),
        (lambda bins: bins[FIRST].update(vmax=[1]), rf"{FIRST}: vmax: \[1\] is no number"),
        (lambda bins: bins[FIRST]["scaler"].update(pnames=["a", "b", "c"]), "which 1 of 12 bins share"),
        (lambda bins: [entry["scaler"].update(pnames=["a", "a", "b"]) for entry in bins.values()
                       if isinstance(entry, dict)], "different names of parameters"),
        (lambda bins: bins.update(__xmin=[1]), "__xmin: not a list of 12 ends"),
        (lambda bins: bins[FIRST].update(xmax="right"), "xmax: the end of a bin is no number"),
        (lambda bins: bins.clear(), "there is no approximation"),
        (lambda bins: bins.update({FIRST: 3}), f"{FIRST}: 'scaler' is missing"),
    ],
)  # fmt: skip
def test_approximations_that_are_wrong(tmp_path, change, words):
    path = tmp_path / "values.json"
    write_approximations(path, ids(12), surrogates("polynomial"), **EDGES)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError, match=words):
        read_approximations(path)


def test_what_cannot_be_written(tmp_path):
    path, ours = tmp_path / "values.json", surrogates("polynomial")
    with pytest.raises(FormatError, match="2 ids for 12 bins"):
        write_approximations(path, ids(2), ours, **EDGES)
    with pytest.raises(FormatError, match="this bin stands twice"):
        write_approximations(path, ids(11) + ids(1), ours, **EDGES)
    ours.coefficients[0, 0] = np.nan
    with pytest.raises(FormatError, match="a number is not finite"):
        write_approximations(path, ids(12), ours, **EDGES)
    assert not list(tmp_path.iterdir())
