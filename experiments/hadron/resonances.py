"""Resonances, which have the same mass at every energy.

Two particles that come from one resonance show its mass.  Among the coordinates of the decay chain that peak
moves with the energy of the collision, and a network would have to learn how.  Here log weights of a pair's
invariant mass are learned instead, a table for each pair of species, the same at all energies.  They give
the density of a coordinate that the network then corrects (``CubeFlow``).  Which resonances there are, no one
tells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from experiments.hadron.channels import NONE
from experiments.hadron.species import SPECIES
from experiments.hadron.steps import Given
from lblhep.physics.decay_chain import two_body_momentum

NODES = 128  # of each table, denser at threshold
HIGHEST = 3.0  # GeV above threshold; weights are constant beyond
CELLS = 48  # of a coordinate, in which its density is constant


class Resonances(nn.Module):
    """Log weights of the mass and the polar angle of a decay, on ``CELLS`` of either coordinate."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(len(SPECIES) ** 2 * NODES))
        self.register_buffer("centres", (torch.arange(CELLS) + 0.5) / CELLS)

    def of_mass(self, given: Given) -> Tensor:
        """(N, CELLS) of the mass of what stays behind, where that is two particles; else 0."""
        system, leaving, left, _, _ = given.kinematics.unbind(dim=1)
        excess = self.centres * (system - leaving - left)[:, None]
        if given.staying.shape[1] < 2:
            return torch.zeros_like(excess)
        two = (given.staying != NONE).sum(dim=1) == 2
        one, other = given.staying[:, 0], given.staying[:, 1]
        return self._weights(torch.where(two, one, NONE), other, excess)

    def of_polar(self, given: Given, share: Tensor) -> Tensor:
        """(N, CELLS) of the polar angle against the first particle, when ``share`` (N,) is the coordinate of
        the mass; 0 in the first decay.

        The angle fixes the mass of the first particle with the one that leaves and, where one particle
        stays, with that one too.
        """
        system, leaving, left, first, momentum = (x[:, None] for x in given.kinematics.unbind(dim=1))
        last = (given.staying != NONE).sum(dim=1) == 1
        if not given.left.shape[1]:
            return torch.zeros_like(share[:, None] * self.centres)
        rest = torch.where(last[:, None], left, left + share[:, None] * (system - leaving - left))
        size = two_body_momentum(system, leaving, rest)
        energy, along = (first**2 + momentum**2).sqrt(), momentum * size * (2 * self.centres - 1)

        def excess(mass: Tensor, direction: int) -> Tensor:
            squared = first**2 + mass**2 + 2 * (energy * (mass**2 + size**2).sqrt() - direction * along)
            return squared.sqrt() - first - mass

        axis = given.left[:, 0]
        weights = self._weights(axis, given.leaving, excess(leaving, 1))
        return weights + self._weights(torch.where(last, axis, NONE), given.staying[:, 0], excess(rest, -1))

    def _weights(self, one: Tensor, other: Tensor, excess: Tensor) -> Tensor:
        """Of pairs (N,) at masses (N, CELLS), GeV above threshold; 0 where ``one`` is ``NONE``."""
        pair = torch.minimum(one, other) * len(SPECIES) + torch.maximum(one, other)
        there = one != NONE
        place = (excess / HIGHEST).clamp(1e-9, 1).sqrt() * (NODES - 1)
        lower = place.detach().floor().long().clamp_max(NODES - 2)
        at = lower + torch.where(there, pair, 0)[:, None] * NODES
        share = place - lower
        weights = (1 - share) * self.table[at] + share * self.table[at + 1]
        return torch.where(there[:, None], weights, 0.0)
