"""Events of any number of particles: flat arrays and where each event begins in them, and their table.

The producers depend on this file: whatever changes here but docstrings makes the data sets anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = ("event", "beam", "kinetic_energy", "process", "pdg", "px", "py", "pz", "e")


@dataclass(frozen=True)
class Events:
    """N events with P particles in all.

    ``number`` (N,) is the event's id; ``beam`` (N,) and ``kinetic_energy`` (N,) are the pion's PDG code and
    kinetic energy in GeV; ``process`` (N,) is a code of ``experiments.hadron.processes``.  Event i has the
    particles ``offsets[i]`` to ``offsets[i + 1]`` of ``pdg`` (P,) and ``momenta`` (P, 4) = (px, py, pz, E) in
    GeV, in the laboratory; ``offsets`` (N + 1,) begins with 0.
    """

    number: Integers
    beam: Integers
    kinetic_energy: Floats
    process: Integers
    offsets: Integers
    pdg: Integers
    momenta: Floats

    def __len__(self) -> int:
        return len(self.number)

    @property
    def multiplicity(self) -> Integers:
        """Particles of each event, (N,)."""
        return np.diff(self.offsets)

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sums over each event's particles: (P, ...) to (N, ...)."""
        # Differences of running sums would lose digits; reduceat wants no event without particles.
        total = np.zeros((len(self), *values.shape[1:]), dtype=values.dtype)
        some = self.multiplicity > 0
        total[some] = np.add.reduceat(values, self.offsets[:-1][some], axis=0)
        return total

    def of_particles(self, values: NDArray[Any]) -> NDArray[Any]:
        """Each particle's event's value: (N, ...) to (P, ...)."""
        return np.repeat(values, self.multiplicity, axis=0)

    def table(self) -> pa.Table:
        """One row an event; particles as lists."""
        offsets = pa.array(self.offsets.astype(np.int32))
        flat = {"pdg": self.pdg} | dict(zip(("px", "py", "pz", "e"), self.momenta.T, strict=True))
        return pa.table(
            {
                "event": self.number,
                "beam": self.beam,
                "kinetic_energy": self.kinetic_energy,
                "process": self.process,
                **{name: pa.ListArray.from_arrays(offsets, pa.array(v)) for name, v in flat.items()},
            }
        )


def read_events(table: pa.Table) -> Events:
    """The events of a table with ``COLUMNS``; ValueError if an event's lists differ in length."""
    table = table.combine_chunks()
    lists = {name: _list(table[name]) for name in ("pdg", "px", "py", "pz", "e")}
    offsets = _offsets(lists["pdg"])
    for name, values in lists.items():
        if not np.array_equal(_offsets(values), offsets):
            raise ValueError(f"the lists of {name} and pdg differ in length")
    return Events(
        number=table["event"].to_numpy().astype(np.int64),
        beam=table["beam"].to_numpy(),
        kinetic_energy=table["kinetic_energy"].to_numpy(),
        process=table["process"].to_numpy().astype(np.int64),
        offsets=offsets,
        pdg=lists["pdg"].flatten().to_numpy(),
        momenta=np.stack([lists[name].flatten().to_numpy() for name in ("px", "py", "pz", "e")], axis=1),
    )


def _list(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _offsets(lists: Any) -> Integers:
    """Where each list begins, from 0, and where the last ends."""
    offsets: Integers = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0]
