"""Whole events of a pion and a proton: a channel, then its chain of decays, spline after spline.

The channel is drawn from those that the generator made in training and that have room at this energy, which
conserves charge, baryon number and strangeness; its probability is the cross-section of its process times a
branching ratio, a network's.  Each decay of the chain (``lblhep.physics.decay_chain``)
is a ``CubeFlow`` in three coordinates, given the process, what has left already and what is to come; the
chain conserves four-momentum with every particle on its mass shell.  Two-body final states are chains of one
decay, of which cos(theta*) alone is learned.  The azimuth of an event is random.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from experiments.hadron.branching import ChannelModel
from experiments.hadron.channels import NONE, Channels
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.processes import PROCESSES
from experiments.hadron.sigma import CrossSections
from experiments.hadron.species import SPECIES
from experiments.hadron.steps import (
    MOMENTUM,
    SYSTEM,
    Decays,
    Given,
    before,
    meaningful,
    step_at,
)
from experiments.hadron.universal import Universal
from lblhep.nn.cube_flow import CubeFlow
from lblhep.nn.perceptron import perceptron
from lblhep.physics.decay_chain import COORDINATES, split


class DecayFlow(nn.Module):
    """The density of a decay's coordinates in the unit cube, given what is known before it."""

    def __init__(
        self, *, embedding: int, history: int, hidden: Sequence[int], context: int, bins: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(SPECIES) + 1, embedding, padding_idx=len(SPECIES))
        self.process = nn.Embedding(len(PROCESSES), embedding)
        self.earlier = perceptron([embedding + MOMENTUM, history, history])
        inputs = 1 + SYSTEM + 3 * embedding + 1 + history
        self.context = perceptron([inputs, *hidden, context])
        self.cube = CubeFlow(3, context, hidden=(context,), bins=bins, periodic=(2,))
        self.universal = Universal(context)

    def given(self, given: Given) -> Tensor:
        """What is known as the ``CubeFlow``'s context, (N, context)."""
        leaving, staying, left = (self._embed(s) for s in (given.leaving, given.staying, given.left))
        number = (given.staying != NONE).sum(dim=1, keepdim=True) / 8
        history = self.earlier(torch.cat([left, given.momenta], dim=2)).sum(dim=1)
        about = [given.charge[:, None], self.process(given.process), given.system]
        particles = [leaving, staying.sum(dim=1), number, history]
        return self.context(torch.cat([*about, *particles], dim=1))

    def _embed(self, species: Tensor) -> Tensor:
        return self.embedding(torch.where(species == NONE, len(SPECIES), species))

    def log_prob(self, decays: Decays) -> Tensor:
        """Log density (N,) of the coordinates that mean something."""
        context = self.given(decays.given)
        weights = self.universal.weights(decays.given, context)
        parts = self.cube.log_prob(decays.coordinates.clamp(0, 1), context, weights)
        return (parts * decays.meant).sum(dim=1)

    def sample(self, given: Given, even: Tensor, meant: Tensor) -> Tensor:
        """Coordinates (N, 3) from even numbers (N, 3), which they are where they mean nothing.

        A mass that means nothing is a half, as ``decay_chain.coordinates`` has it: the angles are learned
        beside that.
        """
        share = torch.where(meant[:, :1], even[:, :1], 0.5)
        even = torch.cat([share, even[:, 1:]], dim=1)
        context = self.given(given)
        return self.cube.sample(even, context, meant, self.universal.weights(given, context))


class InteractionFlow(nn.Module):
    """The generator's stand-in: events of pions of any energy on protons."""

    def __init__(
        self,
        channels: Channels,
        cross_sections: CrossSections | None,
        *,
        channel_hidden: Sequence[int] = (64,),
        embedding: int = 8,
        history: int = 64,
        hidden: Sequence[int] = (256, 256),
        context: int = 96,
        bins: int = 16,
    ) -> None:
        super().__init__()
        self.channel = ChannelModel(channels, channel_hidden, cross_sections)
        self.decay = DecayFlow(
            embedding=embedding, history=history, hidden=hidden, context=context, bins=bins
        )
        self.register_buffer("species", torch.tensor(channels.species))

    @property
    def numbers(self) -> int:
        """How many even random numbers make an event."""
        return 1 + COORDINATES * (self.species.shape[1] - 1)

    def forward(self, kinetic_energy: Tensor, beam: Tensor, even: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Processes (N,), places in ``PROCESSES``; species (N, n) as in ``channels.FinalStates``; and momenta
        (N, n, 4) in the centre of mass, GeV.

        Events are functions of ``kinetic_energy`` (N,) in GeV, float64, ``beam`` (N,), the pions' PDG codes,
        and ``even`` (N, numbers), even random numbers in [0, 1), float64.  Momenta have gradients with
        respect to the energy.
        """
        return self.of_channels(
            self.channel.draw(kinetic_energy, beam, even[:, 0]), kinetic_energy, beam, even
        )

    def of_channels(
        self, chosen: Tensor, kinetic_energy: Tensor, beam: Tensor, even: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same, of channels (N,) that are drawn already: the first even number has been used."""
        energy = centre_of_mass_energy(kinetic_energy)
        process, species = self.channel.process[chosen], self.species[chosen]
        return process, species, self.momenta(beam, energy, process, species, even[:, 1:])

    def momenta(self, beam: Tensor, energy: Tensor, process: Tensor, species: Tensor, even: Tensor) -> Tensor:
        """Momenta (N, n, 4) of particles of these species (N, n), from even numbers (N, 3 (n - 1)).

        ``beam`` (N,) are the pions' PDG codes, ``energy`` (N,) that of the centre of mass, GeV.
        """
        zero = torch.zeros_like(energy)
        system = torch.stack([zero, zero, zero, energy], dim=1)
        particles: list[Tensor] = []
        for k in range(species.shape[1] - 1):
            there, decaying = species[:, k] != NONE, species[:, k + 1] != NONE
            new = torch.where((there & ~decaying)[:, None], system, 0.0)
            if torch.jit.is_tracing() or decaying.any():
                here = species[decaying]
                left = torch.stack([system, *particles], dim=1)[decaying, 1:]
                step = step_at(system[decaying], process[decaying], here, left)
                given = before(step, beam[decaying], process[decaying], here, left)
                numbers = even[decaying, COORDINATES * k : COORDINATES * (k + 1)]
                particle, rest = split(step, self.decay.sample(given, numbers, meaningful(step, k)))
                new = new.index_put((decaying,), particle)
                system = system.index_put((decaying,), rest)
            particles.append(new)
        last = torch.where((species[:, -1] != NONE)[:, None], system, 0.0)
        return torch.stack([*particles, last], dim=1)
