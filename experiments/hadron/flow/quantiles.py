"""Make each variable uniform on [0, 1] by the quantiles of the training sample.

The map is monotonic and can be undone.  After it sharp edges and long tails are the same to all models, and
none of them has to learn a scale.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Quantiles(nn.Module):
    """This module maps variables (N, V) to the unit cube and back, linearly between ``knots``.

    ``knots`` (V, K) are the quantiles of each variable.
    """

    def __init__(self, knots: Tensor) -> None:
        super().__init__()
        self.register_buffer("knots", knots)

    def to_cube(self, values: Tensor) -> Tensor:
        """Return variables (N, V) as points (N, V) of the unit cube."""
        upper = torch.searchsorted(self.knots, values.T.contiguous()).clamp(1, self.knots.shape[1] - 1)
        low, high = self.knots.gather(1, upper - 1), self.knots.gather(1, upper)
        share = ((values.T - low) / (high - low).clamp_min(1e-300)).clamp(0, 1)
        return ((upper - 1 + share) / (self.knots.shape[1] - 1)).T

    def from_cube(self, uniform: Tensor) -> Tensor:
        """Return points (N, V) of the unit cube as variables (N, V)."""
        place = (uniform.T.to(self.knots) * (self.knots.shape[1] - 1)).contiguous()
        lower = place.floor().long().clamp(0, self.knots.shape[1] - 2)
        low, high = self.knots.gather(1, lower), self.knots.gather(1, lower + 1)
        return (low + (place - lower) * (high - low)).T
