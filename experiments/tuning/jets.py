"""Jet resolutions: the y at which an event turns from n + 1 into n jets, by the Durham or the JADE measure.

Pairs are merged one after another, the closest first, by adding four-momenta (the E scheme), all events of
equal multiplicity at once.  y_ij = 2 (1 - cos) m / E_vis^2 with m = min(E_i, E_j)^2 (Durham, Phys. Lett. B
269 (1991) 432) or m = E_i E_j (JADE, Z. Phys. C 33 (1986) 23); E_vis is the energy of the particles given.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Literal["durham", "jade"]
MOST_JETS = 4  # D_4 is the largest jet rate that was measured


def resolutions(momenta: Floats, measure: Measure) -> Floats:
    """y_23, y_34, y_45 (events, 3) of events (events, particles, 4); 0 where there are too few particles.

    y is the largest met on the way to n jets: merging is not quite monotonic, and an event has n jets or
    fewer at every resolution above it.
    """
    p = momenta.copy()
    events, n, _ = p.shape
    each = np.arange(events)
    visible2 = p[:, :, 3].sum(axis=1) ** 2
    distance = _distance(p[:, :, None], p[:, None, :], measure)
    distance[:, np.arange(n), np.arange(n)] = np.inf
    y = np.zeros((events, MOST_JETS - 1))
    largest = np.zeros(events)
    for left in range(n, 2, -1):  # jets before the merging
        open_ = distance[:, :left, :left]
        nearest = open_.argmin(axis=2)
        i = np.take_along_axis(open_, nearest[:, :, None], axis=2)[:, :, 0].argmin(axis=1)
        j = nearest[each, i]
        i, j = np.minimum(i, j), np.maximum(i, j)
        largest = np.maximum(largest, distance[each, i, j])
        if left - 1 <= MOST_JETS:
            y[:, left - 3] = largest / visible2
        _merge(p, distance, i, j, left, measure)
    return y


def _merge(
    p: Floats, distance: Floats, i: NDArray[np.int64], j: NDArray[np.int64], left: int, measure: Measure
) -> None:
    """Put i + j in the place of i, and the last jet in the place of j."""
    each, last = np.arange(len(p)), left - 1
    p[each, i] += p[each, j]
    p[each, j] = p[:, last]
    distance[each, j, :left] = distance[:, last, :left]
    distance[each, :left, j] = distance[:, :left, last]
    distance[each, j, j] = np.inf
    new = _distance(p[each, i][:, None], p[:, :last], measure)
    distance[each, i, :last] = new
    distance[each, :last, i] = new
    distance[each, i, i] = np.inf


def _distance(p: Floats, q: Floats, measure: Measure) -> Floats:
    """y_ij E_vis^2 of momenta whose last axis is (px, py, pz, E)."""
    size = np.sqrt((p[..., :3] ** 2).sum(axis=-1) * (q[..., :3] ** 2).sum(axis=-1))
    cosine = (p[..., :3] * q[..., :3]).sum(axis=-1) / np.maximum(size, 1e-300)
    one, other = p[..., 3], q[..., 3]
    scale = np.minimum(one, other) ** 2 if measure == "durham" else one * other
    distance: Floats = 2 * scale * np.maximum(1 - cosine, 0.0)
    return distance
