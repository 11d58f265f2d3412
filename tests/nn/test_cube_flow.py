"""A density on the unit cube: normalised, invertible, and able to learn what it is shown."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest

from lblhep.nn.cube_flow import CubeFlow


def perturbed(**arguments) -> CubeFlow:
    """A flow with random weights in its last layers too, in float64."""
    torch.manual_seed(1)
    flow = CubeFlow(2, 3, hidden=(16,), bins=8, **arguments).double()
    for network in flow.conditioners:
        torch.nn.init.normal_(network[-1].weight, std=0.7)
    return flow


def test_an_untrained_flow_is_uniform():
    flow, u = CubeFlow(3, 2), torch.rand(50, 3)
    torch.testing.assert_close(flow.log_prob(u, torch.randn(50, 2)), torch.zeros(50, 3), atol=1e-5, rtol=0)


def test_the_density_integrates_to_one():
    """The midpoint rule with 400 x 400 cells on splines of 8 bins: 1e-3."""
    flow, n = perturbed(), 400
    middle = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    u = torch.cartesian_prod(middle, middle)
    context = torch.tensor([0.3, -1.0, 0.7], dtype=torch.float64).expand(len(u), 3)
    with torch.no_grad():
        density = flow.log_prob(u, context).sum(dim=1).exp()
    assert density.std() > 0.3
    assert density.mean() == pytest.approx(1, abs=1e-3)


def test_samples_follow_the_density():
    """The probability integral of each coordinate given those before it is uniform."""
    flow, n = perturbed(), 4000
    generator = torch.Generator().manual_seed(2)
    context = torch.tensor([0.3, -1.0, 0.7], dtype=torch.float64).expand(n, 3)
    uniform = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        u = flow.sample(uniform, context)
        middle = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        grid = torch.stack([middle, torch.zeros_like(middle)], dim=1)
        marginal = flow.log_prob(grid, context)[:, 0].exp().cumsum(0) / n
    positions = (u[:, 0] * n).long().clamp_max(n - 1)
    assert kstest(marginal[positions].numpy(), "uniform").pvalue > 0.001
    assert kstest(u[:, 0].numpy(), "uniform").pvalue < 1e-6


def test_an_angle_has_one_density_at_both_ends():
    flow = perturbed(periodic=(1,))
    context = torch.randn(20, 3, dtype=torch.float64)
    low, high = torch.full((20, 2), 0.4, dtype=torch.float64), torch.full((20, 2), 0.4, dtype=torch.float64)
    low[:, 1], high[:, 1] = 0, 1
    one, other = flow.log_prob(low, context)[:, 1], flow.log_prob(high, context)[:, 1]
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_it_learns_a_density_that_the_context_shapes():
    """u1 = sqrt of a uniform number (density 2 u), u2 = the same of a mirrored one where the context is 1."""
    generator = torch.Generator().manual_seed(3)
    flip = (torch.rand(20_000, generator=generator) < 0.5).float()
    u = torch.rand(20_000, 2, generator=generator).sqrt()
    u[:, 1] = torch.where(flip == 1, 1 - u[:, 1], u[:, 1])
    torch.manual_seed(4)
    flow = CubeFlow(2, 1, hidden=(16,), bins=8)
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = -flow.log_prob(u, flip[:, None]).sum(dim=1).mean()
        loss.backward()
        optimizer.step()
    entropy = 2 * (0.5 - torch.tensor(2.0).log())  # of two densities 2 u
    # 20,000 draws know the mean log density to 0.5 sqrt(2 / 20,000) = 0.005.
    assert loss.item() == pytest.approx(entropy.item(), abs=0.02)


def given_weights(i: int, before: torch.Tensor) -> torch.Tensor | None:
    """A peak in the first coordinate, and one in the second whose place depends on the first."""
    cells = torch.linspace(0, 1, 12, dtype=torch.float64)
    centre = 0.3 if i == 0 else before[:, :1]
    return -(((cells - centre) / 0.2) ** 2).expand(len(before), 12)


def test_weights_are_the_density_of_an_untrained_flow():
    flow, u = CubeFlow(2, 3).double(), torch.rand(200, 2, dtype=torch.float64)
    with torch.no_grad():
        found = flow.log_prob(u, torch.zeros(200, 3, dtype=torch.float64), given_weights)
    expected = (given_weights(0, u[:, :0]).softmax(dim=1) * 12).log()
    cell = (u[:, 0] * 12).long()
    torch.testing.assert_close(found[:, 0], expected.gather(1, cell[:, None])[:, 0], atol=1e-4, rtol=0)


def test_with_weights_the_density_integrates_to_one_and_samples_follow_it():
    flow, n = perturbed(), 240
    middle = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    u = torch.cartesian_prod(middle, middle)
    context = torch.tensor([0.3, -1.0, 0.7], dtype=torch.float64)
    with torch.no_grad():
        density = flow.log_prob(u, context.expand(len(u), 3), given_weights).sum(dim=1).exp()
        uniform = torch.rand(4000, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        made = flow.sample(uniform, context.expand(4000, 3), weights=given_weights)
        integrals = [flow.integral(i, made, context.expand(4000, 3), given_weights) for i in range(2)]
    assert density.mean() == pytest.approx(1, abs=2e-3)
    for i, integral in enumerate(integrals):
        # Drawn from these uniform numbers: the integral gives each back.
        torch.testing.assert_close(integral, uniform[:, i], atol=1e-6, rtol=0)
        assert kstest(made[:, i].numpy(), "uniform").pvalue < 1e-6
