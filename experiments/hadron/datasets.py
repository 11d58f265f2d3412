"""The data sets say which collisions a model trains on, which choose among its epochs, and which judge it.

Energies near the test energies are never trained on: a model must interpolate.  Validation has windows of
its own; the test samples, at the test energies themselves, are another card.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, TensorDataset

from experiments.hadron.events.arrays import COLUMNS, read_events
from experiments.hadron.events.interactions import Interactions, interactions, near
from experiments.hadron.events.kinematics import to_centre_of_mass
from experiments.hadron.events.observables import MIN_PARTICLES, leading_hadrons
from experiments.hadron.flow.batches import Batches, channels_made
from experiments.hadron.flow.breakups import Breakups, event_trees, first_of_each
from experiments.hadron.flow.channels import find_channels, find_resonance_decays
from experiments.hadron.flow.conditions import collision_inputs
from experiments.hadron.flow.quantiles import Quantiles
from lblhep.annotations import Floats

MAX_VALIDATION_EVENTS = 10_000  # events of each window, after every epoch
MAX_DECAYS_OF_A_RESONANCE = 10_000  # decays of each resonance, to learn from
QUANTILES = 513


class Validation(NamedTuple):
    """This tuple has events that choose an epoch, their ``leading_hadrons``, and ``breakups`` of whole
    events.
    """

    events: Interactions
    leading: dict[str, Floats]
    breakups: Breakups | None


class PionProton:
    """This data set has ``training`` and ``validation``, both ``Interactions``.

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
        if not half_width > 0:
            raise ValueError(f"half_width: {half_width} in ln T holds nothing out: 0.35 is a factor of 1.4")
        table = data.table(COLUMNS)
        every = interactions(read_events(table), rng)
        test = near(every.kinetic_energy, held_out, half_width)
        validating = near(every.kinetic_energy, validation, validation_half_width)
        if (test & validating).any():
            raise ValueError(
                f"a validation window ({validation} GeV, {validation_half_width} in ln T) overlaps one that "
                f"is held out ({held_out} GeV, {half_width}): move it, or make it narrower"
            )
        self.training, self.validation = every.of(~test & ~validating), every.of(validating)
        self.centres, self.validation_half_width = list(validation), validation_half_width
        self.half_width, self.batch_size = half_width, batch_size
        self.prepare(table.filter(pa.array(~test)), validating[~test], rng)

    def prepare(self, table: pa.Table, validating: NDArray[np.bool_], rng: np.random.Generator) -> None:
        """Prepare what the data set's form wants of the events that are not held out."""

    def breakups_of(self, rows: NDArray[np.intp]) -> Breakups | None:
        """Return the break-ups of some of the validation events, in data sets of whole events."""
        return None

    def refuse(self, energies: Sequence[float], name: str) -> None:
        """Raise ValueError if this data set, ``name``, trains within ``half_width`` of one of the energies.

        It also raises if all that it trains on is lower than such an energy, or all is higher: there is
        nothing to interpolate between.
        """
        trained = self.training.kinetic_energy
        for energy in energies:
            if near(trained, [energy], self.half_width).any():
                raise ValueError(
                    f"{energy:g} GeV is tested, but not held_out from the data set {name}: add it there"
                )
            if not trained.min() < energy < trained.max():
                raise ValueError(
                    f"{energy:g} GeV is tested, but the data set {name} trains from {trained.min():.3g} to "
                    f"{trained.max():.3g} GeV: test another energy, or take a card with energies beyond it"
                )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return each validation window as a batch of its own: errors of two energies must not cancel.

        Raises ValueError if a window is empty.
        """
        energy = self.validation.kinetic_energy
        parts = []
        for centre in self.centres:
            parts.append(
                np.flatnonzero(near(energy, [centre], self.validation_half_width))[:MAX_VALIDATION_EVENTS]
            )
            if not len(parts[-1]):
                raise ValueError(
                    f"no event validates at {centre:g} GeV: the card's energies do not reach there, or "
                    "validation_half_width is too small"
                )
        events = [self.validation.of(rows) for rows in parts]
        return DataLoader(
            [
                Validation(part, leading_hadrons(part), self.breakups_of(rows))
                for part, rows in zip(events, parts, strict=True)
            ],
            batch_size=None,
            collate_fn=lambda x: x,
        )


class HeldOut:
    """This data set has events of the generator at the test ``energies``, in GeV, which no model has seen.

    Raises ValueError if the card has none at one of them.
    """

    def __init__(self, data: Any, rng: np.random.Generator, *, energies: Sequence[float]) -> None:
        self._every = interactions(read_events(data.table(COLUMNS)), rng)
        self.energies = [float(energy) for energy in energies]
        for energy in self.energies:  # it is asked for before hours of training, used after them
            self.at(energy)

    def at(self, energy: float) -> Interactions:
        """Return the events at this energy in GeV.

        Raises ValueError if there are none.
        """
        there = self._every.kinetic_energy == energy
        if not there.any():
            lowest, highest = self._every.kinetic_energy.min(), self._every.kinetic_energy.max()
            raise ValueError(
                f"the card of the tests has no events at {energy:g} GeV (its energies: {lowest:g} to "
                f"{highest:g} GeV): a test needs a card with events at its very energy"
            )
        return self._every.of(there)


class WholeEvents(PionProton):
    """This data set is for models of whole events.

    A batch has decays of one place in their chains, masses, or channels.

    It offers models the particle types of its training events (by the name ``kinds``), channels and
    resonance decays.
    """

    def prepare(self, table: pa.Table, validating: NDArray[np.bool_], rng: np.random.Generator) -> None:
        events = read_events(table)
        in_laboratory = events.momenta, events.of_particles(events.kinetic_energy)
        at_rest = dataclasses.replace(events, momenta=to_centre_of_mass(*in_laboratory))
        types, every = event_trees(at_rest, rng)
        validates = validating[every.event]
        self._validating, self._breakups = np.flatnonzero(validating), every.of(validates)
        training = every.of(~validates)
        types = types.measured(*training.resonances)
        self._training = training = training.of(first_of_each(training, MAX_DECAYS_OF_A_RESONANCE))
        channels, self._number = find_channels(types, training)
        energy = self.training.kinetic_energy * 1000
        energies = float(np.floor(energy.min()) / 1000), float(np.ceil(energy.max()) / 1000)  # to an MeV
        self.offers = {
            "kinds": types,
            "channels": channels,
            "resonance_decays": find_resonance_decays(types, training),
            "batch_size": self.batch_size,
            "energies": energies,
        }

    def breakups_of(self, rows: NDArray[np.intp]) -> Breakups:
        return self._breakups.of(np.isin(self._breakups.event, self._validating[rows]))

    def train_dataloader(self) -> DataLoader[Any]:
        made = channels_made(self.training, self._number)
        return DataLoader(
            Batches(self.offers["kinds"], self._training, made, self.batch_size), batch_size=None
        )


class LeadingHadrons(PionProton):
    """This data set has the reduced form: five variables of an event's two leading hadrons.

    Batches are collisions (N, COLLISION_INPUTS) and variables (N, 5), which the quantiles of the training
    sample have made uniform on [0, 1].
    """

    def prepare(self, table: pa.Table, validating: NDArray[np.bool_], rng: np.random.Generator) -> None:
        self.training, self.validation = (
            part.of(part.states.multiplicity >= MIN_PARTICLES) for part in (self.training, self.validation)
        )
        values = np.stack([*leading_hadrons(self.training).values()], axis=1)
        quantiles = torch.tensor(np.quantile(values, np.linspace(0, 1, QUANTILES), axis=0).T.copy())
        self.offers = {"quantiles": quantiles}
        known = collision_inputs(torch.tensor(self.training.kinetic_energy), torch.tensor(self.training.beam))
        uniform = Quantiles(quantiles).to_cube(torch.tensor(values))
        self._pairs = TensorDataset(known.float(), uniform.float())

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self._pairs, batch_size=self.batch_size, shuffle=True)
