"""The reduced form is learned by two adversarial models: a Wasserstein GAN, and the group's first GAN.

``WassersteinGan`` has a gradient penalty: arXiv:1704.00028.  ``Gan`` has the plain adversarial loss, in
which the generator makes the discriminator call its events true (arXiv:1406.2661); gan4hep's had ten layers
of 256 for either network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from experiments.hadron.events.observables import REDUCED
from experiments.hadron.flow.conditions import COLLISION_INPUTS
from experiments.hadron.models import ReducedModel
from lblhep.nn.perceptron import perceptron

LEAKY_RELU = partial(nn.LeakyReLU, 0.2)


class Adversarial(ReducedModel):
    """This model is a generator and its opponent, trained in turns.

    The opponent takes ``opponent_steps`` for each step of the generator.
    """

    def __init__(
        self,
        *,
        quantiles: Tensor,
        hidden: Sequence[int],
        noise: int = 8,
        rate: float = 2e-4,
        betas: Sequence[float] = (0.5, 0.9),
        opponent_steps: int = 1,
    ) -> None:
        super().__init__(quantiles)
        self.automatic_optimization = False
        self.noise, self.rate, self.betas = noise, rate, tuple(betas)
        self.opponent_steps = opponent_steps
        self.generator = perceptron([COLLISION_INPUTS + noise, *hidden, len(REDUCED)], LEAKY_RELU)
        self.opponent = perceptron([COLLISION_INPUTS + len(REDUCED), *hidden, 1], LEAKY_RELU)

    def cube(self, known: Tensor, random: torch.Generator | None = None) -> Tensor:
        """Return points (N, 5) that the generator makes of noise, with its gradient."""
        noise = torch.randn(len(known), self.noise, generator=random).to(known.device)
        return torch.sigmoid(self.generator(torch.cat([known, noise], dim=1)))

    def judged(self, known: Tensor, uniform: Tensor) -> Tensor:
        """Return the opponent's verdict (N, 1)."""
        return self.opponent(torch.cat([known, 2 * uniform - 1], dim=1))

    @abstractmethod
    def opponent_loss(self, known: Tensor, true: Tensor, made: Tensor) -> Tensor:
        """Return the opponent's loss of collisions (N, COLLISION_INPUTS) with true and made points (N, 5)."""

    @abstractmethod
    def generator_loss(self, known: Tensor, made: Tensor) -> Tensor:
        """Return the generator's loss of collisions (N, COLLISION_INPUTS) with generated points (N, 5).

        The points carry the generator's gradient.
        """

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        known, true = batch
        generator, opponent = self.optimizers()
        step(opponent, self, self.opponent_loss(known, true, self.cube(known).detach()))
        if index % self.opponent_steps == 0:
            step(generator, self, self.generator_loss(known, self.cube(known)))

    def on_train_batch_end(self, *_: Any) -> None:
        for schedule in self.lr_schedulers():
            schedule.step()

    def configure_optimizers(self) -> Any:
        optimizers = [
            torch.optim.Adam(part.parameters(), lr=self.rate, betas=self.betas, fused=True)
            for part in (self.generator, self.opponent)
        ]
        return optimizers, [self.schedule(optimizer) for optimizer in optimizers]


class WassersteinGan(Adversarial):
    """The opponent estimates W1; a penalty on its gradient between true and made events bounds its slope."""

    def __init__(
        self, *, quantiles: Tensor, penalty: float = 10.0, opponent_steps: int = 5, **arguments: Any
    ) -> None:
        super().__init__(quantiles=quantiles, opponent_steps=opponent_steps, **arguments)
        self.penalty = penalty

    def opponent_loss(self, known: Tensor, true: Tensor, made: Tensor) -> Tensor:
        between = torch.lerp(true, made, torch.rand(len(true), 1).to(true.device)).requires_grad_()
        (slope,) = torch.autograd.grad(self.judged(known, between).sum(), between, create_graph=True)
        excess = ((slope.norm(dim=1) - 1) ** 2).mean()
        return self.judged(known, made).mean() - self.judged(known, true).mean() + self.penalty * excess

    def generator_loss(self, known: Tensor, made: Tensor) -> Tensor:
        return -self.judged(known, made).mean()


class Gan(Adversarial):
    """The opponent tells true from made events."""

    def opponent_loss(self, known: Tensor, true: Tensor, made: Tensor) -> Tensor:
        of_true, of_made = self.judged(known, true), self.judged(known, made)
        labels = torch.cat([torch.ones_like(of_true), torch.zeros_like(of_made)])
        return binary_cross_entropy_with_logits(torch.cat([of_true, of_made]), labels)

    def generator_loss(self, known: Tensor, made: Tensor) -> Tensor:
        verdicts = self.judged(known, made)
        return binary_cross_entropy_with_logits(verdicts, torch.ones_like(verdicts))


def step(optimizer: Any, module: ReducedModel, loss: Tensor) -> None:
    """Take one step of one of the two optimizers."""
    optimizer.zero_grad()
    module.manual_backward(loss)
    optimizer.step()
