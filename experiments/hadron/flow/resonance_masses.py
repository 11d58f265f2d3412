"""Masses of resonances are drawn one after another, before the chain of decays, from what room there is.

A resonance has the same peak wherever it is made: log weights are a table over its masses, to which comes
the room that is left for motion to a power that depends on what breaks up, as thresholds do.  A network
corrects what they give.
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
    """This tuple has M masses and what is known of them.

    ``charge`` and ``origin`` (M,) are charge and index of ``Origin``; ``energy`` (M, 1 + basis) are numbers
    about its energy; ``resonance`` (M,) is the particle type, made with the types ``others`` (M, n);
    ``room`` (M, 3), GeV, are the lowest and the highest mass that there is room for, and the energy beyond
    the lowest; ``share`` (M,) is the way from the one to the other, from 0 to 1, which is to be predicted.
    """

    charge: Tensor
    origin: Tensor
    energy: Tensor
    resonance: Tensor
    others: Tensor
    room: Tensor
    share: Tensor


def room_of(limits: tuple[Tensor, Tensor], origin: Origin, products: Tensor, mass: Tensor, k: int) -> Masses:
    """Return what is known of the masses at one place of break-ups, where all products are resonances.

    Args:
        limits: The lowest and the highest masses of all particle types, GeV.
        origin: What breaks up.
        products: The types (N, n) of the products.
        mass: Their masses (N, n), of which those before place ``k`` are used, and that at ``k`` for the
            share.
        k: The place.

    Returns:
        One mass for each break-up.
    """
    resonance, (every_lowest, every_highest) = products[:, k], limits
    lowest = torch.where(products == NO_PARTICLE, 0.0, every_lowest[products])
    beyond = origin.energy - mass[:, :k].sum(dim=1) - lowest[:, k:].sum(dim=1)
    lower = lowest[:, k]
    upper = torch.minimum(every_highest[resonance], lower + beyond.clamp_min(0))
    share = (mass[:, k] - lower) / (upper - lower).clamp_min(MIN_MASS_RANGE)
    return Masses(
        origin.charge.float(),
        origin.index,
        torch.cat([origin.energy.log()[:, None], origin.gaussian_basis()], dim=1).float(),
        resonance,
        torch.cat([products[:, :k], products[:, k + 1 :]], dim=1),
        torch.stack([lower, upper, beyond], dim=1),
        share.clamp(0, 1).float(),
    )


def masses(types: ParticleTypes, origin: Origin, products: Tensor, mass: Tensor) -> list[Masses]:
    """Return the masses of all resonances among products, in one part if there are any.

    Args:
        types: The particle types of the sample.
        origin: What breaks up.
        products: The types (N, n) of the products.
        mass: Their masses (N, n) in GeV.

    Returns:
        A list of one part, or an empty one.
    """
    limits = torch.tensor(types.lowest), torch.tensor(types.highest)
    found = []
    for k in range(products.shape[1]):
        here = products[:, k] >= N_STABLE
        found.append(room_of(limits, origin.of(here), products[here], mass[here], k))
    together = Masses(*map(torch.cat, zip(*found, strict=True)))
    return [together] if len(together.share) else []


class ResonanceMasses(nn.Module):
    """This network gives the density of resonances' masses, given what breaks up to which products.

    Each resonance has a table of log weights of its own.
    """

    def __init__(
        self, types: ParticleTypes, *, embedding: int, hidden: Sequence[int] = (64,), context: int = 32
    ) -> None:
        super().__init__()
        self.register_buffer("lowest", torch.tensor(types.lowest))
        self.register_buffer("highest", torch.tensor(types.highest))
        self.embedding = nn.Embedding(len(types) + 1, embedding, padding_idx=len(types))
        self.origin = nn.Embedding(N_PROCESSES + len(types) - N_STABLE, embedding)
        self.context = perceptron([5 + len(BASIS_CENTRES) + 3 * embedding, *hidden, context])
        self.density = CubeFlow(1, context, hidden=(context,), bins=8)
        self.spectra = nn.Parameter(torch.zeros((len(types) - N_STABLE) * TABLE_NODES))
        # Room to the power of 1/2 is the phase space of two, and of l + 1/2 that of a higher wave.
        self.power = nn.Parameter(torch.full((self.origin.num_embeddings, len(types) - N_STABLE), 0.5))

    def log_prob(self, masses: Masses) -> Tensor:
        """Return the log density (M,) of the share."""
        found = self.density.log_prob(masses.share[:, None], self.context_of(masses), self.weights(masses))
        return found[:, 0]

    def draw(self, origin: Origin, products: Tensor, uniform: Tensor) -> Tensor:
        """Return masses (N, n) of products (N, n), GeV, from uniform numbers; ``NO_PARTICLE`` has 0."""
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
        """Return what is known of the masses as the context (M, context) of the density."""
        others = self.embedding(
            torch.where(masses.others == NO_PARTICLE, self.embedding.padding_idx, masses.others)
        )
        number = (masses.others != NO_PARTICLE).sum(dim=1, keepdim=True) / 8
        lower, upper, beyond = masses.room.float().unbind(dim=1)
        span = (self.highest - self.lowest).float()[masses.resonance].clamp_min(MIN_MASS_RANGE)
        room = torch.stack([(upper - lower) / span, (beyond.clamp_min(0) + MOMENTUM_RESOLUTION).log()], dim=1)
        about = [masses.charge[:, None], self.origin(masses.origin), masses.energy]
        particles = [self.embedding(masses.resonance), others.sum(dim=1), number]
        context: Tensor = self.context(torch.cat([*about, *particles, room], dim=1))
        return context

    def weights(self, masses: Masses) -> Weights:
        """Return log weights (M, MASS_CELLS) of the possible masses, as ``CubeFlow`` asks for them."""
        lower, upper, beyond = masses.room.float()[:, None].unbind(dim=2)
        span = (self.highest - self.lowest).float()[masses.resonance, None].clamp_min(MIN_MASS_RANGE)
        centres = (torch.arange(MASS_CELLS, device=lower.device) + 0.5) / MASS_CELLS
        excess = centres * (upper - lower)
        room = (beyond - excess).clamp_min(MOMENTUM_RESOLUTION).log()
        row = masses.resonance - N_STABLE
        threshold = self.power[masses.origin, row][:, None] * room
        found = threshold + looked_up(self.spectra, row[:, None], excess / span)
        return lambda coordinate, before: found
