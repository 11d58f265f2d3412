"""Events of any number of particles: flat arrays and where each event begins in them, and their table.

The producers depend on this file: whatever changes here but docstrings makes the data sets anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lblhep.annotations import Floats, Integers

PARTICLE_COLUMNS = ("pdg", "px", "py", "pz", "e", "parent")
RESONANCE_COLUMNS = ("resonance", "resonance_parent")
COLUMNS = ("event", "beam", "kinetic_energy", "process", *PARTICLE_COLUMNS, *RESONANCE_COLUMNS)
FROM_COLLISION = -1  # the parent of what comes from the collision itself


@dataclass(frozen=True)
class Resonances:
    """The short-lived particles of N events, R in all, that have decayed to those that are left.

    Event i has ``offsets[i]`` to ``offsets[i + 1]`` of ``pdg`` (R,) and ``parent`` (R,).  A parent is a place
    among the same event's resonances, a lower one, or ``FROM_COLLISION``.
    """

    offsets: Integers
    pdg: Integers
    parent: Integers

    @classmethod
    def none(cls, n: int) -> Resonances:
        """Those of ``n`` events of a generator that does not tell."""
        return cls(np.zeros(n + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Events:
    """N events with P particles in all.

    ``number`` (N,) is the event's id; ``beam`` (N,) and ``kinetic_energy`` (N,) are the pion's PDG code and
    kinetic energy in GeV; ``process`` (N,) is a code of ``experiments.hadron.events.processes``.  Event i has the
    particles ``offsets[i]`` to ``offsets[i + 1]`` of ``pdg`` (P,) and ``momenta`` (P, 4) = (px, py, pz, E) in
    GeV, in the laboratory, and of ``parent`` (P,), as in ``Resonances``; ``offsets`` (N + 1,) begins with 0.
    """

    number: Integers
    beam: Integers
    kinetic_energy: Floats
    process: Integers
    offsets: Integers
    pdg: Integers
    momenta: Floats
    parent: Integers
    resonances: Resonances

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
        """One row an event; particles and resonances as lists."""
        particles = zip(PARTICLE_COLUMNS, (self.pdg, *self.momenta.T, self.parent), strict=True)
        resonances = zip(RESONANCE_COLUMNS, (self.resonances.pdg, self.resonances.parent), strict=True)
        return pa.table(
            {
                "event": self.number,
                "beam": self.beam,
                "kinetic_energy": self.kinetic_energy,
                "process": self.process,
                **{name: _lists(self.offsets, values) for name, values in particles},
                **{name: _lists(self.resonances.offsets, values) for name, values in resonances},
            }
        )


def read_events(table: pa.Table) -> Events:
    """The events of a table with ``COLUMNS``; ValueError if an event's lists differ in length."""
    table = table.combine_chunks()
    offsets, particles = _flat(table, PARTICLE_COLUMNS)
    resonance_offsets, resonances = _flat(table, RESONANCE_COLUMNS)
    return Events(
        number=table["event"].to_numpy().astype(np.int64),
        beam=table["beam"].to_numpy(),
        kinetic_energy=table["kinetic_energy"].to_numpy(),
        process=table["process"].to_numpy().astype(np.int64),
        offsets=offsets,
        pdg=particles["pdg"],
        momenta=np.stack([particles[name] for name in ("px", "py", "pz", "e")], axis=1),
        parent=particles["parent"],
        resonances=Resonances(resonance_offsets, resonances["resonance"], resonances["resonance_parent"]),
    )


def _lists(offsets: Integers, values: NDArray[Any]) -> Any:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def _flat(table: pa.Table, names: Sequence[str]) -> tuple[Integers, dict[str, NDArray[Any]]]:
    """Where each event's lists begin, and the values of all events one after another."""
    lists = {name: _list(table[name]) for name in names}
    offsets = _offsets(lists[names[0]])
    for name, values in lists.items():
        if not np.array_equal(_offsets(values), offsets):
            raise ValueError(f"the lists of {name} and {names[0]} differ in length")
    return offsets, {name: values.flatten().to_numpy() for name, values in lists.items()}


def _list(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _offsets(lists: Any) -> Integers:
    """Where each list begins, from 0, and where the last ends."""
    offsets: Integers = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0]
