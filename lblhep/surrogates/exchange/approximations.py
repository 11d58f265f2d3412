"""Read and write apprentice's approximation files: polynomials or rationals of bins' values or errors.

    {"/ALEPH_1996_S3486095/d01-x01-y01#0":
        {"dim": 3, "m": 3, "pcoeff": [...],                       p, and for rationals q ("n", "qcoeff")
         "scaler": {"a": [-1, ...], "b": [1, ...], "Xmin": [...], "Xmax": [...], "scaleTerm": [...],
                    "pnames": [...]},
         "vmin": ..., "vmax": ..., "xmin": ..., "xmax": ...}, ...  range of the grid's values; ends of the bin
     "__xmin": [...], "__xmax": [...]}                             ends of all bins, in the order of the file

Coefficients belong to the monomials of ``lblhep.surrogates.monomials`` in parameters scaled so that Xmin to
Xmax is a to b = -1 to 1: the same numbers on both sides.  A file of error approximations looks the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lblhep.annotations import Floats
from lblhep.surrogates import Polynomials, Rationals
from lblhep.surrogates.exchange.approximation_entry import entry_of, layout_of, surrogate_of
from lblhep.surrogates.exchange.files import FormatError, check_unique, read_json, write_json


@dataclass(frozen=True, eq=False)
class Approximations:
    """Approximations are ``surrogates`` of the bins ``ids``, in order.

    ``x_low``, ``x_high`` (B,) are the ends of the bins and ``v_min``, ``v_max`` (B,) the range that the
    grid's values span; each is NaN where unknown.
    """

    ids: tuple[str, ...]
    surrogates: Polynomials | Rationals
    x_low: Floats
    x_high: Floats
    v_min: Floats
    v_max: Floats


def read_approximations(path: Path | str, ids: Collection[str] | None = None) -> Approximations:
    """Read the approximations of all bins of a file, or of some ``ids`` (in the file's order).

    FormatError names the bin and key of what is wrong or missing.  So it does when bins differ in orders or
    box, as after failed runs: apprentice would silently leave those out of its fit that differ from the
    first.  Read them apart, by ``ids``.
    """
    content = read_json(path)
    names = [name for name in content if not name.startswith("__")]
    edges = {key: _edges(path, content, key, names) for key in ("xmin", "xmax")}
    if ids is not None:
        missing = sorted(set(ids) - set(names))
        if missing:
            raise FormatError(path, missing[0], "there is no such bin", f"the file has {len(names)} others")
    chosen = [name for name in names if ids is None or name in set(ids)]
    if not chosen:
        raise FormatError(
            path, "", "there is no approximation", "expected {bin id: {dim, m, pcoeff, scaler}}"
        )
    layouts = [layout_of(path, name, content[name]) for name in chosen]
    for name, layout in zip(chosen, layouts, strict=True):
        if layout != layouts[0]:
            same = sum(other == layouts[0] for other in layouts)
            problem = (
                f"order or box differ from those of {chosen[0]}, which {same} of {len(chosen)} bins share"
            )
            raise FormatError(path, name, problem, "read them apart: read_approximations(path, ids)")
    positions = [names.index(name) for name in chosen]
    entries = [content[name] for name in chosen]
    return Approximations(
        ids=tuple(chosen),
        surrogates=surrogate_of(path, layouts[0], dict(zip(chosen, entries, strict=True))),
        x_low=edges["xmin"][positions],
        x_high=edges["xmax"][positions],
        v_min=np.array([_value(path, name, content[name], "vmin") for name in chosen]),
        v_max=np.array([_value(path, name, content[name], "vmax") for name in chosen]),
    )


def write_approximations(
    path: Path | str,
    ids: Sequence[str],
    surrogates: Polynomials | Rationals,
    *,
    x_low: Sequence[float] | Floats,
    x_high: Sequence[float] | Floats,
) -> None:
    """Write the approximations of bins ``ids``, with their ends (B,) in x.

    Where the surrogates know their grid, ``vmin`` and ``vmax`` are the range of its values: apprentice then
    leaves out bins whose data lie outside.

    Args:
        path: the file.
        ids: of the B bins.
        surrogates: those of the bins; for error approximations give surrogates of the errors.
        x_low: lower ends of the bins in x, (B,).
        x_high: upper ends of the bins in x, (B,).

    Raises:
        FormatError: if a bin stands twice or has no id, or if a number is not finite.

    >>> import tempfile
    >>> from lblhep.surrogates import Box
    >>> line = Polynomials(Box(["a"], [0.0], [1.0]), 1, [[1.5], [0.5]])
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     write_approximations(file.name, ["/A/d01#0"], line, x_low=[0.0], x_high=[1.0])
    ...     read_approximations(file.name).surrogates.values([1.0]).tolist()
    [2.0]
    """
    check_unique(path, ids)
    if len(ids) != surrogates.bins:
        raise FormatError(path, "", f"{len(ids)} ids for {surrogates.bins} bins", "give each bin its id")
    content: dict[str, Any] = {}
    for index, (name, low, high) in enumerate(zip(ids, x_low, x_high, strict=True)):
        content[name] = entry_of(surrogates, index) | {"xmin": float(low), "xmax": float(high)}
    content["__xmin"] = [float(low) for low in x_low]
    content["__xmax"] = [float(high) for high in x_high]
    try:
        write_json(path, content)
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            path, "", f"a number is not finite: {error}", "leave out bins that are not"
        ) from None


def _value(path: Path | str, name: str, entry: Mapping[str, Any], key: str) -> float:
    """Return the number ``key`` of a bin; NaN if it is not there."""
    given = entry.get(key)
    try:
        return np.nan if given is None else float(given)
    except (TypeError, ValueError):
        raise FormatError(path, f"{name}: {key}", f"{given!r:.60} is no number", "build it again") from None


def _edges(path: Path | str, content: Mapping[str, Any], key: str, names: Sequence[str]) -> Floats:
    """Return the ends of all bins: a bin's own, else from the list for all; NaN if neither is there."""
    listed = content.get(f"__{key}", [np.nan] * len(names))
    if not isinstance(listed, list) or len(listed) != len(names):
        raise FormatError(path, f"__{key}", f"not a list of {len(names)} ends", "one for each bin, in order")
    own = [
        content[name].get(key, end) if isinstance(content[name], dict) else end
        for name, end in zip(names, listed, strict=True)
    ]
    try:
        return np.array(own, dtype=np.float64)
    except (TypeError, ValueError):
        raise FormatError(path, key, "the end of a bin is no number", f"correct {key} or __{key}") from None
