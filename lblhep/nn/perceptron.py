"""The plain network that larger models are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn


def perceptron(widths: Sequence[int], activation: Callable[[], nn.Module] = nn.GELU) -> nn.Sequential:
    """Stack linear layers from ``widths[0]`` inputs to ``widths[-1]`` outputs, with ``activation`` between
    them.

    >>> sum(p.numel() for p in perceptron([2, 4, 1]).parameters())
    17
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])
