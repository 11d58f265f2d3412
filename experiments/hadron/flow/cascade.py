"""This module follows what a collision breaks up to until only stable particles are left."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from experiments.hadron.events.particle_types import N_PROCESSES, N_STABLE, NO_PARTICLE, ParticleTypes
from experiments.hadron.flow.channels import Channels, ResonanceDecays
from lblhep.annotations import Integers
from lblhep.physics.decay_chain import invariant_mass, to_rest_frame

NEIGHBOUR_DECAYS = 100  # decays in training that a resonance may follow
MASS_OFFSET = 100.0  # GeV, between the masses of one resonance and of the next


class Cascade(nn.Module):
    """This module makes all break-ups of an event by way of resonances, for TorchScript to read.

    ``collision`` and ``resonance`` give the momenta of products, each where its origin is at rest, from
    charge, origin, energy, products and uniform numbers: both are a ``BreakupFlow``, or traces of it.  A
    resonance decays as one of the ``NEIGHBOUR_DECAYS`` of training that are next to it in mass, and not
    heavier: it has room for what they have decayed to.
    """

    def __init__(
        self,
        collision: nn.Module,
        resonance: nn.Module,
        types: ParticleTypes,
        channels: Channels,
        decays: ResonanceDecays,
    ) -> None:
        super().__init__()
        self.collision, self.resonance = collision, resonance
        self.register_buffer("products", torch.tensor(decays.products))
        self.register_buffer("first", torch.tensor(decays.first))
        # By resonance and mass in one row: masses are far below ``MASS_OFFSET``.
        resonance = np.repeat(np.arange(types.resonances), np.diff(decays.first))
        self.register_buffer("masses", torch.tensor(MASS_OFFSET * resonance + decays.mass))
        rank = torch.tensor([*types.leaving_rank(), len(types)])  # ``NO_PARTICLE`` is the last
        self.register_buffer("rank", rank)
        # Places for particles, resonances and what comes of them, in so many generations.
        self.places, self.depth = _ends(channels.products, decays)
        self.collision_products = channels.products.shape[1]
        self.resonance_products = max(decays.products.shape[1], 1)
        self.collision_numbers = uniform_numbers(self.collision_products)
        self.resonance_numbers = 1 + uniform_numbers(self.resonance_products)
        # TorchScript knows no globals.
        self.n_stable, self.n_processes, self.no_particle = N_STABLE, N_PROCESSES, NO_PARTICLE
        self.mass_offset, self.neighbour_decays = MASS_OFFSET, NEIGHBOUR_DECAYS

    def numbers(self) -> int:
        """Return how many uniform numbers make an event of a channel."""
        return self.collision_numbers + self.depth * self.places * self.resonance_numbers

    def forward(
        self, charge: Tensor, process: Tensor, energy: Tensor, products: Tensor, uniform: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return types (N, places), all stable, and momenta (N, places, 4), GeV, in the centre of mass.

        Args:
            charge: The pions' charges (N,).
            process: Places (N,) in ``PROCESSES``.
            energy: The energies (N,) in the centre of mass, GeV.
            products: The types (N, n) of the collisions' products.
            uniform: Uniform numbers (N, numbers).

        Returns:
            Types and momenta.
        """
        first, later = uniform[:, : self.collision_numbers], uniform[:, self.collision_numbers :]
        momenta = self.collision(charge, process, energy, products, first)
        types, momenta = self.in_order(products, momenta)
        blocks = later.reshape(len(uniform), self.depth, self.places, self.resonance_numbers)
        for level in range(self.depth):
            types, momenta = self.decayed(types, momenta, blocks[:, level])
        return types, momenta

    def decayed(self, types: Tensor, momenta: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return types and momenta with all resonances replaced by what they decay to."""
        node = types >= self.n_stable
        system, resonance = momenta[node], types[node] - self.n_stable
        mass = invariant_mass(system)
        products = self.drawn(resonance, mass, uniform[node][:, 0])
        origin = resonance + self.n_processes
        made = self.resonance(torch.zeros_like(resonance), origin, mass, products, uniform[node][:, 1:])
        made = boosted(made, system)
        each = torch.full(
            [types.size(0), types.size(1), self.resonance_products], self.no_particle, dtype=types.dtype
        )
        each = each.to(types.device)
        each[:, :, 0] = torch.where(node, self.no_particle, types)
        each[node] = products
        first = torch.where(node[:, :, None], 0.0, momenta)[:, :, None]
        rest = torch.zeros_like(first).expand(-1, -1, self.resonance_products - 1, -1)
        every = torch.cat([first, rest], dim=2).index_put([node], made)
        return self.in_order(each.flatten(1), every.flatten(1, 2))

    def drawn(self, resonance: Tensor, mass: Tensor, uniform: Tensor) -> Tensor:
        """Return what resonances (M,) of these masses decay to, (M, products), by uniform numbers (M,)."""
        lighter = torch.searchsorted(self.masses, self.mass_offset * resonance + mass, right=True)
        first = torch.maximum(self.first[resonance], lighter - self.neighbour_decays)
        among = (lighter - first).clamp_min(1)  # the lightest, where rounding has left none
        return self.products[first + (uniform * among).long()]

    def in_order(self, types: Tensor, momenta: Tensor) -> tuple[Tensor, Tensor]:
        """Return types and momenta with baryons first and empty places last, of which ``places`` are kept."""
        missing = self.places - types.size(1)
        if missing > 0:
            types = torch.nn.functional.pad(types, [0, missing], value=float(self.no_particle))
            momenta = torch.nn.functional.pad(momenta, [0, 0, 0, missing])
        order = self.rank[types].argsort(dim=1, stable=True)[:, : self.places]
        return types.gather(1, order), momenta.gather(1, order[:, :, None].expand(-1, -1, 4))


def uniform_numbers(products: int) -> int:
    """Return how many uniform numbers make masses and momenta of so many products."""
    return products + 3 * (products - 1)


def boosted(momenta: Tensor, system: Tensor) -> Tensor:
    """Return momenta (M, n, 4) of products boosted from their origins' rest frames to where these move.

    ``system`` (M, 4) are the origins' momenta there.
    """
    mirrored = torch.cat([-system[:, :3], system[:, 3:]], dim=1)
    return to_rest_frame(momenta, mirrored[:, None])


def _ends(products: Integers, decays: ResonanceDecays) -> tuple[int, int]:
    """Return how many particles the channels (C, n) leave at most, and how many generations of resonances.

    What a resonance leaves follows from what its products do: the answers are found again until they stay.
    Raises ValueError if resonances decay to one another in a circle.
    """
    ways = [np.unique(decays.products[a:b], axis=0) for a, b in pairwise(decays.first)]
    left = np.ones(N_STABLE + len(ways) + 1, dtype=np.int64)
    left[NO_PARTICLE] = 0  # the last
    depth = np.zeros_like(left)
    for _ in range(len(ways) + 1):
        before = np.stack([left, depth])
        for resonance, own in enumerate(ways, N_STABLE):
            left[resonance] = left[own].sum(axis=1).max(initial=1)
            depth[resonance] = 1 + depth[own].max(initial=0)
        if np.array_equal(before, [left, depth]):
            return int(left[products].sum(axis=1).max()), int(depth[products].max())
    raise ValueError("resonances decay to one another in a circle: no number of generations is enough")
