"""This module keeps events of any number of particles in flat arrays, and reads and writes their table.

An event's particles lie beside each other in the flat arrays, from one entry of ``offsets`` to the next.
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
    """This class holds the short-lived particles of N events, R in all, that have decayed.

    Event i has ``offsets[i]`` to ``offsets[i + 1]`` of ``pdg`` (R,), the PDG codes, and of ``parent`` (R,).
    A parent is the place of a resonance among those of the same event, always a lower place than its own, or
    ``FROM_COLLISION``.
    """

    offsets: Integers
    pdg: Integers
    parent: Integers

    @classmethod
    def none(cls, n: int) -> Resonances:
        """Return the resonances of ``n`` events of a generator that does not tell any."""
        return cls(np.zeros(n + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Events:
    """This class holds N events with P particles in all.

    ``number`` (N,) is the event's id; ``beam`` (N,) and ``kinetic_energy`` (N,) are the pion's PDG code and
    kinetic energy in GeV; ``process`` (N,) is a code of ``experiments.hadron.events.processes``.  Event i
    has the particles ``offsets[i]`` to ``offsets[i + 1]`` of ``pdg`` (P,) and of ``momenta`` (P, 4) = (px,
    py, pz, E) in GeV, in the laboratory.  ``parent`` (P,) says from which resonance each particle comes, as
    in ``Resonances``. ``offsets`` (N + 1,) begins with 0.
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
        """Return the number of particles of each event, (N,)."""
        return np.diff(self.offsets)

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum over each event's particles: (P, ...) becomes (N, ...)."""
        # Differences of running sums would lose digits; reduceat wants no event without particles.
        total = np.zeros((len(self), *values.shape[1:]), dtype=values.dtype)
        some = self.multiplicity > 0
        total[some] = np.add.reduceat(values, self.offsets[:-1][some], axis=0)
        return total

    def of_particles(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return for each particle the value of its event: (N, ...) becomes (P, ...)."""
        return np.repeat(values, self.multiplicity, axis=0)

    def table(self) -> pa.Table:
        """Return a table with one row for each event, particles and resonances as lists."""
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
    """Return the events of a table with ``COLUMNS``.

    Raises ValueError if the lists of an event differ in length.
    """
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
    """Return where each event's lists begin, and the values of all events one after another."""
    lists = {name: _list(table[name]) for name in names}
    offsets = _offsets(lists[names[0]])
    for name, values in lists.items():
        if not np.array_equal(_offsets(values), offsets):
            raise ValueError(f"the lists of {name} and {names[0]} differ in length")
    return offsets, {name: values.flatten().to_numpy() for name, values in lists.items()}


def _list(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _offsets(lists: Any) -> Integers:
    """Return where each list begins, counted from 0, and where the last one ends."""
    offsets: Integers = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0]
