"""The reduced form of an event: five variables of its two leading hadrons, which flow and GANs learn alike.

Each variable is first made uniform on [0, 1] by the quantiles of the training sample, a monotonic map that
can be undone: sharp edges and long tails are then the same to all models, and none has to learn a scale.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from experiments.hadron.conditions import COLLISION, collision
from experiments.hadron.datasets import PionProton, Validation
from experiments.hadron.models import CollisionModel
from experiments.hadron.observables import FEWEST, REDUCED, leading_hadrons
from lblhep.annotations import Floats, Integers
from lblhep.nn.cube_flow import CubeFlow

KNOTS = 513


class LeadingHadrons(PionProton):
    """Training data in the reduced form: batches of collision (N, COLLISION) and uniform variables (N, 5)."""

    def prepare(self, table: pa.Table, validating: NDArray[np.bool_], rng: np.random.Generator) -> None:
        self.training, self.validation = (
            part.of(part.states.multiplicity >= FEWEST) for part in (self.training, self.validation)
        )
        values = np.stack([*leading_hadrons(self.training).values()], axis=1)
        quantiles = torch.tensor(np.quantile(values, np.linspace(0, 1, KNOTS), axis=0).T.copy())
        self.offers = {"quantiles": quantiles}
        known = collision(torch.tensor(self.training.kinetic_energy), torch.tensor(self.training.beam))
        uniform = Quantiles(quantiles).to_cube(torch.tensor(values))
        self._pairs = TensorDataset(known.float(), uniform.float())

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self._pairs, batch_size=self.batch_size, shuffle=True)


class Quantiles(nn.Module):
    """Variables (N, V) to the unit cube and back, linear between ``knots`` (V, K) of equal probability."""

    def __init__(self, knots: Tensor) -> None:
        super().__init__()
        self.register_buffer("knots", knots)

    def to_cube(self, values: Tensor) -> Tensor:
        upper = torch.searchsorted(self.knots, values.T.contiguous()).clamp(1, self.knots.shape[1] - 1)
        low, high = self.knots.gather(1, upper - 1), self.knots.gather(1, upper)
        share = ((values.T - low) / (high - low).clamp_min(1e-300)).clamp(0, 1)
        return ((upper - 1 + share) / (self.knots.shape[1] - 1)).T

    def from_cube(self, uniform: Tensor) -> Tensor:
        place = (uniform.T.to(self.knots) * (self.knots.shape[1] - 1)).contiguous()
        lower = place.floor().long().clamp(0, self.knots.shape[1] - 2)
        low, high = self.knots.gather(1, lower), self.knots.gather(1, lower + 1)
        return (low + (place - lower) * (high - low)).T


class ReducedModel(CollisionModel):
    """What flow and GANs have in common: how they are asked for events."""

    def __init__(self, quantiles: Tensor) -> None:
        super().__init__()
        self.quantiles = Quantiles(quantiles)

    def known(self, kinetic_energy: Floats, beam: Integers) -> Tensor:
        """Of collisions (N, COLLISION), where the model is."""
        known = collision(torch.tensor(kinetic_energy), torch.tensor(beam))
        return known.float().to(self.device)

    @abstractmethod
    def cube(self, known: Tensor, random: torch.Generator) -> Tensor:
        """Points (N, 5) in the unit cube for collisions (N, COLLISION)."""

    def leading(self, kinetic_energy: Floats, beam: Integers, *, seed: int) -> dict[str, Floats]:
        known = self.known(kinetic_energy, beam)
        with torch.no_grad():
            uniform = self.cube(known, torch.Generator().manual_seed(seed))
            values = self.quantiles.from_cube(uniform)
        return dict(zip(REDUCED, values.cpu().numpy().T, strict=True))


class ReducedFlow(ReducedModel):
    """Five conditional splines, by maximum likelihood."""

    def __init__(
        self,
        *,
        quantiles: Tensor,
        hidden: Sequence[int] = (128, 128),
        bins: int = 16,
        rate: float = 2e-3,
    ) -> None:
        super().__init__(quantiles)
        self.flow, self.rate = CubeFlow(len(REDUCED), COLLISION, hidden=hidden, bins=bins), rate

    def cube(self, known: Tensor, random: torch.Generator) -> Tensor:
        uniform = torch.rand(len(known), len(REDUCED), generator=random)
        return self.flow.sample(uniform.to(known.device), known)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        known, uniform = batch
        return -self.flow.log_prob(uniform, known).sum(dim=1).mean()

    def loss(self, batch: Validation) -> float:
        """Of the uniform variables."""
        events = batch.events
        values = torch.tensor(np.stack([*batch.leading.values()], axis=1)).to(self.device)
        known = self.known(events.kinetic_energy, events.beam)
        return float(self.training_step((known, self.quantiles.to_cube(values).float()), 0))
