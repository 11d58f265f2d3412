"""The passes written by hand against autograd, in double precision."""

from __future__ import annotations

import pytest
import torch

from lblhep.nn import MLPEnsemble
from lblhep.nn.activations import ACTIVATIONS
from lblhep.nn.backprop import Buffers, Passes


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(3, 1), (2, 7, 1), (3, 8, 6, 5, 1), (2, 1, 1)])
def test_gradients_equal_autograds(activation: str, sizes: tuple[int, ...]) -> None:
    stream = torch.Generator().manual_seed(0)
    drawn = MLPEnsemble.initialised(sizes, seeds=range(5), activation=activation)
    ensemble = MLPEnsemble(
        sizes, activation, *(t.double() for t in (drawn.parameters, drawn.mean, drawn.std))
    )
    x = torch.randn(5, 11, sizes[0], generator=stream, dtype=torch.float64)
    logit_gradient = torch.randn(5, 11, generator=stream, dtype=torch.float64)

    # Fewer networks than the buffers hold, as after early stopping.
    passes = Passes(ensemble.parameters, activation, Buffers(sizes, 8, 11, x))
    logits = passes.forward(x).clone()
    passes.logit_gradient.copy_(logit_gradient)
    gradient = passes.backward(x, torch.empty_like(ensemble.parameters))

    ensemble.parameters.requires_grad_()
    expected = ensemble(x)
    expected.backward(logit_gradient)
    torch.testing.assert_close(logits, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, ensemble.parameters.grad, rtol=1e-12, atol=1e-12)
