"""Geant4's final states as a group would write them, in the columns of ``experiments.hadron.events``.

Both layouts have one row an event, in the laboratory with the pion along +z, and Geant4's unit, the MeV:

* a TTree with ``beam`` (PDG code of the pion), ``T`` (its kinetic energy) and the vectors ``pdg``, ``px``,
  ``py``, ``pz``, ``E``;
* a CSV file with ``beam``, ``T`` and a fixed number of leading hadrons, ``pdg1,px1,py1,pz1,E1,pdg2,...``,
  where an event with fewer has ``pdg`` 0.  What is not among the leading hadrons is missing from the sums.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.hadron.events import COLLISION, Events, Resonances
from experiments.hadron.processes import UNKNOWN
from lblhep.cards.formats import read_csv, read_root

MEV_PER_GEV = 1000  # exact: 700 MeV are 0.7 GeV, and 700 * 1e-3 is not
MOMENTA = ("px", "py", "pz", "E")


def geant4_root(path: Path) -> pa.Table:
    """Read a ROOT file with one TTree of vectors."""
    tree = read_root(path)
    lists = {name: tree[name].combine_chunks() for name in ("pdg", *MOMENTA)}
    multiplicity = {name: pc.list_value_length(values).to_numpy() for name, values in lists.items()}
    for name in MOMENTA:
        if not np.array_equal(multiplicity[name], multiplicity["pdg"]):
            raise ValueError(f"the vectors {name} and pdg differ in length")
    flat = {name: values.flatten().to_numpy() for name, values in lists.items()}
    return _events(tree, multiplicity["pdg"], flat)


def geant4_csv(path: Path) -> pa.Table:
    """Read a CSV file of leading hadrons."""
    rows = read_csv(path)
    places = sorted(int(name[3:]) for name in rows.column_names if re.fullmatch(r"pdg\d+", name))
    if not places:
        raise ValueError("there is no column pdg1")
    padded = {
        name: np.stack([rows[f"{name}{place}"].to_numpy() for place in places], axis=1)
        for name in ("pdg", *MOMENTA)
    }
    there = padded["pdg"] != 0
    return _events(rows, there.sum(axis=1), {name: values[there] for name, values in padded.items()})


def _events(rows: pa.Table, multiplicity: NDArray[Any], flat: dict[str, NDArray[Any]]) -> pa.Table:
    """The columns, from each row's number of particles and the particles one after another."""
    return Events(
        number=np.arange(len(rows)),
        beam=rows["beam"].to_numpy().astype(np.int64),
        kinetic_energy=rows["T"].to_numpy().astype(np.float64) / MEV_PER_GEV,
        process=np.full(len(rows), UNKNOWN),
        offsets=np.concatenate([[0], np.cumsum(multiplicity)]),
        pdg=flat["pdg"].astype(np.int64),
        momenta=np.stack([flat[name].astype(np.float64) for name in MOMENTA], axis=1) / MEV_PER_GEV,
        parent=np.full(len(flat["pdg"]), COLLISION),
        resonances=Resonances.none(len(rows)),
    ).table()
