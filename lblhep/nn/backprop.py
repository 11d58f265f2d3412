"""Run the forward and backward passes of an ensemble, written out by hand into preallocated buffers.

For networks this small, autograd's bookkeeping and fresh allocations cost more than the arithmetic. The
single output is kept as a row (P, 1, B) for the same reason: multiplying by column vectors takes MKL as long
as a whole hidden layer. A test compares the gradients with autograd's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lblhep.nn.activations import ACTIVATIONS
from lblhep.nn.ensemble import layer_views


class Buffers:
    """Reserves memory for passes of up to ``networks`` networks with ``batch`` rows each, reused by every
    step."""

    def __init__(self, sizes: Sequence[int], networks: int, batch: int, like: Tensor) -> None:
        """Reserve the memory.

        Args:
            sizes: features, hidden widths, 1.
            networks: the most networks that pass together.
            batch: rows of each network.
            like: a tensor of the same type on the same device.
        """
        self.sizes, self.batch = tuple(sizes), batch
        self._outputs = [like.new_empty(networks * batch * width) for width in sizes[1:]]
        # Going backwards only two layers' gradients are alive at a time.
        self._gradients = [like.new_empty(networks * batch * max(sizes[1:])) for _ in range(2)]
        layers = list(pairwise(sizes))
        self._weight_gradients = [like.new_empty(networks * before * after) for before, after in layers]
        self._bias_gradients = [like.new_empty(networks * after) for _, after in layers]

    def outputs(self, networks: int) -> list[Tensor]:
        """Return the memory (P, B, width) of each layer's outputs."""
        shapes = [(networks, self.batch, width) for width in self.sizes[1:]]
        return [_front(buffer, shape) for buffer, shape in zip(self._outputs, shapes, strict=True)]

    def output_gradients(self, networks: int) -> list[Tensor]:
        """Return the memory (P, B, width) of each layer's gradients, which is that of the layer two before
        it."""
        shapes = [(networks, self.batch, width) for width in self.sizes[1:]]
        return [_front(self._gradients[i % 2], shape) for i, shape in enumerate(shapes)]

    def parameter_gradients(self, networks: int) -> list[tuple[Tensor, Tensor]]:
        """Return the memory (P, in, out) and (P, out) of each layer's gradients, contiguous, as fast batched
        products ask for."""
        pairs = pairwise(self.sizes)
        return [
            (_front(weight, (networks, before, after)), _front(bias, (networks, after)))
            for weight, bias, (before, after) in zip(
                self._weight_gradients, self._bias_gradients, pairs, strict=True
            )
        ]


def _front(buffer: Tensor, shape: tuple[int, ...]) -> Tensor:
    return buffer[: math.prod(shape)].view(shape)


class Passes:
    """Runs the passes of the networks whose ``parameters`` (P, K) it looks at: updates in place are seen."""

    def __init__(self, parameters: Tensor, activation: str, buffers: Buffers) -> None:
        networks = len(parameters)
        self.parameters = parameters
        self._activation = ACTIVATIONS[activation]
        *self._hidden, (weight, self._output_bias) = layer_views(parameters, buffers.sizes)
        self._output_weight = weight.mT  # (P, 1, width)
        self._transposed = [weight.mT for weight, _ in self._hidden]
        *self._outputs, logits = buffers.outputs(networks)
        *self._gradients, logit_gradient = buffers.output_gradients(networks)
        self._logits, self._logit_gradient = logits.mT, logit_gradient.mT  # (P, 1, B)
        *self._parameter_gradients, (weight_gradient, self._output_bias_gradient) = (
            buffers.parameter_gradients(networks)
        )
        self._output_weight_gradient = weight_gradient.mT
        pairs = (*self._parameter_gradients, (weight_gradient, self._output_bias_gradient))
        self._rows = [part.flatten(1) for pair in pairs for part in pair]
        self.logits = logits.squeeze(2)  # (P, B), filled by forward
        self.logit_gradient = logit_gradient.squeeze(2)  # (P, B), for the caller to fill before backward

    def __len__(self) -> int:
        return len(self.logits)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (P, B) of standardised features x (P, B, F)."""
        hidden = x
        for (weight, bias), output in zip(self._hidden, self._outputs, strict=True):
            hidden = self._activation.apply_(torch.baddbmm(bias, hidden, weight, out=output))
        torch.baddbmm(self._output_bias, self._output_weight, hidden.mT, out=self._logits)
        return self.logits

    def backward(self, x: Tensor, out: Tensor) -> Tensor:
        """Write the gradient (P, K) of the last forward's ``x`` and ``logit_gradient`` into ``out`` and
        return it."""
        below = (x, *self._outputs)  # what each layer was given
        torch.bmm(self._logit_gradient, below[-1], out=self._output_weight_gradient)
        torch.sum(self._logit_gradient, 2, out=self._output_bias_gradient)
        if self._hidden:
            torch.mul(self._logit_gradient.mT, self._output_weight, out=self._gradients[-1])
        for layer in range(len(self._hidden) - 1, -1, -1):
            gradient = self._gradients[layer]
            self._activation.backward_(gradient, self._outputs[layer])
            weight_gradient, bias_gradient = self._parameter_gradients[layer]
            torch.bmm(below[layer].mT, gradient, out=weight_gradient)
            torch.sum(gradient, 1, out=bias_gradient)
            if layer:
                torch.bmm(gradient, self._transposed[layer], out=self._gradients[layer - 1])
        return torch.cat(self._rows, 1, out=out)
