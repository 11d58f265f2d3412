"""The models are Lightning modules, which say what they minimise, and by what their best epoch is chosen.

All are validated by events at energies that they have not seen.  ``validation_w1`` is the mean W1 of the
five variables of the leading two hadrons, in standard deviations, of events with three particles or more.
``validation_loss`` chooses the epoch: of a GAN it is the same number; of a flow it is minus the log
likelihood, which scatters less.  The likelihood of whole events is that of masses and momenta, given what
everything breaks up to: branching ratios are not validated.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor, nn

from experiments.hadron.datasets import Validation
from experiments.hadron.events.cross_sections import CrossSections
from experiments.hadron.events.final_states import FinalStates
from experiments.hadron.events.interactions import Interactions
from experiments.hadron.events.observables import REDUCED, leading_hadrons
from experiments.hadron.events.particle_types import ParticleTypes
from experiments.hadron.flow.batches import CHANNEL_STEPS, ChannelsMade, parts_of
from experiments.hadron.flow.channels import Channels, ResonanceDecays
from experiments.hadron.flow.conditions import COLLISION_INPUTS, collision_inputs
from experiments.hadron.flow.quantiles import Quantiles
from experiments.hadron.flow.whole_events import InteractionFlow
from experiments.hadron.judge.distances import wasserstein
from lblhep.annotations import Floats, Integers
from lblhep.nn.cube_flow import CubeFlow

WARM_UP_SHARE = 0.1  # of all batches, in which the learning rate goes up
MIN_STEPS = 2  # up at the first, down at the last
MAX_GRADIENT_NORM = 1.0  # of whole events
GENERATION_BATCH = 8192  # events that are generated together


class CollisionModel(LightningModule, ABC):
    """This class has what all models have in common: validation, and the optimizer of those with one loss."""

    rate: float
    cpu_seconds = 0.0  # of the training, with what was before it was taken up again

    @abstractmethod
    def leading(self, kinetic_energy: Floats, beam: Integers, *, seed: int) -> dict[str, Floats]:
        """Return ``REDUCED`` of new events at these energies (N,), GeV, of these pions (N,)."""

    def on_train_start(self) -> None:
        self._begin = time.process_time() - self.cpu_seconds

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["cpu_seconds"] = time.process_time() - self._begin

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.cpu_seconds = checkpoint["cpu_seconds"]

    def on_train_end(self) -> None:
        self.cpu_seconds = time.process_time() - self._begin

    def validation_step(self, batch: Validation, index: int) -> None:
        generated = self.leading(batch.events.kinetic_energy, batch.events.beam, seed=0)
        w1 = float(np.mean([*wasserstein(generated, batch.leading).values()]))
        self.log("validation_w1", w1, batch_size=1)
        loss = self.loss(batch)
        self.log("validation_loss", w1 if loss is None else loss, batch_size=1)

    def loss(self, batch: Validation) -> float | None:
        """Return minus the log likelihood of an event, of models that have one."""
        return None

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """Leave validation where it is: it is in numpy."""
        if isinstance(batch, Validation):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=self.rate, fused=True)
        return [optimizer], [{"scheduler": self.schedule(optimizer), "interval": "step"}]

    def schedule(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.OneCycleLR:
        """Return a rate that rises over the first tenth of all batches, then falls to nothing.

        The noise that is left in the weights shows between the energies that are trained on.  Raises
        ValueError if there are fewer batches than ``MIN_STEPS``.
        """
        steps = int(self.trainer.estimated_stepping_batches)
        if steps < MIN_STEPS:
            raise ValueError("one batch in all is no training: more epochs, or smaller batches")
        warm_up = max(WARM_UP_SHARE, MIN_STEPS / steps)
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.rate, total_steps=steps, pct_start=warm_up, cycle_momentum=False
        )


class WholeEventFlow(CollisionModel):
    """This model is an ``InteractionFlow``, trained by maximum likelihood.

    Channels, masses and decays each have their own batches.  ``kinds`` are the particle types of the
    training events; ``flatten`` is the price of ``ChannelModel.steepness``; ``batch_size`` is the number of
    events of a full batch; ``energies`` are the lowest and the highest energy trained at, GeV.
    """

    def __init__(
        self,
        *,
        kinds: ParticleTypes,
        channels: Channels,
        resonance_decays: ResonanceDecays,
        batch_size: int,
        energies: tuple[float, float],
        cross_sections: CrossSections | None = None,
        rate: float = 2.5e-3,
        flatten: float = 1e-4,
        **flow: Any,
    ) -> None:
        super().__init__()
        self.flatten, self.batch_size, self.energies = flatten, batch_size, energies
        self.kinds, self.rate = kinds, rate
        self.flow = InteractionFlow(kinds, channels, resonance_decays, cross_sections, **flow)

    def training_step(self, batch: Any, index: int) -> Tensor:
        # Every decay counts alike.  Were it the mean of the batch, the one event with a tenth decay, a batch
        # of its own, would be worth a thousand others, and make the training diverge.
        if not isinstance(batch, ChannelsMade):
            return -self.flow.breakup.log_prob(batch).sum() / self.batch_size
        made = self.flow.channel.log_prob(batch.kinetic_energy, int(batch.beam[0]), batch.number)
        # This is the mean of a full batch of channels.  Nothing else learns from them: they need no balance.
        return self.flatten * self.flow.channel.steepness() - made.sum() * CHANNEL_STEPS / self.batch_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradients: steep densities have steep gradients now and then."""
        nn.utils.clip_grad_norm_(self.parameters(), MAX_GRADIENT_NORM)

    def loss(self, batch: Validation) -> float:
        """Return minus the log likelihood of masses and momenta, given what everything breaks up to."""
        parts = parts_of(self.kinds, batch.breakups)
        there = (move_data_to_device(part, self.device) for part in parts)
        return -float(sum(self.flow.breakup.log_prob(part).sum() for part in there)) / len(batch.events)

    def generate(self, kinetic_energy: Floats, beam: Integers, *, seed: int) -> Interactions:
        """Return events at these energies (N,), GeV, of these pions (N,).

        Raises ValueError for energies that are beyond those of the training.
        """
        lowest, highest = self.energies
        if not ((kinetic_energy >= lowest) & (kinetic_energy <= highest)).all():
            raise ValueError(f"kinetic energies must be between {lowest:g} and {highest:g} GeV")
        random = torch.Generator().manual_seed(seed)
        made = []
        energies, pions = torch.tensor(kinetic_energy, dtype=torch.float64), torch.tensor(beam)
        with torch.no_grad():
            for energy, pion in zip(
                energies.split(GENERATION_BATCH), pions.split(GENERATION_BATCH), strict=True
            ):
                uniform = torch.rand(len(pion), self.flow.numbers, generator=random, dtype=torch.float64)
                given = [x.to(self.device) for x in (energy, pion, uniform)]
                chosen = self.flow.channel.draw_in_blocks(*given[:2], given[2][:, 0])
                made.append(self.flow.of_channels(chosen, *given))
        process, species, momenta = (torch.cat(parts).cpu().numpy() for parts in zip(*made, strict=True))
        return Interactions(kinetic_energy, beam, process, FinalStates(species, momenta))

    def leading(self, kinetic_energy: Floats, beam: Integers, *, seed: int) -> dict[str, Floats]:
        return leading_hadrons(self.generate(kinetic_energy, beam, seed=seed))


