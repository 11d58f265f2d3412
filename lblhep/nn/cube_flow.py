"""Model a conditional density on the unit cube, exact to evaluate and to sample: one spline after another.

p(u | c) = prod_i q_i'(u_i | u_1 ... u_{i-1}, c), where q_i is a monotonic rational-quadratic spline of [0, 1]
onto itself (arXiv:1906.04032; nflows has it), whose knots a small network finds from the coordinates before
it and the context.  The base density is the uniform one, so there are no tails to bound, and an untrained
flow is uniform: in coordinates in which physics is nearly flat, it starts near the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from nflows.transforms.splines import rational_quadratic_spline
from torch import Tensor, nn

from lblhep.nn.perceptron import perceptron

MIN_SLOPE = 1e-3  # nflows' own

# A function of i and the coordinates before coordinate i, (N, i).  It returns log weights (N, K) of K equal
# cells of [0, 1], or None.
Weights = Callable[[int, Tensor], Tensor | None]


class CubeFlow(nn.Module):
    """Models a density of ``dimensions`` coordinates in [0, 1] given ``context`` numbers.

    >>> flow = CubeFlow(2, context=1, hidden=[8], bins=4)
    >>> context = torch.zeros(5, 1)
    >>> u = flow.sample(torch.full((5, 2), 0.25), context)
    >>> flow.log_prob(u, context).sum(dim=1).shape
    torch.Size([5])
    """

    def __init__(
        self,
        dimensions: int,
        context: int,
        *,
        hidden: Sequence[int] = (64, 64),
        bins: int = 16,
        periodic: Sequence[int] = (),
    ) -> None:
        """Make the networks, one for each coordinate.

        Args:
            dimensions: how many coordinates the density has.
            context: how many numbers it depends on.
            hidden: widths of each coordinate's network.
            bins: pieces of each spline.
            periodic: coordinates that are angles, whose densities agree at 0 and 1.
        """
        super().__init__()
        self.dimensions, self.bins, self.periodic = dimensions, bins, tuple(periodic)
        self.conditioners = nn.ModuleList(
            _conditioner(context + 3 * i, hidden, 3 * bins + 1) for i in range(dimensions)
        )

    def log_prob(self, u: Tensor, context: Tensor, weights: Weights | None = None) -> Tensor:
        """Return each coordinate's log density given those before it, (N, dimensions): the sum is that of the
        point.

        ``u`` (N, dimensions), ``context`` (N, context).  What is known of a density already is given as
        ``weights``: in each cell it is constant, and the splines correct it.
        """
        # All coordinates are known: their splines are one call.
        knots = [self._knots(i, u[:, :i], context) for i in range(self.dimensions)]
        uniform, steps = zip(
            *(self._made_uniform(i, u, weights) for i in range(self.dimensions)), strict=True
        )
        _, log_slope = _spline(torch.cat(uniform), torch.cat(knots), inverse=False)
        return log_slope.reshape(self.dimensions, -1).T + torch.stack(steps, dim=1)

    def integral(self, i: int, u: Tensor, context: Tensor, weights: Weights | None = None) -> Tensor:
        """Return the distribution function (N,) of coordinate ``i`` at ``u`` (N, dimensions), given those
        before it.

        Args:
            i: the coordinate.
            u: points (N, dimensions); coordinates after ``i`` are not looked at.
            context: numbers that the density depends on (N, context).
            weights: what is known of the density already, as in ``log_prob``.

        Returns:
            Numbers in [0, 1], evenly distributed where the points are distributed as the flow says.
        """
        uniform, _ = self._made_uniform(i, u, weights)
        integral, _ = _spline(uniform, self._knots(i, u[:, :i], context), inverse=False)
        return integral

    def sample(
        self,
        uniform: Tensor,
        context: Tensor,
        meant: Tensor | None = None,
        weights: Weights | None = None,
    ) -> Tensor:
        """Return points (N, dimensions) made from uniform random numbers of the same shape.

        Args:
            uniform: random numbers in [0, 1] (N, dimensions).
            context: numbers that the density depends on (N, context).
            meant: where it is false (N, dimensions), a coordinate is the uniform random number itself.
            weights: what is known of the density already, as in ``log_prob``.
        """
        u = uniform[:, :0]
        for i in range(self.dimensions):
            new, _ = _spline(uniform[:, i], self._knots(i, u, context), inverse=True)
            given = weights(i, u) if weights else None
            if given is not None:
                new = _uneven(new, given)
            if meant is not None:
                new = torch.where(meant[:, i], new, uniform[:, i])
            u = torch.cat([u, new[:, None].clamp(0, 1)], dim=1)
        return u

    def _made_uniform(self, i: int, u: Tensor, weights: Weights | None) -> tuple[Tensor, Tensor]:
        """Make coordinate ``i`` (N,) uniform by its weights; return it and the log of that map's slope."""
        given = weights(i, u[:, :i]) if weights else None
        return (u[:, i], torch.zeros_like(u[:, i])) if given is None else _even(u[:, i], given)

    def _knots(self, i: int, before: Tensor, context: Tensor) -> Tensor:
        """Return the widths, heights and slopes (N, 3 bins + 1) of coordinate ``i``'s spline, before their
        softmax."""
        turned = 2 * torch.pi * before
        given = torch.cat([context, 2 * before - 1, turned.sin(), turned.cos()], dim=1)
        knots: Tensor = self.conditioners[i](given.to(context.dtype))
        if i in self.periodic:
            knots = torch.cat([knots[:, :-1], knots[:, 2 * self.bins, None]], dim=1)
        return knots


def _even(x: Tensor, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distribution function (N,) of densities constant in K cells of [0, 1], and its log slope.

    ``log_weights`` (N, K).
    """
    cells = log_weights.shape[1]
    share = log_weights.to(x.dtype).softmax(dim=1)
    cell = (x.detach() * cells).long().clamp(0, cells - 1)[:, None]
    own = share.gather(1, cell)[:, 0]
    below = share.cumsum(dim=1).gather(1, cell)[:, 0] - own
    return (below + (x * cells - cell[:, 0]) * own).clamp(0, 1), (own * cells).log()


def _uneven(y: Tensor, log_weights: Tensor) -> Tensor:
    """Invert ``_even``: return coordinates (N,) of values (N,) of the distribution function, and the log
    slope."""
    cells = log_weights.shape[1]
    share = log_weights.to(y.dtype).softmax(dim=1)
    reached = share.cumsum(dim=1)
    cell = torch.searchsorted(reached.detach(), y.detach()[:, None]).clamp_max(cells - 1)
    own = share.gather(1, cell)[:, 0]
    below = reached.gather(1, cell)[:, 0] - own
    return ((cell[:, 0] + (y - below) / own) / cells).clamp(0, 1)


def _spline(x: Tensor, knots: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
    """Return the value and log slope (N,) of each row's spline at ``x`` (N,)."""
    bins = knots.shape[1] // 3
    # Splines in the precision of the points: float32 round-off would fold narrow bins.
    widths, heights, slopes = torch.split(knots.to(x.dtype), [bins, bins, bins + 1], dim=1)
    y, log_slope = rational_quadratic_spline(x, widths, heights, slopes, inverse=inverse)
    return y, log_slope


def _conditioner(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Make a network whose last layer starts at the identity's knots."""
    network = perceptron([inputs, *hidden, outputs])
    last = network[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    with torch.no_grad():
        last.bias[2 * (outputs // 3) :] = torch.expm1(torch.tensor(1 - MIN_SLOPE)).log()
    return network
