"""A generator is run in a box of named parameters, at the points of a design that fills it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import qmc

from lblhep.annotations import Floats

EDGE_TOLERANCE = 1e-9  # of the half-width: a point on the edge may be off by round-off


class Box:
    """Parameters ``names`` between ``low`` and ``high``, each (d,), in the parameters' own units.

    Raises ValueError for repeated names, wrong lengths, and ends that are not finite and increasing.

    >>> box = Box(["alphaS", "sigma"], [0.10, 0.2], [0.16, 0.5])
    >>> box.scale([0.13, 0.5]).round(6).tolist()
    [0.0, 1.0]
    >>> box.sobol(8, seed=1).shape
    (8, 2)
    """

    def __init__(self, names: Sequence[str], low: ArrayLike, high: ArrayLike) -> None:
        self.names = tuple(names)
        self.low: Floats = np.array(low, dtype=np.float64)
        self.high: Floats = np.array(high, dtype=np.float64)
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"a box needs different names of parameters, not {self.names}")
        if not self.low.shape == self.high.shape == (len(self.names),):
            raise ValueError(
                f"{len(self.names)} names, but ends of shape {self.low.shape} and {self.high.shape}"
            )
        for name, a, b in zip(self.names, self.low, self.high, strict=True):
            if not (np.isfinite(a) and np.isfinite(b) and a < b):
                raise ValueError(f"{name}: the low end {a} must be finite and below the high end {b}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def half_width(self) -> Floats:
        """Return half of each parameter's range, (d,)."""
        return np.asarray((self.high - self.low) / 2)

    def index(self, name: str) -> int:
        """Return the position of a parameter; raise KeyError with the names there are."""
        if name not in self.names:
            raise KeyError(f"no parameter {name!r}; the box has {', '.join(self.names)}")
        return self.names.index(name)

    def point(self, values: Mapping[str, float]) -> Floats:
        """Return a point (d,) from named values, all of them."""
        if set(values) != set(self.names):
            raise KeyError(f"a point needs a value for each of {', '.join(self.names)}, not {sorted(values)}")
        return np.array([values[name] for name in self.names])

    def scale(self, points: ArrayLike) -> Floats:
        """Return points (..., d) in coordinates that run over [-1, 1].

        Raises ValueError if one is outside the box.
        """
        p = np.asarray(points, dtype=np.float64)
        if p.ndim < 1 or p.shape[-1] != len(self):
            raise ValueError(f"points of shape {p.shape}: the last axis must be the {len(self)} parameters")
        x = (2 * p - self.low - self.high) / (self.high - self.low)
        outside = ~(abs(x) <= 1 + EDGE_TOLERANCE)  # true for NaN as well
        if outside.any():
            *_, column = np.argwhere(outside)[0]
            name, value = self.names[column], p[outside][0]
            raise ValueError(
                f"{name} = {value:g} is outside the box, {self.low[column]:g} to {self.high[column]:g}:"
                " surrogates hold only inside; run the generator in a larger box"
            )
        return np.asarray(np.clip(x, -1, 1))

    def unscale(self, x: ArrayLike) -> Floats:
        """Return points (..., d) in the parameters' own units from coordinates in [-1, 1]."""
        return np.asarray((self.low + self.high) / 2 + np.asarray(x, dtype=np.float64) * self.half_width)

    def sobol(self, count: int, seed: int | np.random.Generator) -> Floats:
        """Return a scrambled Sobol design (count, d); ValueError unless ``count`` is 2^k."""
        exponent = max(count, 1).bit_length() - 1
        below, above = 2**exponent, 2 ** (exponent + 1)
        if count != below:
            raise ValueError(
                f"a Sobol design is balanced only with 2^k points: {below} or {above}, not {count};"
                " a Latin hypercube takes any number"
            )
        return self.unscale(
            2 * qmc.Sobol(len(self), rng=np.random.default_rng(seed)).random_base2(exponent) - 1
        )

    def latin_hypercube(self, count: int, seed: int | np.random.Generator) -> Floats:
        """Return a Latin-hypercube design (count, d): each parameter visits each of ``count`` slices once."""
        if count < 1:
            raise ValueError(f"a design needs at least one point, not {count}")
        return self.unscale(
            2 * qmc.LatinHypercube(len(self), rng=np.random.default_rng(seed)).random(count) - 1
        )
