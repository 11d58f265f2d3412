"""Read and write apprentice's HDF5 files of generator runs, which it approximates (``io.py`` of 1.1).

| data set | shape | what |
|---|---|---|
| runs | (N,) | name of each run, in order |
| index | (B,) | id of each bin |
| params | (N, d) | parameters of each run; attribute ``names`` (d,) |
| values, errors | (B, N) | contents and Monte Carlo errors; NaN where a run failed or has no such bin |
| total_err | (B, N) | the errors, where there are no ``errors`` |
| xmin, xmax | (B,) | ends of the bins |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lblhep.annotations import Floats
from lblhep.surrogates import Box, Grid
from lblhep.surrogates.exchange.files import FormatError, check_unique, commit

COMPRESSION = 4  # of gzip, as apprentice's
ERRORS = ("errors", "total_err")  # names of the errors; the first that a file has counts


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs are what a generator gave in N runs, in B bins.

    ``points`` (N, d) belong to parameters ``names``; ``values`` and ``errors`` (N, B) to bins ``ids`` from
    ``x_low`` to ``x_high`` (B,).  ``errors`` are None if the file has none.
    """

    runs: tuple[str, ...]
    names: tuple[str, ...]
    points: Floats
    ids: tuple[str, ...]
    values: Floats
    errors: Floats | None
    x_low: Floats
    x_high: Floats

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Return which runs gave a finite value and error of which bin, (N, B)."""
        errors = 0.0 if self.errors is None else self.errors
        return np.asarray(np.isfinite(self.values + errors))

    @property
    def box(self) -> Box:
        """Return the smallest box around the points, which is apprentice's."""
        return Box(self.names, self.points.min(axis=0), self.points.max(axis=0))

    def only(self, bins: ArrayLike, runs: ArrayLike | None = None) -> Runs:
        """Return these runs with some of the bins and runs only: indices or masks (B,), (N,)."""
        chosen = np.arange(len(self.ids))[np.asarray(bins)]
        kept = np.arange(len(self.runs))[slice(None) if runs is None else np.asarray(runs)]
        return Runs(
            tuple(self.runs[index] for index in kept),
            self.names,
            self.points[kept],
            tuple(self.ids[index] for index in chosen),
            self.values[np.ix_(kept, chosen)],
            None if self.errors is None else self.errors[np.ix_(kept, chosen)],
            self.x_low[chosen],
            self.x_high[chosen],
        )

    def parts(self) -> tuple[Runs, ...]:
        """Return the bins that the same runs filled, without the other runs.

        There is one part if each run failed as a whole.

        ValueError names a bin that no run filled.
        """
        filled = self.filled
        if not filled.any(axis=0).all():
            empty = self.ids[int(np.argmin(filled.any(axis=0)))]
            raise ValueError(f"{empty} is finite in no run; leave it out: runs.only(runs.filled.any(axis=0))")
        alike: dict[bytes, list[int]] = {}
        for index, column in enumerate(filled.T):
            alike.setdefault(column.tobytes(), []).append(index)
        return tuple(self.only(bins, filled[:, bins[0]]) for bins in alike.values())

    def grid(self, box: Box | None = None, *, error_floor: float | ArrayLike | None = None) -> Grid:
        """Return the grid of the surrogates in ``box`` (default ``Runs.box``), without the runs that failed.

        ``error_floor`` (a number, or (B,)) lifts the errors of bins that no event filled.  ValueError names a
        bin that has no error in some run, and one that failed in other runs than the first bin.
        """
        parts = self.parts()
        if len(parts) != 1:
            found = f"{parts[1].ids[0]} failed in other runs than {parts[0].ids[0]}" if parts else "no bin"
            raise ValueError(
                f"{found}: fit such bins apart, in one box: "
                "[fit(part.grid(runs.box)) for part in runs.parts()]"
            )
        runs, errors = parts[0], parts[0].errors
        if errors is not None:
            errors = errors if error_floor is None else np.maximum(errors, error_floor)
            if not (errors > 0).all():
                run, index = np.argwhere(~(errors > 0))[0]
                remedy = "give error_floor, such as the error of one event"
                raise ValueError(f"{runs.ids[index]} has no error in run {runs.runs[run]}; {remedy}")
        return Grid(runs.box if box is None else box, runs.points, runs.values, errors=errors)


