"""What a collision leads to: processes by their cross-sections, and channels by branching ratios."""

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

MIN_UNIFORM = 1e-9  # of 1 - uniform: 0 would be found at the end of the energy before
THRESHOLD_SPREAD, FIXED_MASS_SPREAD = (
    0.25,
    1e-6,
)  # of masses below the typical ones; GeV, of those that are fixed
ELASTIC_LOG_WEIGHT_OF_STRINGS = -10.0  # log weight at first of what stays elastic among strings
BLOCK_COLLISIONS = 256  # collisions: what thousands of probabilities for each of them need stays in the cache


class ChannelModel(nn.Module):
    """The probability of each of C channels, given energy and charge of the pion.

    A process has its cross-section, which is known at every energy, and leaves a channel by a branching
    ratio, which is learned: non-relativistic phase space, (1 - M / sqrt(s))^((3 n - 5) / 2) for n products
    of mass M in all, typical ones of resonances; times a strength, a number; times a fugacity of each product
    and one of how many there are, which depend on process and energy.  Most channels of strings are seen
    once: what they do with the energy is learned from all that have the same products.  The branching ratios
    of a process and the share in which pion and proton stay what they were, which is no event of the samples,
    add up to 1.  Without ``cross_sections`` fugacities have to say the processes' shares too.  Raises
    ValueError if there are channels of an unknown process beside cross-sections.
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
        """Channels of resonances begin alike; those of strings, thousands, in proportion to how often
        they are seen, and as if none stayed elastic."""
        of_strings = ~np.array([process.is_resonant for process in PROCESSES])
        seen = np.bincount(channels.process, channels.times, minlength=len(PROCESSES))[channels.process]
        strength = np.where(of_strings[channels.process], np.log(channels.times / seen), 0)
        nn.init.zeros_(self.elastic.weight)
        with torch.no_grad():
            self.log_channel_weight[:] = torch.tensor(strength)
            self.elastic.bias[:] = torch.tensor(np.where(of_strings, ELASTIC_LOG_WEIGHT_OF_STRINGS, 0))

    def forward(self, kinetic_energy: Tensor, pion: int) -> tuple[Tensor, Tensor]:
        """The n channels of a pion (its PDG code) that have room at the highest of these energies (N,), and
        their log probabilities (N, n): -inf where one has none."""
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
        weight = linear(known, product, self.log_channel_weight[own]) + phase_space
        weight = weight.masked_fill(lowest >= sqrt_s, -torch.inf)
        if self.cross_sections is not None:
            elastic = self.elastic(known)
            largest = torch.cat([weight, elastic], dim=1).amax(dim=1, keepdim=True).detach()
            ways = (elastic - largest).exp().index_add(1, process, (weight - largest).exp())
            sigma = self.cross_sections(kinetic_energy, beam).float()
            share = sigma - largest - ways.clamp_min(1e-30).log()
            weight = weight + share[:, process]
        return own, weight.log_softmax(dim=1)

    def log_prob(self, kinetic_energy: Tensor, pion: int, number: Tensor) -> Tensor:
        """Of the channels (N, G) that collisions of a pion at these energies (N,) led to."""
        own, log_prob = self(kinetic_energy, pion)
        return log_prob.gather(1, torch.searchsorted(own, number))

    def draw(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> Tensor:
        """Channels (N,) of collisions, by their probabilities: functions of uniform numbers (N,)."""
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
        """The same, faster where energies differ: neighbours in energy have the same channels open."""
        order = (kinetic_energy * torch.sign(beam)).argsort()
        blocks = zip(
            *(x[order].split(BLOCK_COLLISIONS) for x in (kinetic_energy, beam, uniform)), strict=True
        )
        return torch.cat([self.draw(*block) for block in blocks])[order.argsort()]

    def steepness(self) -> Tensor:
        """How strongly fugacities may depend on the energy: all that the network's answers are multiplied by,
        squared."""
        return self.log_fugacity.square().sum()


def _factors(channels: Channels, number: Integers) -> tuple[Integers, int]:
    """Which fugacities the weight of each channel has, (C, n + 1): those of its products, places that are
    empty filled with the number of all fugacities, which follows; and that of their ``number`` (C,)."""
    kinds, most = int(channels.products.max()) + 1, int(number.max())
    of_process = channels.process[:, None] * (kinds + most)
    every = len(PROCESSES) * (kinds + most)
    of_products = np.where(channels.products == NO_PARTICLE, every, of_process + channels.products)
    return np.column_stack([of_products, of_process + kinds + number[:, None] - 1]), every
