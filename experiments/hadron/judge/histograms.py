"""The report draws these distributions of events beside the generator's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lblhep.annotations import Floats

BINS = 40
PLANE = ("x1", "pt1")  # the leading hadron's longitudinal share and transverse momentum
PLANE_BINS = 30
TAIL_SHARE = 0.002  # of the generator's events beyond either edge


def histograms(samples: Mapping[str, Mapping[str, Floats]]) -> dict[str, Floats]:
    """Return shares of events in bins, of every variable that a sample has: ``<variable>/<sample>`` (BINS,).

    ``samples`` are values (N,) by sample and variable; the one called "generator" gives the ``edges`` of
    each variable (BINS + 1,).  Events beyond an edge are in no bin.  ``plane/<sample>`` is that of
    ``PLANE``, (PLANE_BINS, PLANE_BINS), with ``plane/x`` and ``plane/y`` for edges; ``events/<sample>`` is
    their number.
    """
    truth = samples["generator"]
    edges = {name: _edges(values, BINS) for name, values in truth.items()}
    x, y = (_edges(truth[name], PLANE_BINS) for name in PLANE)
    found = {f"{name}/edges": e for name, e in edges.items()} | {"plane/x": x, "plane/y": y}
    for label, values in samples.items():
        for name, own in values.items():
            found[f"{name}/{label}"] = np.histogram(own, edges[name])[0] / len(own)
        found[f"events/{label}"] = np.array(len(next(iter(values.values()))))
        one, other = (values[name] for name in PLANE)
        found[f"plane/{label}"] = np.histogram2d(one, other, (x, y))[0] / len(one)
    return found


def _edges(values: Floats, bins: int) -> Floats:
    low, high = np.quantile(values, [TAIL_SHARE, 1 - TAIL_SHARE])
    return np.linspace(low, high, bins + 1)
