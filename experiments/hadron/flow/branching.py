"""This module models what a collision leads to: processes by cross-sections, channels by branching ratios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, linear, softplus

from experiments.hadron.events.cross_sections import CrossSections, refuse_unknown
from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.processes import PROCESSES
from experiments.hadron.events.species import PI_PLUS
from experiments.hadron.flow.channels import Channels
from experiments.hadron.flow.conditions import COLLISION_INPUTS, collision_inputs
from lblhep.annotations import Integers
from lblhep.nn.perceptron import perceptron

MIN_UNIFORM = 1e-9  # 1 - uniform is larger: 0 would be found at the end of the energy before
THRESHOLD_SPREAD = 0.25  # share of the way from the lowest to the typical mass
FIXED_MASS_SPREAD = 1e-6  # GeV, where masses are fixed
ELASTIC_LOG_WEIGHT_OF_STRINGS = -10.0  # when training begins
BLOCK_COLLISIONS = 256  # collisions: what thousands of probabilities for each of them need stays in the cache


class ChannelModel(nn.Module):
    """This network gives the probability of each of C channels, from the energy and charge of the pion.

    A process has its cross-section, which is known at every energy, and leaves a channel by a branching
    ratio, which is learned.  The ratio is non-relativistic phase space, (1 - M / sqrt(s))^((3 n - 5) / 2)
    for n products of mass M in all (typical masses of resonances); times a channel weight, a number for each
    channel; times a fugacity of each product and one of how many there are, which depend on process and
    energy.  Most channels of strings are seen once: what they do with the energy is learned from all that
    have the same products.

    The branching ratios of a process and the share in which pion and proton stay what they were, which is no
    event of the samples, add up to 1.  Without ``cross_sections`` fugacities have to say the processes'
    shares too.  Raises ValueError if there are channels of an unknown process beside cross-sections.
    """

    def __init__(
        self, channels: Channels, hidden: Sequence[int], cross_sections: CrossSections | None
    ) -> None:
        super().__init__()
        if cross_sections is not None:
            refuse_unknown(channels.process)
        self.cross_sections = cross_sections
        self.register_buffer("lowest", torch.tensor(channels.lowest))
        self.register_buffer("typical", torch.tensor(channels.typical))
        self.register_buffer("beam", torch.tensor(channels.beam))
        self.register_buffer("process", torch.tensor(channels.process))
        number = (channels.products != NO_PARTICLE).sum(axis=1)
        self.register_buffer("power", torch.tensor((3 * number - 5) / 2, dtype=torch.float32))
        factors, self.no_factor = _factors(channels, number)
        self.register_buffer("factors", torch.tensor(factors))
        self.network = nn.Sequential(perceptron([COLLISION_INPUTS, *hidden]), nn.GELU())
        self.log_fugacity = nn.Parameter(torch.zeros(self.no_factor + 1, hidden[-1]))
        self.elastic = nn.Linear(hidden[-1], len(PROCESSES))
        self.log_channel_weight = nn.Parameter(torch.zeros(len(channels)))
        self._begin(channels)

    def _begin(self, channels: Channels) -> None:
        """Set the channel weights that training begins with.

        Channels of resonances begin alike.  Those of strings, thousands, begin in proportion to how often
        they are seen, and as if none stayed elastic.
        """
        of_strings = ~np.array([process.is_resonant for process in PROCESSES])
        seen = np.bincount(channels.process, channels.times, minlength=len(PROCESSES))[channels.process]
        log_weight = np.where(of_strings[channels.process], np.log(channels.times / seen), 0)
        nn.init.zeros_(self.elastic.weight)
        with torch.no_grad():
            self.log_channel_weight[:] = torch.tensor(log_weight)
            self.elastic.bias[:] = torch.tensor(np.where(of_strings, ELASTIC_LOG_WEIGHT_OF_STRINGS, 0))

    def forward(self, kinetic_energy: Tensor, pion: int) -> tuple[Tensor, Tensor]:
        """Return the n channels of a pion with room at the highest energy, and log probabilities (N, n).

        ``kinetic_energy`` (N,) is in GeV, ``pion`` a PDG code.  A log probability is -inf where a channel
        has no room.
        """
        sqrt_s = centre_of_mass_energy(kinetic_energy)[:, None]
        highest = torch.cat([sqrt_s, sqrt_s.new_zeros(1, 1)]).max()
        own = ((self.beam == pion) & (self.lowest < highest)).nonzero()[:, 0]
        process, lowest, typical = self.process[own], self.lowest[own], self.typical[own]
        # The masses of resonances are spread, and so is the threshold.
        spread = (THRESHOLD_SPREAD * (typical - lowest)).clamp_min(FIXED_MASS_SPREAD).float()
        room = spread * softplus((sqrt_s - typical).float() / spread)
        phase_space = self.power[own] * (room / sqrt_s.float()).clamp_min(1e-9).log()
        beam = torch.full_like(kinetic_energy, pion)
        known = self.network(collision_inputs(kinetic_energy, beam).float())
        # Of a channel the product of all its fugacities: of its logs the sum.
        product = embedding_bag(self.factors[own], self.log_fugacity, mode="sum", padding_idx=self.no_factor)
        log_weight = linear(known, product, self.log_channel_weight[own]) + phase_space
        log_weight = log_weight.masked_fill(lowest >= sqrt_s, -torch.inf)
        if self.cross_sections is not None:
            elastic = self.elastic(known)
            largest = torch.cat([log_weight, elastic], dim=1).amax(dim=1, keepdim=True).detach()
            ways = (elastic - largest).exp().index_add(1, process, (log_weight - largest).exp())
            sigma = self.cross_sections(kinetic_energy, beam).float()
            share = sigma - largest - ways.clamp_min(1e-30).log()
            log_weight = log_weight + share[:, process]
        return own, log_weight.log_softmax(dim=1)

    def log_prob(self, kinetic_energy: Tensor, pion: int, number: Tensor) -> Tensor:
        """Return the log probabilities (N, G) of channels ``number`` (N, G) of a pion at these energies."""
        own, log_prob = self(kinetic_energy, pion)
        return log_prob.gather(1, torch.searchsorted(own, number))

    def draw(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> Tensor:
        """Return channels (N,) of collisions, drawn by their probabilities from uniform numbers (N,)."""
        drawn = torch.zeros_like(beam)
        for pion in (PI_PLUS, -PI_PLUS):
            rows = (beam == pion).nonzero()[:, 0]
            drawn = drawn.index_put((rows,), self._drawn(kinetic_energy[rows], pion, uniform[rows]))
        return drawn

    def _drawn(self, kinetic_energy: Tensor, pion: int, uniform: Tensor) -> Tensor:
        # Probabilities are found once for each energy, and one search serves all collisions.
        different, row = kinetic_energy.detach().unique(return_inverse=True)
        own, log_prob = self(different, pion)
        reached = log_prob.exp().cumsum(dim=1, dtype=torch.float64)  # float64: there are thousands
        reached = reached / reached[:, -1:]
        ends = torch.arange(different.shape[0], device=row.device)[:, None] + reached
        found = torch.searchsorted(ends.flatten(), row + (1 - uniform).clamp_min(MIN_UNIFORM))
        return own[found - row * reached.shape[1]]

    def draw_in_blocks(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> Tensor:
        """Return what ``draw`` returns, faster where energies differ: neighbours have the same channels."""
        order = (kinetic_energy * torch.sign(beam)).argsort()
        blocks = zip(
            *(x[order].split(BLOCK_COLLISIONS) for x in (kinetic_energy, beam, uniform)), strict=True
        )
        return torch.cat([self.draw(*block) for block in blocks])[order.argsort()]

    def steepness(self) -> Tensor:
        """Return the sum of squared fugacity weights: how strongly fugacities may depend on the energy."""
        return self.log_fugacity.square().sum()


def _factors(channels: Channels, number: Integers) -> tuple[Integers, int]:
    """Return which fugacities the weight of each channel has, (C, n + 1), and the number of all fugacities.

    They are those of its products, where an empty place has the number of all fugacities, which is none of
    them; and that of their ``number`` (C,).
    """
    types, most = int(channels.products.max()) + 1, int(number.max())
    of_process = channels.process[:, None] * (types + most)
    every = len(PROCESSES) * (types + most)
    of_products = np.where(channels.products == NO_PARTICLE, every, of_process + channels.products)
    return np.column_stack([of_products, of_process + types + number[:, None] - 1]), every
