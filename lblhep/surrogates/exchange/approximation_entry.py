"""Turn one bin's entry of an approximation file into the arrays of ``lblhep.surrogates``, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lblhep.annotations import Floats
from lblhep.surrogates import Box, Polynomials, Rationals
from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.monomials import coefficient_count

SCALE_TOLERANCE = 1e-9  # relative, of scaleTerm against 2 / (Xmax - Xmin)


class Layout(NamedTuple):
    """A layout is what bins must share to be fitted as one: names and ends of the box, and orders.

    ``n`` is None for polynomials.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    m: int
    n: int | None


def layout_of(path: Path | str, name: str, entry: Any) -> Layout:
    """Return the layout of bin ``name``; raise FormatError with the key that is missing or wrong."""
    scaler = _get(path, name, entry, "scaler")
    low, high = (_numbers(path, name, scaler, key) for key in ("Xmin", "Xmax"))
    names, dimension = scaler.get("pnames"), _get(path, name, entry, "dim")
    if not (isinstance(names, list) and len(names) == len(low) == len(high) == dimension):
        problem = f"{dimension} parameters, but pnames {names}, {len(low)} Xmin and {len(high)} Xmax"
        raise FormatError(path, f"{name}: scaler", problem, "build it again with the names of the parameters")
    _check_scale(path, name, scaler, low, high)
    orders = [_get(path, name, entry, "m"), entry.get("n")]
    if not all(isinstance(order, int) and order >= 0 for order in orders if order is not None):
        raise FormatError(path, f"{name}: m, n", f"{orders} are no orders", "expected whole numbers >= 0")
    return Layout(tuple(map(str, names)), tuple(low), tuple(high), orders[0], orders[1])


def surrogate_of(
    path: Path | str, layout: Layout, entries: Mapping[str, Mapping[str, Any]]
) -> Polynomials | Rationals:
    """Return the surrogates of entries that share a layout."""
    try:
        box = Box(layout.names, layout.low, layout.high)
    except ValueError as error:
        raise FormatError(
            path, f"{next(iter(entries))}: scaler", str(error), "correct pnames, Xmin, Xmax"
        ) from None
    numerator = Polynomials(box, layout.m, _coefficients(path, entries, "pcoeff", layout.m, len(box)))
    if layout.n is None:
        return numerator
    return Rationals(
        numerator, Polynomials(box, layout.n, _coefficients(path, entries, "qcoeff", layout.n, len(box)))
    )


def entry_of(surrogates: Polynomials | Rationals, index: int) -> dict[str, Any]:
    """Return the entry of bin ``index``, in apprentice's order of keys."""
    box, grid = surrogates.box, surrogates.grid
    entry: dict[str, Any] = {"dim": len(box)}
    if grid is not None:
        entry["trainingsize"] = len(grid)
    if isinstance(surrogates, Rationals):
        entry["m"], entry["n"] = surrogates.orders
        entry["pcoeff"] = surrogates.numerator.coefficients[:, index].tolist()
        entry["qcoeff"] = surrogates.denominator.coefficients[:, index].tolist()
    else:
        entry["m"] = surrogates.monomials.order
        entry["pcoeff"] = surrogates.coefficients[:, index].tolist()
    entry["scaler"] = {
        "a": [-1.0] * len(box),
        "b": [1.0] * len(box),
        "Xmin": box.low.tolist(),
        "Xmax": box.high.tolist(),
        "scaleTerm": (2 / (box.high - box.low)).tolist(),
        "pnames": list(box.names),
    }
    if grid is not None:
        values = grid.values[:, index]
        entry |= {"vmin": float(values.min()), "vmax": float(values.max())}
    return entry


def _check_scale(path: Path | str, name: str, scaler: Mapping[str, Any], low: Floats, high: Floats) -> None:
    a, b, scale = (_numbers(path, name, scaler, key) for key in ("a", "b", "scaleTerm"))
    if not (len(a) == len(b) == len(scale) == len(low)) or (a != -1).any() or (b != 1).any():
        problem = f"parameters scaled to {a.tolist()} .. {b.tolist()}"
        raise FormatError(path, f"{name}: scaler", problem, "build it with apprentice's default, -1 to 1")
    if not np.allclose(scale * (high - low), 2, rtol=SCALE_TOLERANCE, atol=0):
        raise FormatError(path, f"{name}: scaler: scaleTerm", "it is not 2 / (Xmax - Xmin)", "build it again")


def _coefficients(
    path: Path | str, entries: Mapping[str, Mapping[str, Any]], key: str, order: int, dimension: int
) -> Floats:
    """Return the coefficients (K, B) of all entries."""
    expected = coefficient_count(order, dimension)
    columns = []
    for name, entry in entries.items():
        column = _numbers(path, name, entry, key)
        if len(column) != expected:
            problem = f"{len(column)} coefficients of order {order} in {dimension} parameters"
            raise FormatError(path, f"{name}: {key}", problem, f"expected {expected}")
        columns.append(column)
    return np.stack(columns, axis=1)


def _numbers(path: Path | str, name: str, entry: Mapping[str, Any], key: str) -> Floats:
    given = _get(path, name, entry, key)
    try:
        numbers = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise FormatError(
            path, f"{name}: {key}", f"{given!r:.60} is no list of finite numbers", "build it again"
        )
    return numbers


def _get(path: Path | str, name: str, entry: Any, key: str) -> Any:
    if not isinstance(entry, Mapping) or key not in entry:
        raise FormatError(path, name, f"{key!r} is missing", "expected apprentice's dim, m, pcoeff, scaler")
    return entry[key]
