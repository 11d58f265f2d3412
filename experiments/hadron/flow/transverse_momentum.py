"""These tables hold transverse momenta of what strings leave, which are the same at every energy.

Strings give hadrons transverse momenta of some 0.3 GeV whatever the energy, which neighbours on the string
balance.  Among the coordinates of the decay chain that moves with the energy, and a network would have to
learn how.  Here log weights are learned instead in tables that do not depend on it: of each particle type's
transverse momentum, forwards and backwards; and, of each pair of types, of the scalar product of their
transverse momenta (in GeV^2, where the decaying system rests) by their distance in rapidity there.  They
give the density of a coordinate that the network then corrects (``CubeFlow``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from experiments.hadron.events.particle_types import N_PROCESSES, NO_PARTICLE
from experiments.hadron.events.processes import PROCESSES
from experiments.hadron.flow.steps import MOMENTUM_RESOLUTION, Given
from lblhep.nn.cube_flow import Weights
from lblhep.physics.decay_chain import two_body_momentum

TABLE_NODES = 128  # in each table, denser at its beginning
MAX_TRANSVERSE_MOMENTUM = 2.0  # GeV, transverse; weights are constant beyond
MAX_RAPIDITY_DISTANCE = 6.0  # in rapidity
MAX_VELOCITY = 0.99999  # of the speed of light: what is along the beam has a rapidity all the same
# Of a coordinate, in which its density is constant.  The polar angle has more: fast particles lie within few.
POLAR_CELLS, AZIMUTH_CELLS = 128, 48
RESONANT = torch.tensor([process.is_resonant for process in PROCESSES])


class TransverseMomentumTables(nn.Module):
    """This module gives log weights of a decay's coordinates in cells, from the coordinates before it.

    It has one table for each of ``n_types`` particle types and each direction, and one for each pair of
    types.
    """

    def __init__(self, n_types: int) -> None:
        super().__init__()
        self.n_types = n_types
        self.transverse = nn.Parameter(torch.zeros(n_types * 2 * TABLE_NODES))
        self.recoil = nn.Parameter(torch.zeros(n_types**2 * TABLE_NODES))
        self.register_buffer("polar", torch.pi * (torch.arange(POLAR_CELLS) + 0.5) / POLAR_CELLS)
        self.register_buffer("azimuth", 2 * torch.pi * (torch.arange(AZIMUTH_CELLS) + 0.5) / AZIMUTH_CELLS)
        # Equal steps of the polar angle are not equal in its cosine, in which isotropic decays are uniform.
        self.register_buffer("isotropic", self.polar.sin().log())
        self.register_buffer("resonant", RESONANT)

    def weights(self, given: Given) -> Weights:
        """Return the log weights of each coordinate's cells as ``CubeFlow`` asks for them."""
        strings = self._are_of_strings(given.origin)[:, None]

        def of(coordinate: int, before: Tensor) -> Tensor | None:
            if coordinate == 0:
                return None
            decay = _Decay(given, before[:, 0])
            if coordinate == 1:
                # The azimuth is not known yet: as if at a right angle to the plane of beam and system.
                right = torch.full_like(self.polar, torch.pi / 2)
                weights = self._of_transverse(given, decay, self.polar, right)
                return self.isotropic + torch.where(strings, weights, 0.0)
            polar = torch.pi * before[:, 1:2]
            weights = self._of_transverse(given, decay, polar, self.azimuth)
            if given.left.shape[1]:
                weights = weights + self._of_recoil(given, decay, polar, self.azimuth)
            return torch.where(strings, weights, 0.0)

        return of

    def _are_of_strings(self, origin: Tensor) -> Tensor:
        """Return which origins are neither resonances nor collisions by way of one."""
        process = origin.clamp_max(N_PROCESSES - 1)
        return (origin < N_PROCESSES) & ~self.resonant[process]

    def _of_transverse(self, given: Given, decay: _Decay, polar: Tensor, azimuth: Tensor) -> Tensor:
        transverse, forwards = decay.transverse(polar.cos(), azimuth)
        table = 2 * given.leaving[:, None] + forwards
        return looked_up(
            self.transverse, table, (transverse / MAX_TRANSVERSE_MOMENTUM).clamp_min(1e-9).sqrt()
        )

    def _of_recoil(self, given: Given, decay: _Decay, polar: Tensor, azimuth: Tensor) -> Tensor:
        """Return log weights (N, cells) by the transverse momenta of the particles that have left.

        They are sums over those particles of a table by the distance in rapidity, times the scalar product
        of the transverse momenta, all where the decaying system is at rest, which has recoiled from them.
        """
        along, log_size, energy = given.momenta.split([3, 1, 1], dim=2)
        momenta = along * (log_size.exp() - MOMENTUM_RESOLUTION)
        size = decay.size * polar.sin()
        own = _rapidity(decay.size * polar.cos(), (decay.leaving**2 + decay.size**2).sqrt())
        distance = (own - _rapidity(momenta[..., 2], energy[..., 0])).abs()
        table = self._pair(given.leaving[:, None], given.left)
        coefficient = looked_up(self.recoil, table, (distance / MAX_RAPIDITY_DISTANCE).clamp_min(1e-9).sqrt())
        x, y = (coefficient[..., None] * momenta[..., :2]).sum(dim=1).split(1, dim=1)
        return size * (azimuth.cos() * x + azimuth.sin() * y)

    def _pair(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the number of a pair of types, in either order."""
        return torch.minimum(one, other) * self.n_types + torch.maximum(one, other)


class _Decay:
    """This class has the kinematics of decays (N, 1), with the beam for polar axis.

    ``share`` (N,) is the coordinate of the mass that stays.
    """

    def __init__(self, given: Given, share: Tensor) -> None:
        columns = (x[:, None] for x in given.kinematics.unbind(dim=1))
        self.system, self.leaving, left, *self.flight = columns
        last = ((given.staying != NO_PARTICLE).sum(dim=1) == 1)[:, None]
        room = self.system - self.leaving - left
        rest = torch.where(last, left, left + share[:, None].to(left) * room)
        self.size = two_body_momentum(self.system, self.leaving, rest)

    def transverse(self, cosine: Tensor, azimuth: Tensor) -> tuple[Tensor, Tensor]:
        """Return the transverse momentum, GeV, and the direction of the particle that leaves.

        Both are those in the collision's centre of mass; the direction is 1 forwards and 0 backwards.
        """
        sine = (1 - cosine**2).clamp_min(0).sqrt()
        local = [self.size * sine * azimuth.cos(), self.size * sine * azimuth.sin(), self.size * cosine]
        along = sum(a * b for a, b in zip(local, self.flight, strict=True))
        energy = (self.system**2 + sum(x**2 for x in self.flight)).sqrt()
        factor = along / (energy + self.system) + (self.leaving**2 + self.size**2).sqrt()
        x, y, z = (a + factor / self.system * b for a, b in zip(local, self.flight, strict=True))
        return (x**2 + y**2).sqrt(), (z > 0).long()


def _rapidity(along: Tensor, energy: Tensor) -> Tensor:
    return torch.atanh((along / energy.clamp_min(MOMENTUM_RESOLUTION)).clamp(-MAX_VELOCITY, MAX_VELOCITY))


def looked_up(tables: Tensor, number: Tensor, share: Tensor) -> Tensor:
    """Return values of table ``number`` at ``share`` of its length, linear between ``TABLE_NODES`` values.

    The tables come one after another in ``tables``.
    """
    place = share.clamp(0, 1) * (TABLE_NODES - 1)
    lower = place.detach().floor().long().clamp_max(TABLE_NODES - 2)
    at, fraction = lower + number * TABLE_NODES, place - lower
    return (1 - fraction) * tables[at] + fraction * tables[at + 1]
