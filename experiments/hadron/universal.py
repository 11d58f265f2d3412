"""What is the same at every energy: masses of resonances, and transverse momenta.

Two particles that come from one resonance show its mass, and strings give hadrons transverse momenta of
some 0.3 GeV whatever the energy, which neighbours on the string balance.  Among the coordinates of the decay
chain either peak moves with the energy, and a network would have to learn how.  Here log weights are learned
instead in tables that do not depend on it: of the invariant mass of each pair of species, a mixture of a few
tables that the network weighs anew in each decay; of each species' transverse momentum, forwards and
backwards; and, of each pair, of the scalar product of their transverse momenta (in GeV^2, where the decaying
system rests) by their distance in rapidity there.  They give the density of a coordinate that the network
then corrects (``CubeFlow``).  Which resonances there are, no one tells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from experiments.hadron.channels import NONE
from experiments.hadron.species import SPECIES
from experiments.hadron.steps import SMALL, Given
from lblhep.nn.cube_flow import Weights
from lblhep.physics.decay_chain import two_body_momentum

COMPONENTS = 3  # of the mixture: room for two resonances and what is none
NODES = 128  # of each table, denser at its beginning
HIGHEST_MASS = 3.0  # GeV above threshold; weights are constant beyond
HIGHEST_MOMENTUM = 2.0  # GeV, transverse
FARTHEST = 6.0  # in rapidity
FASTEST = 0.99999  # of the speed of light: what is along the beam has a rapidity all the same
CELLS = 48  # of a coordinate, in which its density is constant


class Universal(nn.Module):
    """Log weights of a decay's coordinates, (N, CELLS) of each, given the coordinates before and what the
    network makes of all else, ``context`` numbers."""

    def __init__(self, context: int) -> None:
        super().__init__()
        # Not nothing, or all components would stay alike.
        self.masses = nn.Parameter(0.1 * torch.randn(COMPONENTS, len(SPECIES) ** 2 * NODES))
        self.mixture = nn.Linear(context, 2 * COMPONENTS)  # of what stays; with the first
        nn.init.zeros_(self.mixture.weight)
        nn.init.zeros_(self.mixture.bias)
        self.transverse = nn.Parameter(torch.zeros(len(SPECIES) * 2 * NODES))
        self.recoil = nn.Parameter(torch.zeros(len(SPECIES) ** 2 * NODES))
        self.register_buffer("centres", (torch.arange(CELLS) + 0.5) / CELLS)
        # Equal steps of the polar angle are not equal in its cosine, in which isotropic decays are even.
        self.register_buffer("isotropic", (torch.pi * self.centres).sin().log())

    def weights(self, given: Given, context: Tensor) -> Weights:
        """As ``CubeFlow`` asks for them; ``context`` (N, context)."""
        staying, first = self.mixture(context).split(COMPONENTS, dim=1)

        def of(coordinate: int, before: Tensor) -> Tensor | None:
            if coordinate == 0:
                return self._of_mass(given, staying)
            decay = _Decay(given, before[:, 0])
            if coordinate == 1:
                return self._of_polar(given, decay, first)
            polar, azimuth = torch.pi * before[:, 1:2], 2 * torch.pi * self.centres
            weights = self._of_transverse(given, decay, polar, azimuth)
            if given.left.shape[1]:
                weights = weights + self._of_recoil(given, decay, polar, azimuth)
            return weights

        return of

    def _of_mass(self, given: Given, mixture: Tensor) -> Tensor | None:
        """Of the mass of what stays behind, where that is two particles."""
        if given.staying.shape[1] < 2:
            return None
        system, leaving, left = given.kinematics[:, :3].unbind(dim=1)
        two = (given.staying != NONE).sum(dim=1) == 2
        excess = self.centres * (system - leaving - left)[:, None]
        one = torch.where(two, given.staying[:, 0], NONE)
        return self._of_pair(one, given.staying[:, 1], excess, mixture)

    def _of_polar(self, given: Given, decay: _Decay, mixture: Tensor) -> Tensor:
        """Against the beam, of the transverse momentum; against the first particle, of its mass with the one
        that leaves and, where one stays, with that one too."""
        polar = torch.pi * self.centres
        # The azimuth is not known yet: as if at a right angle to the plane of beam and system.
        weights = self._of_transverse(given, decay, polar, torch.full_like(polar, torch.pi / 2))
        if given.left.shape[1]:
            axis, last = given.left[:, 0], (given.staying != NONE).sum(dim=1) == 1
            one = self._of_pair(axis, given.leaving, decay.excess(decay.leaving, polar.cos()), mixture)
            other = decay.excess(decay.rest, -polar.cos())
            both = one + self._of_pair(torch.where(last, axis, NONE), given.staying[:, 0], other, mixture)
            weights = torch.where(decay.momentum > 0, both, weights)
        return self.isotropic + weights

    def _of_transverse(self, given: Given, decay: _Decay, polar: Tensor, azimuth: Tensor) -> Tensor:
        transverse, forwards = decay.transverse(polar.cos(), azimuth)
        table = 2 * given.leaving[:, None] + forwards
        return _looked_up(self.transverse, table, transverse / HIGHEST_MOMENTUM)

    def _of_recoil(self, given: Given, decay: _Decay, polar: Tensor, azimuth: Tensor) -> Tensor:
        """Of momenta across the beam against those of particles that have left, by the distance in rapidity.

        All of it is where the system that decays is at rest, which has recoiled from those that have left.
        """
        along, log_size, energy = given.momenta.split([3, 1, 1], dim=2)
        momenta = along * (log_size.exp() - SMALL)
        size = decay.size * polar.sin()
        own = _rapidity(decay.size * polar.cos(), (decay.leaving**2 + decay.size**2).sqrt())
        distance = (own - _rapidity(momenta[..., 2], energy[..., 0])).abs()
        table = _pair(given.leaving[:, None], given.left)
        strength = _looked_up(self.recoil, table, distance / FARTHEST)
        x, y = (strength[..., None] * momenta[..., :2]).sum(dim=1).split(1, dim=1)
        weights = size * (azimuth.cos() * x + azimuth.sin() * y)
        return torch.where(decay.momentum > 0, 0.0, weights)

    def _of_pair(self, one: Tensor, other: Tensor, excess: Tensor, mixture: Tensor) -> Tensor:
        """Of pairs (N,) at masses (N, CELLS), GeV above threshold; 0 where ``one`` is ``NONE``.

        ``mixture`` (N, COMPONENTS) are the components' log weights.
        """
        there = (one != NONE)[:, None]
        table = _pair(one, other)[:, None]
        components = _looked_up(self.masses, torch.where(there, table, 0), excess / HIGHEST_MASS)
        return torch.where(there, (components + mixture.T[..., None]).logsumexp(dim=0), 0.0)


class _Decay:
    """The kinematics of decays (N, 1) of a stated ``share`` (N,), the coordinate of the mass that stays."""

    def __init__(self, given: Given, share: Tensor) -> None:
        columns = (x[:, None] for x in given.kinematics.unbind(dim=1))
        self.system, self.leaving, left, self.first, self.momentum, *self.flight, self.beam = columns
        last = ((given.staying != NONE).sum(dim=1) == 1)[:, None]
        room = self.system - self.leaving - left
        self.rest = torch.where(last, left, left + share[:, None].to(left) * room)
        self.size = two_body_momentum(self.system, self.leaving, self.rest)

    def excess(self, mass: Tensor, cosine: Tensor) -> Tensor:
        """GeV above threshold of the first particle with one of this mass at this angle to it."""
        energy = (self.first**2 + self.momentum**2).sqrt() * (mass**2 + self.size**2).sqrt()
        squared = self.first**2 + mass**2 + 2 * (energy - self.momentum * self.size * cosine)
        return squared.sqrt() - self.first - mass

    def transverse(self, cosine: Tensor, azimuth: Tensor) -> tuple[Tensor, Tensor]:
        """Momentum across the beam, GeV, of the particle that leaves, in the collision's centre of mass; and
        whether it flies forwards there (1) or not (0)."""
        sine = (1 - cosine**2).clamp_min(0).sqrt()
        local = [self.size * sine * azimuth.cos(), self.size * sine * azimuth.sin(), self.size * cosine]
        along = sum(a * b for a, b in zip(local, self.flight, strict=True))
        energy = (self.system**2 + sum(x**2 for x in self.flight)).sqrt()
        factor = along / (energy + self.system) + (self.leaving**2 + self.size**2).sqrt()
        x, y, z = (a + factor / self.system * b for a, b in zip(local, self.flight, strict=True))
        # The beam lies in the plane of the first and the last of the axes.
        across = (1 - self.beam**2).clamp_min(0).sqrt()
        forwards = across * x + self.beam * z
        inside = self.beam * x - across * z
        return (inside**2 + y**2).sqrt(), (forwards > 0).long()


def _pair(one: Tensor, other: Tensor) -> Tensor:
    """The number of a pair of species, in either order."""
    return torch.minimum(one, other) * len(SPECIES) + torch.maximum(one, other)


def _rapidity(along: Tensor, energy: Tensor) -> Tensor:
    return torch.atanh((along / energy.clamp_min(SMALL)).clamp(-FASTEST, FASTEST))


def _looked_up(tables: Tensor, number: Tensor, share: Tensor) -> Tensor:
    """Linear between the nodes of table ``number``, at ``share`` of its length; nodes lie as squares do.

    Of several sets of ``tables`` (sets, nodes), (sets, N, CELLS).
    """
    place = share.clamp(1e-9, 1).sqrt() * (NODES - 1)
    lower = place.detach().floor().long().clamp_max(NODES - 2)
    at, fraction = lower + number * NODES, place - lower
    return (1 - fraction) * tables[..., at] + fraction * tables[..., at + 1]
