"""Compute the networks' inputs from the columns of a dijet sample.

Whatever follows m_jj lets a network tell signal region from sidebands on background alone, and a cut on its
output then carves a bump.  Jet masses grow with m_jj, so they enter as fractions of it.  ``ht`` is kept to
show the failure: it is almost m_jj itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[np.float32]]

FEATURES: dict[str, tuple[tuple[str, ...], Callable[[Columns], NDArray[np.float32]]]] = {
    "m_j1_over_mjj": (("m_j1", "mjj"), lambda c: c["m_j1"] / c["mjj"]),
    "m_j2_over_mjj": (("m_j2", "mjj"), lambda c: c["m_j2"] / c["mjj"]),
    "delta_m_over_mjj": (("m_j1", "m_j2", "mjj"), lambda c: (c["m_j1"] - c["m_j2"]) / c["mjj"]),
    "ht": (("pt_j1", "pt_j2"), lambda c: c["pt_j1"] + c["pt_j2"]),
}
for _name in ("tau21_j1", "tau21_j2", "tau32_j1", "tau32_j2", "n_j1", "n_j2"):
    FEATURES[_name] = ((_name,), lambda c, name=_name: c[name])

LABELS = {
    "m_j1_over_mjj": r"$m_{J_1}/m_{JJ}$",
    "m_j2_over_mjj": r"$m_{J_2}/m_{JJ}$",
    "delta_m_over_mjj": r"$(m_{J_1}-m_{J_2})/m_{JJ}$",
    "ht": r"$H_T$ [GeV]",
    "tau21_j1": r"$\tau_{21}(J_1)$",
    "tau21_j2": r"$\tau_{21}(J_2)$",
    "tau32_j1": r"$\tau_{32}(J_1)$",
    "tau32_j2": r"$\tau_{32}(J_2)$",
    "n_j1": r"$n(J_1)$",
    "n_j2": r"$n(J_2)$",
}


def columns_needed(features: Sequence[str]) -> list[str]:
    """Return the sample's columns that ``features`` are computed from; raise ValueError for an unknown
    name."""
    unknown = [name for name in features if name not in FEATURES]
    if unknown:
        raise ValueError(f"unknown feature {unknown[0]!r}; known: {', '.join(FEATURES)}")
    return sorted({column for name in features for column in FEATURES[name][0]})


def compute(features: Sequence[str], columns: Columns) -> NDArray[np.float32]:
    """Compute the feature table, shape (events, features), float32."""
    return np.stack([FEATURES[name][1](columns) for name in features], axis=1).astype(np.float32)
