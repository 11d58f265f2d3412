"""Hold P networks of equal shape as one tensor: row i of ``parameters`` is network i, and nothing else is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from lblhep.nn.activations import ACTIVATIONS


def parameter_count(sizes: Sequence[int]) -> int:
    """Return the length K of one network's row: weights and biases of every layer."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def layer_views(parameters: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Return the weights (P, in, out) and biases (P, 1, out) of each layer, as views of ``parameters`` (P,
    K)."""
    start = 0
    for fan_in, fan_out in pairwise(sizes):
        middle, stop = start + fan_in * fan_out, start + (fan_in + 1) * fan_out
        yield parameters[:, start:middle].view(-1, fan_in, fan_out), parameters[:, None, middle:stop]
        start = stop


class Standardise(nn.Module):
    """Computes (x - mean) / std, feature by feature: the first layer of a network trained on standardised
    features.

    >>> Standardise(torch.tensor([1.0]), torch.tensor([2.0]))(torch.tensor([[5.0]]))
    tensor([[2.]])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


@dataclass(eq=False)
class MLPEnsemble:
    """Holds P multilayer perceptrons with one output, evaluated together by ``torch.baddbmm``.

    ``parameters`` is (P, K): per layer the weights (in, out), then the biases (out). ``mean`` and ``std`` are
    (P, F): each network standardises its own input, so features always go in raw.
    """

    sizes: tuple[int, ...]  # features, hidden widths, 1
    activation: str
    parameters: Tensor
    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        self.sizes = tuple(self.sizes)
        if len(self.sizes) < 2 or self.sizes[-1] != 1 or min(self.sizes) < 1:
            raise ValueError(f"sizes {self.sizes}: expected positive widths (features, hidden ..., 1)")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation {self.activation!r}: expected one of {', '.join(ACTIVATIONS)}")
        expected = (len(self.parameters), parameter_count(self.sizes))
        if self.parameters.shape != expected:
            raise ValueError(f"parameters {tuple(self.parameters.shape)}: sizes {self.sizes} need {expected}")
        scale = (len(self.parameters), self.sizes[0])
        if self.mean.shape != scale or self.std.shape != scale:
            raise ValueError(f"mean and std must be (networks, features) = {scale}")

    @classmethod
    def initialised(
        cls,
        sizes: Sequence[int],
        seeds: Sequence[int],
        activation: str = "relu",
        device: str | torch.device = "cpu",
    ) -> MLPEnsemble:
        """Make networks with initial weights as in ``torch.nn.Linear`` (Kaiming uniform).

        Args:
            sizes: features, hidden widths, 1.
            seeds: one for each network; its initial weights depend on nothing else.
            activation: a name among ``ACTIVATIONS``.
            device: where the parameters lie.

        >>> ensemble = MLPEnsemble.initialised([2, 16, 1], seeds=[1, 2, 3])
        >>> ensemble.predict(torch.zeros(5, 2)).shape
        torch.Size([3, 5])
        """
        bounds = np.concatenate(
            [np.full((fan_in + 1) * fan_out, 1 / math.sqrt(fan_in)) for fan_in, fan_out in pairwise(sizes)]
        )
        rows = [bounds * _initial_stream(seed).uniform(-1, 1, bounds.size) for seed in seeds]
        parameters = torch.tensor(np.reshape(rows, (len(seeds), bounds.size)), dtype=torch.float32)
        shape = (len(seeds), sizes[0])
        return cls(tuple(sizes), activation, parameters, torch.zeros(shape), torch.ones(shape)).to(device)

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def device(self) -> torch.device:
        return self.parameters.device

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits (P, B) of features x (P, B, F); differentiable in ``parameters`` and ``x``."""
        activate = ACTIVATIONS[self.activation].function
        hidden = (x - self.mean[:, None]) / self.std[:, None]
        *inner, (weight, bias) = layer_views(self.parameters, self.sizes)
        for inner_weight, inner_bias in inner:
            hidden = activate(torch.baddbmm(inner_bias, hidden, inner_weight))
        return torch.baddbmm(bias, hidden, weight).squeeze(2)

    @torch.no_grad()
    def predict(self, x: Tensor, batch: int = 1024) -> Tensor:
        """Return the logits (P, N) of all networks for the same features x (N, F), ``batch`` rows at a
        time."""
        logits = x.new_empty((len(self), len(x)), device=self.device)
        for first in range(0, len(x), batch):
            rows = slice(first, first + batch)
            logits[:, rows] = self(x[rows].to(self.device).expand(len(self), -1, -1))
        return logits

    def select(self, indices: Sequence[int] | Tensor) -> MLPEnsemble:
        """Copy the networks at ``indices`` (integers or a boolean mask)."""
        index = torch.as_tensor(indices, device=self.device)
        return MLPEnsemble(
            self.sizes, self.activation, self.parameters[index], self.mean[index], self.std[index]
        )

    def to(self, device: str | torch.device) -> MLPEnsemble:
        """Move the networks to another device; nothing is copied where they are there already."""
        tensors = (tensor.to(device) for tensor in (self.parameters, self.mean, self.std))
        return MLPEnsemble(self.sizes, self.activation, *tensors)

    @torch.no_grad()
    def network(self, i: int) -> nn.Sequential:
        """Return network i as a module, raw features (..., F) to logits (..., 1), for export and for
        checks."""
        layers: list[nn.Module] = [Standardise(self.mean[i].clone(), self.std[i].clone())]
        for weight, bias in layer_views(self.parameters, self.sizes):
            linear = nn.Linear(
                weight.shape[1], weight.shape[2], dtype=self.parameters.dtype, device=self.device
            )
            linear.weight.copy_(weight[i].T)
            linear.bias.copy_(bias[i, 0])
            layers += [linear, ACTIVATIONS[self.activation].module()]
        return nn.Sequential(*layers[:-1])


def _initial_stream(seed: int) -> np.random.Generator:
    """Return the stream of a network's initial weights; minibatch orders use other spawn keys of a seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