def read_runs(path: Path | str) -> Runs:
    """Read the runs of a file of apprentice.

    Raises FormatError with the data set that is missing or of wrong shape.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise FormatError(
            path, "", f"cannot be read: {error}", "expected an HDF5 file of app-build"
        ) from None
    with file:
        points, values = _floats(path, file, "params"), _floats(path, file, "values")
        given = next((key for key in ERRORS if key in file), None)
        errors = None if given is None else _floats(path, file, given)
        ids, x_low, x_high = (
            _texts(path, file, "index"),
            _floats(path, file, "xmin"),
            _floats(path, file, "xmax"),
        )
        runs = _texts(path, file, "runs") if "runs" in file else tuple(map(str, range(len(points))))
        names = tuple(map(_text, file["params"].attrs.get("names", ())))
    n, b, d = len(runs), len(ids), len(names)
    shapes = {
        "params": (points, (n, d)),
        "values": (values, (b, n)),
        "xmin": (x_low, (b,)),
        "xmax": (x_high, (b,)),
    }
    if given is not None and errors is not None:
        shapes[given] = (errors, (b, n))
    for key, (array, shape) in shapes.items():
        if array.shape != shape:
            problem = f"shape {array.shape} for {n} runs, {b} bins in 'index' and {d} 'names' of parameters"
            raise FormatError(path, key, problem, f"expected {shape}")
    check_unique(path, ids)
    return Runs(runs, names, points, ids, values.T, None if errors is None else errors.T, x_low, x_high)


def write_runs(path: Path | str, runs: Runs) -> None:
    """Write a file that apprentice's ``app-build`` reads, whole or not at all."""
    check_unique(path, runs.ids)
    n, b = runs.values.shape
    errors = np.zeros((n, b)) if runs.errors is None else np.broadcast_to(runs.errors, (n, b))
    arrays = {
        "runs": np.char.encode(np.array(runs.runs, dtype=str), "utf8"),
        "index": np.char.encode(np.array(runs.ids, dtype=str), "utf8"),
        "params": runs.points,
        "values": runs.values.T,
        "errors": errors.T,
        "xmin": runs.x_low,
        "xmax": runs.x_high,
    }
    lengths = (len(runs.runs), len(runs.points), len(runs.ids), len(runs.x_low), len(runs.x_high))
    if lengths != (n, n, b, b, b) or runs.points.shape[1] != len(runs.names):
        problem = f"{lengths} runs, points, ids, low and high ends for values of shape {n, b}"
        raise FormatError(
            path, "", problem, "one of each run and one of each bin, and a name of each parameter"
        )

    def fill(draft: Path) -> None:
        with h5py.File(draft, "w") as file:
            for key, array in arrays.items():
                file.create_dataset(key, data=array, compression=COMPRESSION)
            file["params"].attrs["names"] = [name.encode() for name in runs.names]

    commit(path, fill)


def runs_of(grid: Grid, ids: Sequence[str], x_low: ArrayLike, x_high: ArrayLike) -> Runs:
    """Return a grid as runs that can be written; they are named by their number, with leading zeros.

    Args:
        grid: the grid, of N points and B bins.
        ids: of the bins.
        x_low: lower ends of the bins in x, (B,).
        x_high: upper ends of the bins in x, (B,).

    Returns:
        The runs, one for each point.

    >>> import tempfile
    >>> grid = Grid(Box(["a"], [0.0], [1.0]), [[0.0], [1.0]], [[3.0], [4.0]], errors=[[0.1], [0.1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_runs(f"{folder}/runs.h5", runs_of(grid, ["/A/d01#0"], [0.0], [1.0]))
    ...     read_runs(f"{folder}/runs.h5").values.tolist()
    [[3.0], [4.0]]
    """
    width = len(str(len(grid) - 1))
    return Runs(
        tuple(f"{run:0{width}d}" for run in range(len(grid))),
        grid.box.names,
        grid.points,
        tuple(ids),
        grid.values,
        None if grid.errors is None else np.array(grid.errors),
        np.asarray(x_low, dtype=np.float64),
        np.asarray(x_high, dtype=np.float64),
    )


def _floats(path: Path | str, file: h5py.File, key: str) -> Floats:
    return np.asarray(_data(path, file, key), dtype=np.float64)


def _texts(path: Path | str, file: h5py.File, key: str) -> tuple[str, ...]:
    return tuple(map(_text, _data(path, file, key)))


def _data(path: Path | str, file: h5py.File, key: str) -> NDArray[np.generic]:
    if not isinstance(file.get(key), h5py.Dataset):
        found = ", ".join(file) or "nothing"
        raise FormatError(
            path, key, f"there is no such data set, but {found}", "expected a file of app-build"
        )
    return np.asarray(file[key][()])


def _text(entry: bytes | str) -> str:
    return entry.decode() if isinstance(entry, bytes) else str(entry)