class ReducedModel(CollisionModel):
    """This class has what flow and GANs of the reduced form have in common: how they are asked for events."""

    def __init__(self, quantiles: Tensor) -> None:
        super().__init__()
        self.quantiles = Quantiles(quantiles)

    def known(self, kinetic_energy: Floats, beam: Integers) -> Tensor:
        """Return the inputs of collisions (N, COLLISION_INPUTS), where the model is."""
        known = collision_inputs(torch.tensor(kinetic_energy), torch.tensor(beam))
        return known.float().to(self.device)

    @abstractmethod
    def cube(self, known: Tensor, random: torch.Generator) -> Tensor:
        """Return points (N, 5) in the unit cube for collisions (N, COLLISION_INPUTS)."""

    def leading(self, kinetic_energy: Floats, beam: Integers, *, seed: int) -> dict[str, Floats]:
        known = self.known(kinetic_energy, beam)
        with torch.no_grad():
            uniform = self.cube(known, torch.Generator().manual_seed(seed))
            values = self.quantiles.from_cube(uniform)
        return dict(zip(REDUCED, values.cpu().numpy().T, strict=True))


class ReducedFlow(ReducedModel):
    """This model of the leading hadrons has five conditional splines, and learns by maximum likelihood."""

    def __init__(
        self,
        *,
        quantiles: Tensor,
        hidden: Sequence[int] = (128, 128),
        bins: int = 16,
        rate: float = 2e-3,
    ) -> None:
        super().__init__(quantiles)
        self.flow, self.rate = CubeFlow(len(REDUCED), COLLISION_INPUTS, hidden=hidden, bins=bins), rate

    def cube(self, known: Tensor, random: torch.Generator) -> Tensor:
        uniform = torch.rand(len(known), len(REDUCED), generator=random)
        return self.flow.sample(uniform.to(known.device), known)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        known, uniform = batch
        return -self.flow.log_prob(uniform, known).sum(dim=1).mean()

    def loss(self, batch: Validation) -> float:
        """Return minus the log likelihood of the uniform variables."""
        events = batch.events
        values = torch.tensor(np.stack([*batch.leading.values()], axis=1)).to(self.device)
        known = self.known(events.kinetic_energy, events.beam)
        return float(self.training_step((known, self.quantiles.to_cube(values).float()), 0))
