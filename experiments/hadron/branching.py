"""What a collision leads to: processes by their cross-sections, and channels by branching ratios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

from experiments.hadron.channels import Channels
from experiments.hadron.conditions import COLLISION, WITHOUT_BELLS, collision
from experiments.hadron.kinds import NONE
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import PROCESSES, UNKNOWN, place
from experiments.hadron.sigma import CrossSections
from experiments.hadron.species import PI_PLUS
from lblhep.nn.perceptron import perceptron

LEAST = 1e-9  # of an even number: never an earlier energy's last channel, among millions of energies
OF_NUMBER = 32  # hidden units of the network of how many products there are
SPREAD, SHARP = 0.25, 1e-6  # of masses below the typical ones; GeV, of those that are fixed
NEVER, CLOSED = -10.0, -1e4  # logs of weights
BLOCK = 256  # collisions: what thousands of probabilities for each of them need stays in the cache


class ChannelModel(nn.Module):
    """The probability of each of C channels, given energy and charge of the pion.

    A process has its cross-section, which is known at every energy, and leaves a channel by a branching
    ratio, which is learned.  Non-relativistic phase space, (1 - M / sqrt(s))^((3 n - 5) / 2) for n products
    of mass M in all, typical ones of resonances, times a strength of each channel says how many products a
    process leaves and which, but for what two networks add: one of how many there are, which is free, and one
    of which, that may depend on the energy only gently (``steepness``).  The latter cannot change how many:
    most channels of strings are seen once, it would raise each where it was seen, and there were too few of
    them between.  The branching ratios of a process and the share
    in which pion and proton stay what they were, which is no event of the samples, add up to 1.  Without
    ``cross_sections`` the networks have to learn the processes' shares too.  Raises ValueError if there are
    channels of an unknown process beside cross-sections.
    """

    def __init__(
        self, channels: Channels, hidden: Sequence[int], cross_sections: CrossSections | None
    ) -> None:
        super().__init__()
        if cross_sections is not None and (channels.process == place(np.array(UNKNOWN))).any():
            raise ValueError("events that do not state their process have no cross-section: give none")
        self.network = perceptron([WITHOUT_BELLS, *hidden, len(channels) + len(PROCESSES)])
        self.channels = len(channels)
        self.cross_sections = cross_sections
        self.register_buffer("lowest", torch.tensor(channels.lowest))
        self.register_buffer("typical", torch.tensor(channels.typical))
        self.register_buffer("beam", torch.tensor(channels.beam))
        self.register_buffer("process", torch.tensor(channels.process))
        number = (channels.products != NONE).sum(axis=1)
        most = int(number.max())
        self.register_buffer("process_and_number", torch.tensor(channels.process * most + number - 1))
        self.of_number = perceptron([COLLISION, OF_NUMBER, len(PROCESSES) * most])
        self.register_buffer("power", torch.tensor((3 * number - 5) / 2, dtype=torch.float32))
        self._begin(channels)

    def _begin(self, channels: Channels) -> None:
        """Channels of resonances begin as strong as each other; those of strings, thousands, as often as they
        are seen, and never elastic."""
        of_strings = ~np.array([process.is_resonant for process in PROCESSES])
        seen = np.bincount(channels.process, channels.times, minlength=len(PROCESSES))[channels.process]
        strength = np.where(of_strings[channels.process], np.log(channels.times / seen), 0)
        with torch.no_grad():
            for parameter in (*self.network[-1].parameters(), *self.of_number[-1].parameters()):
                parameter.zero_()
            self.network[-1].bias[:] = torch.tensor([*strength, *np.where(of_strings, NEVER, 0)])

    def forward(self, kinetic_energy: Tensor, pion: int) -> tuple[Tensor, Tensor]:
        """The n channels of a pion (its PDG code) that have room at the highest of these energies (N,), and
        their log probabilities (N, n): -inf where one has none."""
        sqrt_s = centre_of_mass_energy(kinetic_energy)[:, None]
        highest = torch.cat([sqrt_s, sqrt_s.new_zeros(1, 1)]).max()
        own = ((self.beam == pion) & (self.lowest < highest)).nonzero()[:, 0]
        lowest, typical, group = self.lowest[own], self.typical[own], self.process_and_number[own]
        # The masses of resonances are spread, and so is the threshold.
        spread = (SPREAD * (typical - lowest)).clamp_min(SHARP).float()
        room = spread * softplus((sqrt_s - typical).float() / spread)
        phase_space = self.power[own] * (room / sqrt_s.float()).clamp_min(1e-9).log()
        phase_space = phase_space.masked_fill(lowest >= sqrt_s, -torch.inf)
        known = collision(kinetic_energy, torch.full_like(kinetic_energy, pion)).float()
        last, hidden = self.network[-1], self.network[:-1](known[:, :WITHOUT_BELLS])
        ways = self.of_number(known)
        ways = ways + log_sums(last.bias[own] + phase_space, group, ways.shape[1])
        if self.cross_sections is not None:
            elastic = linear(hidden, last.weight[self.channels :], last.bias[self.channels :])[:, :, None]
            sigma = self.cross_sections(kinetic_energy, torch.full_like(kinetic_energy, pion)).float()
            every = torch.cat([elastic, ways.unflatten(1, (len(PROCESSES), -1))], dim=2).log_softmax(dim=2)
            ways = (every[:, :, 1:] + sigma[:, :, None]).flatten(1)
        weight = linear(hidden, last.weight[own], last.bias[own]) + phase_space
        share = ways.log_softmax(dim=1) - log_sums(weight, group, ways.shape[1])
        return own, weight + share[:, group]

    def log_prob(self, kinetic_energy: Tensor, pion: int, number: Tensor) -> Tensor:
        """Of the channels (N, G) that collisions of a pion at these energies (N,) led to."""
        own, log_prob = self(kinetic_energy, pion)
        return log_prob.gather(1, torch.searchsorted(own, number))

    def draw(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> Tensor:
        """Channels (N,) of collisions, by their probabilities: functions of even numbers (N,) in [0, 1)."""
        drawn = torch.zeros_like(beam)
        for pion in (PI_PLUS, -PI_PLUS):
            rows = (beam == pion).nonzero()[:, 0]
            drawn = drawn.index_put((rows,), self._drawn(kinetic_energy[rows], pion, even[rows]))
        return drawn

    def _drawn(self, kinetic_energy: Tensor, pion: int, even: Tensor) -> Tensor:
        # Probabilities are found once for each energy, and one search serves all collisions.
        different, row = kinetic_energy.detach().unique(return_inverse=True)
        own, log_prob = self(different, pion)
        reached = log_prob.exp().cumsum(dim=1, dtype=torch.float64)  # float64: there are thousands
        reached = reached / reached[:, -1:]
        ends = torch.arange(different.shape[0], device=row.device)[:, None] + reached
        found = torch.searchsorted(ends.flatten(), row + (1 - even).clamp_min(LEAST))
        return own[found - row * reached.shape[1]]

    def draw_in_blocks(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> Tensor:
        """The same, faster where energies differ: neighbours in energy have the same channels open."""
        order = (kinetic_energy * torch.sign(beam)).argsort()
        blocks = zip(*(x[order].split(BLOCK) for x in (kinetic_energy, beam, even)), strict=True)
        return torch.cat([self.draw(*block) for block in blocks])[order.argsort()]

    def steepness(self) -> Tensor:
        """How strongly branching ratios among as many particles may depend on the energy: the last layer's
        weights, squared."""
        return self.network[-1].weight.square().sum()


def log_sums(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Logs of sums of exponentials of ``values`` (N, n) by the ``group`` (n,) of each, (N, groups): far below
    all others where there are none."""
    empty = values.new_full((values.shape[0], groups), CLOSED)
    largest = empty.scatter_reduce(1, group.expand_as(values), values.detach(), "amax")
    sums = torch.zeros_like(largest).index_add(1, group, (values - largest[:, group]).exp())
    return largest + sums.clamp_min(1e-30).log()
