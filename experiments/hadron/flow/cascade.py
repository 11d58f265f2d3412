"""From what a collision breaks up to until only stable particles are left."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from experiments.hadron.events.particle_types import N_PROCESSES, N_STABLE, NO_PARTICLE, ParticleTypes
from experiments.hadron.flow.channels import Channels, ResonanceDecays
from lblhep.annotations import Integers
from lblhep.physics.decay_chain import invariant_mass, to_rest_frame

NEIGHBOUR_DECAYS = 100
MASS_OFFSET = 100.0  # GeV


class Cascade(nn.Module):
    """Break-ups by way of resonances, for TorchScript to read.

    ``collision`` and ``resonance`` give the momenta of products, each where its origin is at rest, from
    charge, origin, energy, products and uniform numbers: both are a ``BreakupFlow``, or traces of it.  A
    resonance decays as one of the ``NEIGHBOUR_DECAYS`` of training that are next to it in mass, and not heavier: it
    has room for what they have decayed to.
    """

    def __init__(
        self,
        collision: nn.Module,
        resonance: nn.Module,
        kinds: ParticleTypes,
        channels: Channels,
        decays: ResonanceDecays,
    ) -> None:
        super().__init__()
        self.collision, self.resonance = collision, resonance
        self.register_buffer("products", torch.tensor(decays.products))
        self.register_buffer("first", torch.tensor(decays.first))
        # By resonance and mass in one row: masses are far below ``MASS_OFFSET``.
        resonance = np.repeat(np.arange(kinds.resonances), np.diff(decays.first))
        self.register_buffer("masses", torch.tensor(MASS_OFFSET * resonance + decays.mass))
        self.register_buffer(
            "rank", torch.tensor([*kinds.leaving_rank(), len(kinds)])
        )  # NO_PARTICLE is the last
        # Places for particles, resonances and what comes of them, in so many generations.
        self.places, self.depth = _ends(channels.products, decays)
        self.most = channels.products.shape[1]
        self.few = max(decays.products.shape[1], 1)
        self.of_collision, self.of_resonance = uniform_numbers(self.most), 1 + uniform_numbers(self.few)
        # TorchScript knows no globals.
        self.stable, self.from_resonances, self.none = N_STABLE, N_PROCESSES, NO_PARTICLE
        self.apart, self.neighbours = MASS_OFFSET, NEIGHBOUR_DECAYS

    def numbers(self) -> int:
        """How many uniform numbers make an event of a channel."""
        return self.of_collision + self.depth * self.places * self.of_resonance

    def forward(
        self, charge: Tensor, process: Tensor, energy: Tensor, products: Tensor, uniform: Tensor
    ) -> tuple[Tensor, Tensor]:
        """ParticleTypes (N, places), all of them stable, and momenta (N, places, 4), GeV, where the collision is at
        rest."""
        first, later = uniform[:, : self.of_collision], uniform[:, self.of_collision :]
        momenta = self.collision(charge, process, energy, products, first)
        kinds, momenta = self.in_order(products, momenta)
        blocks = later.reshape(len(uniform), self.depth, self.places, self.of_resonance)
        for level in range(self.depth):
            kinds, momenta = self.decayed(kinds, momenta, blocks[:, level])
        return kinds, momenta

    def decayed(self, kinds: Tensor, momenta: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """All resonances replaced by what they decay to."""
        node = kinds >= self.stable
        system, kind = momenta[node], kinds[node] - self.stable
        mass = invariant_mass(system)
        products = self.drawn(kind, mass, uniform[node][:, 0])
        origin = kind + self.from_resonances
        made = self.resonance(torch.zeros_like(kind), origin, mass, products, uniform[node][:, 1:])
        made = boosted(made, system)
        each = torch.full([kinds.size(0), kinds.size(1), self.few], self.none, dtype=kinds.dtype)
        each = each.to(kinds.device)
        each[:, :, 0] = torch.where(node, self.none, kinds)
        each[node] = products
        first = torch.where(node[:, :, None], 0.0, momenta)[:, :, None]
        rest = torch.zeros_like(first).expand(-1, -1, self.few - 1, -1)
        every = torch.cat([first, rest], dim=2).index_put([node], made)
        return self.in_order(each.flatten(1), every.flatten(1, 2))

    def drawn(self, kind: Tensor, mass: Tensor, uniform: Tensor) -> Tensor:
        """What resonances (M,) of these masses decay to, (M, few), by uniform numbers (M,)."""
        lighter = torch.searchsorted(self.masses, self.apart * kind + mass, right=True)
        first = torch.maximum(self.first[kind], lighter - self.neighbours)
        among = (lighter - first).clamp_min(1)  # the lightest, where rounding has left none
        return self.products[first + (uniform * among).long()]

    def in_order(self, kinds: Tensor, momenta: Tensor) -> tuple[Tensor, Tensor]:
        """Baryons first, and what is none at the end, of which ``places`` are kept."""
        missing = self.places - kinds.size(1)
        if missing > 0:
            kinds = torch.nn.functional.pad(kinds, [0, missing], value=float(self.none))
            momenta = torch.nn.functional.pad(momenta, [0, 0, 0, missing])
        order = self.rank[kinds].argsort(dim=1, stable=True)[:, : self.places]
        return kinds.gather(1, order), momenta.gather(1, order[:, :, None].expand(-1, -1, 4))


def uniform_numbers(products: int) -> int:
    """How many of them make masses and momenta of so many products."""
    return products + 3 * (products - 1)


def boosted(momenta: Tensor, system: Tensor) -> Tensor:
    """Momenta (M, n, 4) of products of origins at rest, where these have momenta ``system`` (M, 4)."""
    mirrored = torch.cat([-system[:, :3], system[:, 3:]], dim=1)
    return to_rest_frame(momenta, mirrored[:, None])


def _ends(products: Integers, decays: ResonanceDecays) -> tuple[int, int]:
    """How many particles the channels (C, n) can leave at most, and in how many generations of resonances.

    What a resonance leaves follows from what its products do: the answers are found again until they stay."""
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
