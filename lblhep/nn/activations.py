"""Each activation's derivative follows from its output, so that training stores one tensor a layer.

Each is given three times: out of place (for inference and autograd), in place, and as the in-place product of
a gradient with the derivative. A test compares the last with autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """Describes one activation function of the hidden layers."""

    module: type[nn.Module]
    function: Callable[[Tensor], Tensor]
    apply_: Callable[[Tensor], Tensor]  # overwrites its argument
    backward_: Callable[[Tensor, Tensor], object]  # (gradient, output): overwrites gradient


def _relu_backward(gradient: Tensor, output: Tensor) -> object:
    return _aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)


def _tanh_backward(gradient: Tensor, output: Tensor) -> object:
    return _aten.tanh_backward.grad_input(gradient, output, grad_input=gradient)


def _sigmoid_backward(gradient: Tensor, output: Tensor) -> object:
    return _aten.sigmoid_backward.grad_input(gradient, output, grad_input=gradient)


def _elu_backward(gradient: Tensor, output: Tensor) -> object:
    return _aten.elu_backward.grad_input(gradient, 1.0, 1.0, 1.0, True, output, grad_input=gradient)


def _leaky_relu_backward(gradient: Tensor, output: Tensor) -> object:
    return _aten.leaky_relu_backward.grad_input(gradient, output, 0.01, True, grad_input=gradient)


ACTIVATIONS = {
    "relu": Activation(nn.ReLU, torch.relu, torch.relu_, _relu_backward),
    "tanh": Activation(nn.Tanh, torch.tanh, torch.tanh_, _tanh_backward),
    "sigmoid": Activation(nn.Sigmoid, torch.sigmoid, torch.sigmoid_, _sigmoid_backward),
    "elu": Activation(nn.ELU, nn.functional.elu, nn.functional.elu_, _elu_backward),
    "leaky_relu": Activation(
        nn.LeakyReLU, nn.functional.leaky_relu, nn.functional.leaky_relu_, _leaky_relu_backward
    ),
}
