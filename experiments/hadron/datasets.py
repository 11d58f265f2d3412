"""Which collisions a model trains on, which choose among its epochs, and which judge it.

Energies near the test energies are never trained on: a model must interpolate.  Validation has windows of its
own; the test samples, at the test energies themselves, are another card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from experiments.hadron.channels import find_channels
from experiments.hadron.events import COLUMNS, read_events
from experiments.hadron.interactions import Interactions, interactions, near
from experiments.hadron.steps import Decays, Given, collision, decays


class PionProton:
    """``training`` and ``validation``, both ``Interactions``.

    Energies within ``half_width`` in ln T of a ``held_out`` one (GeV) are left out, those within
    ``validation_half_width`` of one of ``validation`` validate.
    """

    def __init__(
        self,
        data: Any,
        rng: np.random.Generator,
        *,
        held_out: Sequence[float] = (0.7, 3, 12),
        half_width: float = 0.35,
        validation: Sequence[float] = (1.45, 6),
        validation_half_width: float = 0.1,
        batch_size: int = 1024,
    ) -> None:
        every = interactions(read_events(data.table(COLUMNS)), rng)
        test = near(every.kinetic_energy, held_out, half_width)
        validating = near(every.kinetic_energy, validation, validation_half_width)
        if (test & validating).any():
            raise ValueError(
                "a validation window overlaps one that is held out: move it, or make it narrower"
            )
        self.training, self.validation = every.of(~test & ~validating), every.of(validating)
        self.batch_size = batch_size

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader([self.validation], batch_size=None, collate_fn=lambda x: x)


class HeldOut:
    """Events of the generator at the test ``energies``, in GeV, which no model has seen."""

    def __init__(self, data: Any, rng: np.random.Generator, *, energies: Sequence[float]) -> None:
        self._every = interactions(read_events(data.table(COLUMNS)), rng)
        self.energies = [float(energy) for energy in energies]

    def at(self, energy: float) -> Interactions:
        """Raises ValueError if there are none."""
        there = self._every.kinetic_energy == energy
        if not there.any():
            raise ValueError(f"the sample has no events at {energy} GeV")
        return self._every.of(there)


class WholeEvents(PionProton):
    """For models of whole events: batches are decays of one place in their chains, or channels."""

    def __init__(self, data: Any, rng: np.random.Generator, **windows: Any) -> None:
        super().__init__(data, rng, **windows)
        channels, number = find_channels(self.training.states.species)
        self.offers = {"channels": channels}
        self._number = torch.tensor(number)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(Batches(self.training, self._number, self.batch_size), batch_size=None)


class Batches(IterableDataset[Any]):
    """All decays and all channels of a sample once, in random order and random batches.

    A batch is ``Decays``, or a tuple (collision (N, 2), beam (N,), sqrt_s (N,), channel number (N,)).
    """

    def __init__(self, sample: Interactions, number: torch.Tensor, size: int) -> None:
        energy, beam, sqrt_s = map(torch.tensor, (sample.kinetic_energy, sample.beam, sample.sqrt_s))
        known = collision(energy, beam)
        states = sample.states
        self.parts: list[Any] = decays(
            known, sqrt_s, torch.tensor(states.species), torch.tensor(states.momenta)
        )
        self.parts.append((known, beam, sqrt_s, number))
        self.size = size

    def __len__(self) -> int:
        return sum(-(-_rows(part) // self.size) for part in self.parts)

    def __iter__(self) -> Iterator[Any]:
        batches = [
            (part, rows) for part in self.parts for rows in torch.randperm(_rows(part)).split(self.size)
        ]
        for i in torch.randperm(len(batches)).tolist():
            part, rows = batches[i]
            yield _taken(part, rows)


def _rows(part: Any) -> int:
    return len(part.meant if isinstance(part, Decays) else part[0])


def _taken(part: Any, rows: torch.Tensor) -> Any:
    if isinstance(part, Decays):
        return Decays(Given(*(x[rows] for x in part.given)), part.coordinates[rows], part.meant[rows])
    return tuple(x[rows] for x in part)
