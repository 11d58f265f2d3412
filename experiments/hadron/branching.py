"""What a collision leads to: processes by their cross-sections, and channels by branching ratios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from experiments.hadron.channels import Channels
from experiments.hadron.conditions import COLLISION, collision
from experiments.hadron.kinds import NONE
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import PROCESSES, UNKNOWN, place
from experiments.hadron.sigma import CrossSections
from experiments.hadron.species import PI_PLUS
from lblhep.nn.perceptron import perceptron

LEAST = 1e-9  # of an even number: never an earlier energy's last channel, among millions of energies
OF_NUMBER = 32  # hidden units of the network of how many particles there are
SPREAD, SHARP = 0.25, 1e-6  # of masses below the typical ones; GeV, of those that are fixed
BLOCK = 256  # collisions: what thousands of probabilities for each of them need stays in the cache


class ChannelModel(nn.Module):
    """The probability of each of C channels, given energy and charge of the pion.

    A process has its cross-section, which is known at every energy, and leaves a channel by a branching
    ratio, which is learned: non-relativistic phase space, (1 - M / sqrt(s))^((3 n - 5) / 2) for n particles
    of mass M in all, times the answers of two networks.  One knows channels, and may depend on the energy
    only gently (``steepness``); one knows only how many particles the process leaves, of which there are more
    at higher energies, and is free.  The branching ratios of a process and the share in which pion and proton
    stay what they were, which is no event of the samples, add up to 1.  Without ``cross_sections`` the
    network has to learn the processes' shares too.  Raises ValueError if there are channels of an unknown
    process beside cross-sections.
    """

    def __init__(
        self, channels: Channels, hidden: Sequence[int], cross_sections: CrossSections | None
    ) -> None:
        super().__init__()
        if cross_sections is not None and (channels.process == place(np.array(UNKNOWN))).any():
            raise ValueError("events that do not state their process have no cross-section: give none")
        self.network = perceptron([COLLISION, *hidden, len(channels) + len(PROCESSES)])
        nn.init.zeros_(self.network[-1].weight)
        self.cross_sections = cross_sections
        self.register_buffer("lowest", torch.tensor(channels.lowest))
        self.register_buffer("typical", torch.tensor(channels.typical))
        self.register_buffer("beam", torch.tensor(channels.beam))
        self.register_buffer("process", torch.tensor(channels.process))
        number = (channels.products != NONE).sum(axis=1)
        most = int(number.max())
        self.register_buffer("process_and_number", torch.tensor(channels.process * most + number - 1))
        self.of_number = perceptron([COLLISION, OF_NUMBER, len(PROCESSES) * most])
        nn.init.zeros_(self.of_number[-1].weight)
        nn.init.zeros_(self.of_number[-1].bias)
        self.register_buffer("power", torch.tensor((3 * number - 5) / 2, dtype=torch.float32))

    def forward(self, kinetic_energy: Tensor, beam: Tensor) -> Tensor:
        """Log probabilities (N, C): -inf where charge or energy forbid a channel."""
        sqrt_s = centre_of_mass_energy(kinetic_energy)[:, None]
        is_open = (self.beam == beam[:, None]) & (self.lowest < sqrt_s)
        # The masses of resonances are spread, and so is the threshold.
        spread = (SPREAD * (self.typical - self.lowest)).clamp_min(SHARP).float()
        room = spread * softplus((sqrt_s - self.typical).float() / spread)
        phase_space = self.power * (room / sqrt_s.float()).clamp_min(1e-9).log()
        known = collision(kinetic_energy, beam).float()
        weight, elastic = self.network(known).split([len(self.beam), len(PROCESSES)], dim=1)
        weight = weight + self.of_number(known)[:, self.process_and_number]
        weight = (weight + phase_space).masked_fill(~is_open, -torch.inf)
        if self.cross_sections is not None:
            largest = torch.maximum(weight.amax(dim=1), elastic.amax(dim=1)).detach()[:, None]
            ways = (elastic - largest).exp().index_add(1, self.process, (weight - largest).exp())
            share = self.cross_sections(kinetic_energy, beam).float() - largest - ways.clamp_min(1e-30).log()
            weight = weight + share[:, self.process]
        return weight.log_softmax(dim=1)

    def cumulative(self, kinetic_energy: Tensor, beam: Tensor) -> Tensor:
        """The probability (N, C) of each channel and all before it, up to 1; float64: there are thousands."""
        reached = self(kinetic_energy, beam).exp().cumsum(dim=1, dtype=torch.float64)
        return reached / reached[:, -1:]

    def draw(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> Tensor:
        """Channels (N,) of collisions, by their probabilities: functions of even numbers (N,) in [0, 1)."""
        # Probabilities are found once for each energy of either pion, and one search serves all collisions.
        signed, row = (kinetic_energy.detach() * torch.sign(beam)).unique(return_inverse=True)
        reached = self.cumulative(signed.abs(), PI_PLUS * torch.sign(signed).long())
        ends = torch.arange(signed.shape[0], device=row.device)[:, None] + reached
        found = torch.searchsorted(ends.flatten(), row + (1 - even).clamp_min(LEAST))
        return found - row * reached.shape[1]

    def draw_in_blocks(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> Tensor:
        """The same, faster where energies differ."""
        blocks = zip(*(x.split(BLOCK) for x in (kinetic_energy, beam, even)), strict=True)
        return torch.cat([self.draw(*block) for block in blocks])

    def steepness(self) -> Tensor:
        """How strongly branching ratios among as many particles may depend on the energy: the last layer's
        weights, squared."""
        return self.network[-1].weight.square().sum()
