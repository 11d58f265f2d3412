"""Run Adam for P networks at once, each with its own learning rate, step count and gradient clipping.

Source: Kingma, Ba, arXiv:1412.6980; decoupled weight decay: Loshchilov, Hutter, arXiv:1711.05101.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch.optim's defaults


@dataclass
class Adam:
    """Holds the optimiser's state, row by row that of ``torch.optim.AdamW`` (without weight decay: of
    ``Adam``)."""

    learning_rate: Tensor  # (P,) float64
    weight_decay: float
    clip_norm: float | None
    first: Tensor  # (P, K) running mean of the gradient
    second: Tensor  # (P, K) running mean of its square
    steps: Tensor  # (P,) float64: steps taken

    @classmethod
    def start(
        cls, parameters: Tensor, learning_rate: Tensor, weight_decay: float, clip_norm: float | None
    ) -> Adam:
        """Make the state before the first step.

        Args:
            parameters: the networks' parameters (P, K).
            learning_rate: of each network (P,).
            weight_decay: decoupled, as in ``torch.optim.AdamW``.
            clip_norm: limits the norm of each network's gradient; None does not.
        """
        first, second = torch.zeros_like(parameters), torch.zeros_like(parameters)
        return cls(learning_rate, weight_decay, clip_norm, first, second, torch.zeros_like(learning_rate))

    def keep(self, index: Tensor) -> None:
        """Forgets all networks but those at ``index``."""
        for name in ("learning_rate", "first", "second", "steps"):
            setattr(self, name, getattr(self, name)[index])

    def schedule(self, networks: slice, steps: int) -> Schedule:
        """Return the step sizes and bias corrections of an epoch's ``steps`` steps, computed once for the
        epoch."""
        taken = self.steps[networks, None] + torch.arange(1, steps + 1, device=self.steps.device)
        unbias2 = (1 - BETA2**taken).sqrt()
        rate = self.learning_rate[networks, None]
        per_step = (rate * unbias2 / (1 - BETA1**taken), EPSILON * unbias2)
        size, epsilon = (part.T[:, :, None].to(self.first.dtype) for part in per_step)
        return Schedule(size, epsilon, (1 - rate * self.weight_decay).to(self.first.dtype))

    def step(self, parameters: Tensor, gradient: Tensor, start: int, schedule: Schedule, step: int) -> None:
        """Update ``parameters`` by one step; ``gradient`` is overwritten.

        m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps), with both corrections drawn together into one step size.

        Args:
            parameters: of the networks that have a minibatch in this step (A, K).
            gradient: of ``parameters`` (A, K).
            start: the place of the first of these networks among all.
            schedule: the step sizes of the epoch.
            step: the number of this step in the epoch, from 0.
        """
        active = len(parameters)
        networks = slice(start, start + active)
        first, second = self.first[networks], self.second[networks]
        if self.clip_norm is not None:
            norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient.mul_((self.clip_norm / (norm + 1e-6)).clamp_(max=1))  # as torch.nn.utils.clip_grad_norm_
        if self.weight_decay:
            parameters.mul_(schedule.decay[:active])
        first.lerp_(gradient, 1 - BETA1)
        second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
        update = torch.sqrt(second, out=gradient).add_(schedule.epsilon[step, :active])
        torch.div(first, update, out=update)
        parameters.addcmul_(update, schedule.size[step, :active], value=-1)


@dataclass(frozen=True)
class Schedule:
    """Holds one epoch's step sizes (S, P, 1), epsilons (S, P, 1) and weight-decay factors (P, 1)."""

    size: Tensor
    epsilon: Tensor
    decay: Tensor
