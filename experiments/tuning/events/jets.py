"""Find the y at which an event turns from n + 1 into n jets, by the Durham or the JADE measure.

Pairs are merged one after another, the closest first, by adding four-momenta (the E scheme), all events of
equal multiplicity at once.  y_ij = 2 (1 - cos) m / E_vis^2 with m = min(E_i, E_j)^2 (Durham, Phys. Lett. B
269 (1991) 432) or m = E_i E_j (JADE, Z. Phys. C 33 (1986) 23); E_vis is the energy of the particles given.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lblhep.annotations import Floats

Measure = Literal["durham", "jade"]
MAX_JETS = 4  # D_4 is the largest jet rate that was measured


def resolutions(momenta: Floats, measure: Measure) -> Floats:
    """Return y_23, y_34, y_45 (events, 3) of events (events, particles, 4); 0 where particles are too few.

    y is the largest met on the way to n jets: merging is not quite monotonic, and an event has n jets or
    fewer at every resolution above it.
    """
    p = momenta.copy()
    events, n, _ = p.shape
    each = np.arange(events)
    unit = p[..., :3] / _size(p)[..., None]
    distance = _distance(unit @ unit.transpose(0, 2, 1), p[:, :, None, 3], p[:, None, :, 3], measure)
    distance[:, np.arange(n), np.arange(n)] = np.inf
    y = np.zeros((events, MAX_JETS - 1))
    largest = np.zeros(events)
    for left in range(n, 2, -1):  # jets before the merging
        i = distance[:, :left, :left].min(axis=2).argmin(axis=1)
        j = distance[each, i, :left].argmin(axis=1)
        i, j = np.minimum(i, j), np.maximum(i, j)
        largest = np.maximum(largest, distance[each, i, j])
        if left - 1 <= MAX_JETS:
            y[:, left - 3] = largest
        _merge(p, unit, distance, i, j, left, measure)
    scaled: Floats = y / momenta[..., 3].sum(axis=1)[:, None] ** 2
    return scaled


def _merge(
    p: Floats,
    unit: Floats,
    distance: Floats,
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    left: int,
    measure: Measure,
) -> None:
    """Put i + j in the place of i, and the last jet in the place of j."""
    each, last = np.arange(len(p)), left - 1
    merged = p[each, i] + p[each, j]
    direction = merged[:, :3] / _size(merged)[:, None]
    p[each, i], unit[each, i] = merged, direction
    p[each, j], unit[each, j] = p[:, last], unit[:, last]
    distance[each, j, :left] = distance[:, last, :left]
    distance[each, :left, j] = distance[:, :left, last]
    cosine = (unit[:, :last] @ direction[:, :, None])[..., 0]
    new = _distance(cosine, merged[:, None, 3], p[:, :last, 3], measure)
    distance[each, i, :last] = new
    distance[each, :last, i] = new
    distance[each, i, i] = distance[each, j, j] = np.inf


def _distance(cosine: Floats, one: Floats, other: Floats, measure: Measure) -> Floats:
    """Return y_ij E_vis^2 of pairs with these energies."""
    scale = np.minimum(one, other) ** 2 if measure == "durham" else one * other
    distance: Floats = 2 * scale * np.maximum(1 - cosine, 0.0)
    return distance


def _size(p: Floats) -> Floats:
    """Return |p| of momenta (..., 4), which round-off alone keeps from 0."""
    size: Floats = np.sqrt(np.einsum("...k,...k->...", p[..., :3], p[..., :3]))
    return np.maximum(size, 1e-300)
