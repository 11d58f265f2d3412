"""Read the public R&D features of the LHC Olympics (doi:10.5281/zenodo.6466204) into our sample's columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lblhep.annotations import Floats
from lblhep.cards.formats import read_hdf5

PER_JET = ("px", "py", "pz", "m", "tau1", "tau2", "tau3")


def lhco_features(path: Path) -> pa.Table:
    """Read a features file: a pandas frame of momenta, masses and tau_1 to tau_3 of the two leading jets.

    The file counts jets by pT, in GeV; here j1 is the heavier jet.
    """
    frame = read_hdf5(path, [*(f"{name}j{jet}" for name in PER_JET for jet in (1, 2)), "label"])

    def both(name: str) -> Floats:
        """Return the quantity ``name`` of the two jets, shape (events, 2)."""
        return np.stack([frame[f"{name}j{jet}"].to_numpy().astype(np.float64) for jet in (1, 2)], axis=1)

    px, py, pz, mass = both("px"), both("py"), both("pz"), both("m")
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / pt)
    per_jet = {
        "pt": pt,
        "m": mass,
        "tau21": _ratio(both("tau2"), both("tau1")),
        "tau32": _ratio(both("tau3"), both("tau2")),
    }
    columns: dict[str, NDArray[Any]] = {
        "mjj": _pair_mass(px, py, pz, mass),
        "delta_eta": abs(eta[:, 0] - eta[:, 1]),
    }
    heavier_first = np.argsort(-mass, axis=1, kind="stable")
    for name, values in per_jet.items():
        ordered = np.take_along_axis(values, heavier_first, axis=1)
        columns |= {f"{name}_j1": ordered[:, 0], f"{name}_j2": ordered[:, 1]}
    return pa.table(
        {
            "event": np.arange(len(mass), dtype=np.int32),
            "process": frame["label"].to_numpy().astype(np.int8),
            **{name: values.astype(np.float32) for name, values in columns.items()},
        }
    )


def _pair_mass(px: Floats, py: Floats, pz: Floats, mass: Floats) -> Floats:
    """Return the invariant mass of each event's two jets in GeV; arguments of shape (events, 2)."""
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2).sum(axis=1)
    momentum2 = px.sum(axis=1) ** 2 + py.sum(axis=1) ** 2 + pz.sum(axis=1) ** 2
    return np.sqrt(np.maximum(energy**2 - momentum2, 0.0))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the ratio, zero where the denominator is (jets of one or two particles)."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
