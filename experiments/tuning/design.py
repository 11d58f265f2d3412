"""Where in a box of parameters the generator is run: scrambled Sobol points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import qmc

DIGITS = 6  # a point is known by the numbers that a table shows


def sobol_design(box: Mapping[str, Sequence[float]], n_points: int, seed: int) -> list[dict[str, float]]:
    """``n_points`` points (a power of 2, which keeps the sequence balanced) in ``{name: [low, high]}``."""
    exponent = n_points.bit_length() - 1
    if n_points != 2**exponent:
        raise ValueError(f"a Sobol design has 2^k points, not {n_points}")
    low, high = np.array(list(box.values()), dtype=float).T
    unit = qmc.Sobol(len(box), scramble=True, rng=np.random.default_rng(seed)).random_base2(exponent)
    points = (low + (high - low) * unit).round(DIGITS)
    return [dict(zip(box, map(float, point), strict=True)) for point in points]
