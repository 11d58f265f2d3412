"""The masses of resonances: drawn one after another, before the chain of decays, from what room there is.

A resonance has the same peak wherever it is made: log weights are a table over its masses, to which comes the
room that is left for motion to a power that depends on what breaks up, as thresholds do.  A network corrects
what they give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from experiments.hadron.events.particle_types import N_PROCESSES, N_STABLE, NO_PARTICLE, ParticleTypes
from experiments.hadron.flow.conditions import BASIS_CENTRES
from experiments.hadron.flow.steps import MOMENTUM_RESOLUTION, Origin
from experiments.hadron.flow.transverse_momentum import TABLE_NODES, looked_up
from lblhep.nn.cube_flow import CubeFlow, Weights
from lblhep.nn.perceptron import perceptron

MASS_CELLS = 64  # of the masses that there is room for, in which the density is constant
MIN_MASS_RANGE = 1e-6  # GeV, between the lowest and the highest mass


class Masses(NamedTuple):
    """M masses: ``charge`` and kind of ``origin`` (M,); numbers about its ``energy`` (M, 1 + bells); the
    ``kind`` (M,) of resonance and the ``others`` (M, n) that it is made with; the ``room`` (M, 3), GeV: the
    lowest and the highest mass that there is room for, and how much there is beyond the lowest; and the
    ``share`` (M,) of the way from the one to the other, which is to be predicted."""

    charge: Tensor
    origin: Tensor
    energy: Tensor
    kind: Tensor
    others: Tensor
    room: Tensor
    share: Tensor


def room_of(limits: tuple[Tensor, Tensor], origin: Origin, products: Tensor, mass: Tensor, k: int) -> Masses:
    """What is known of the mass at place ``k`` of ``products`` (N, n), where all of them are resonances, and
    of ``mass`` (N, n) those before; the ``share`` of those that ``mass`` has.

    ``limits`` are the lowest and the highest masses of all kinds.
    """
    kind, (every_lowest, every_highest) = products[:, k], limits
    lowest = torch.where(products == NO_PARTICLE, 0.0, every_lowest[products])
    beyond = origin.energy - mass[:, :k].sum(dim=1) - lowest[:, k:].sum(dim=1)
    lower = lowest[:, k]
    upper = torch.minimum(every_highest[kind], lower + beyond.clamp_min(0))
    share = (mass[:, k] - lower) / (upper - lower).clamp_min(MIN_MASS_RANGE)
    return Masses(
        origin.charge.float(),
        origin.kind,
        torch.cat([origin.energy.log()[:, None], origin.gaussian_basis()], dim=1).float(),
        kind,
        torch.cat([products[:, :k], products[:, k + 1 :]], dim=1),
        torch.stack([lower, upper, beyond], dim=1),
        share.clamp(0, 1).float(),
    )


def masses(kinds: ParticleTypes, origin: Origin, products: Tensor, mass: Tensor) -> list[Masses]:
    """Those of all resonances among ``products`` (N, n), of ``mass`` (N, n): one part, if there are any."""
    limits = torch.tensor(kinds.lowest), torch.tensor(kinds.highest)
    found = []
    for k in range(products.shape[1]):
        here = products[:, k] >= N_STABLE
        found.append(room_of(limits, origin.of(here), products[here], mass[here], k))
    together = Masses(*map(torch.cat, zip(*found, strict=True)))
    return [together] if len(together.share) else []


class ResonanceMasses(nn.Module):
    """Their density, given what breaks up to which ``kinds``; weights of each resonance of its own."""

    def __init__(
        self, kinds: ParticleTypes, *, embedding: int, hidden: Sequence[int] = (64,), context: int = 32
    ) -> None:
        super().__init__()
        self.register_buffer("lowest", torch.tensor(kinds.lowest))
        self.register_buffer("highest", torch.tensor(kinds.highest))
        self.embedding = nn.Embedding(len(kinds) + 1, embedding, padding_idx=len(kinds))
        self.origin = nn.Embedding(N_PROCESSES + len(kinds) - N_STABLE, embedding)
        self.context = perceptron([5 + len(BASIS_CENTRES) + 3 * embedding, *hidden, context])
        self.density = CubeFlow(1, context, hidden=(context,), bins=8)
        self.spectra = nn.Parameter(torch.zeros((len(kinds) - N_STABLE) * TABLE_NODES))
        # Room to the power of 1/2 is the phase space of two, and of l + 1/2 that of a higher wave.
        self.power = nn.Parameter(torch.full((self.origin.num_embeddings, len(kinds) - N_STABLE), 0.5))

    def log_prob(self, masses: Masses) -> Tensor:
        """Log density (M,) of the share."""
        found = self.density.log_prob(masses.share[:, None], self.context_of(masses), self.weights(masses))
        return found[:, 0]

    def draw(self, origin: Origin, products: Tensor, uniform: Tensor) -> Tensor:
        """Masses (N, n) of products (N, n), GeV, from uniform numbers (N, n); 0 of ``NO_PARTICLE``."""
        mass = torch.where(products == NO_PARTICLE, 0.0, self.lowest[products])
        limits = self.lowest, self.highest
        for k in range(products.shape[1] if len(self.spectra) else 0):
            here = products[:, k] >= N_STABLE
            if torch.jit.is_tracing() or here.any():
                given = room_of(limits, origin.of(here), products[here], mass[here], k)
                context, weights = self.context_of(given), self.weights(given)
                share = self.density.sample(uniform[here, k : k + 1], context, None, weights)[:, 0]
                lower, upper = given.room[:, 0], given.room[:, 1]
                place = torch.full_like(share, k, dtype=torch.int64)
                mass = mass.index_put((here.nonzero()[:, 0], place), lower + share * (upper - lower))
        return mass

    def context_of(self, masses: Masses) -> Tensor:
        """What is known, (M, context)."""
        others = self.embedding(
            torch.where(masses.others == NO_PARTICLE, self.embedding.padding_idx, masses.others)
        )
        number = (masses.others != NO_PARTICLE).sum(dim=1, keepdim=True) / 8
        lower, upper, beyond = masses.room.float().unbind(dim=1)
        span = (self.highest - self.lowest).float()[masses.kind].clamp_min(MIN_MASS_RANGE)
        room = torch.stack([(upper - lower) / span, (beyond.clamp_min(0) + MOMENTUM_RESOLUTION).log()], dim=1)
        about = [masses.charge[:, None], self.origin(masses.origin), masses.energy]
        particles = [self.embedding(masses.kind), others.sum(dim=1), number]
        context: Tensor = self.context(torch.cat([*about, *particles, room], dim=1))
        return context

    def weights(self, masses: Masses) -> Weights:
        """Of masses between those that there is room for, (M, MASS_CELLS), as ``CubeFlow`` asks for them."""
        lower, upper, beyond = masses.room.float()[:, None].unbind(dim=2)
        span = (self.highest - self.lowest).float()[masses.kind, None].clamp_min(MIN_MASS_RANGE)
        centres = (torch.arange(MASS_CELLS, device=lower.device) + 0.5) / MASS_CELLS
        excess = centres * (upper - lower)
        room = (beyond - excess).clamp_min(MOMENTUM_RESOLUTION).log()
        resonance = masses.kind - N_STABLE
        threshold = self.power[masses.origin, resonance][:, None] * room
        found = threshold + looked_up(self.spectra, resonance[:, None], excess / span)
        return lambda coordinate, before: found
