"""The flow of whole events draws a channel, the masses of its resonances, their momenta, and their decays.

The channel is drawn from those that the generator made in training and that have room at this energy, which
conserves charge, baryon number and strangeness; its probability is the cross-section of its process times a
branching ratio, a network's.  Its particles and resonances leave in a chain of decays
(``lblhep.physics.decay_chain``), each a ``CubeFlow`` in three coordinates, given the process, what has left
already and what is to come; the chain conserves four-momentum with everything on its mass shell.  If only
two leave, cos(theta*) alone is learned.  Resonances decay by the same flow, knowing nothing of the
collision, until none is left.  The azimuth of an event is random.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from experiments.hadron.events.cross_sections import CrossSections
from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import N_PROCESSES, N_STABLE, NO_PARTICLE, ParticleTypes
from experiments.hadron.flow.branching import ChannelModel
from experiments.hadron.flow.cascade import Cascade
from experiments.hadron.flow.channels import Channels, ResonanceDecays
from experiments.hadron.flow.resonance_masses import Masses, ResonanceMasses
from experiments.hadron.flow.steps import (
    MOMENTUM_INPUTS,
    SYSTEM_INPUTS,
    Decays,
    Given,
    Origin,
    before,
    meaningful,
    step_at,
)
from experiments.hadron.flow.transverse_momentum import TransverseMomentumTables
from lblhep.nn.cube_flow import CubeFlow
from lblhep.nn.perceptron import perceptron
from lblhep.physics.decay_chain import COORDINATES, split


class DecayFlow(nn.Module):
    """This network gives the density of a decay's coordinates in the unit cube, given what came before.

    ``types`` is the number of particle types.
    """

    def __init__(
        self, types: int, *, embedding: int, history: int, hidden: Sequence[int], context: int, bins: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(types + 1, embedding, padding_idx=types)
        self.origin = nn.Embedding(N_PROCESSES + types - N_STABLE, embedding)
        self.earlier = perceptron([embedding + MOMENTUM_INPUTS, history, history])
        inputs = 1 + SYSTEM_INPUTS + 3 * embedding + 1 + history
        self.context = perceptron([inputs, *hidden, context])
        self.cube = CubeFlow(3, context, hidden=(context,), bins=bins, periodic=(2,))
        self.transverse_momentum = TransverseMomentumTables(types)

    def given(self, given: Given) -> Tensor:
        """Return what is known as the ``CubeFlow``'s context, (N, context)."""
        leaving, staying, left = (self._embed(s) for s in (given.leaving, given.staying, given.left))
        number = (given.staying != NO_PARTICLE).sum(dim=1, keepdim=True) / 8
        history = self.earlier(torch.cat([left, given.momenta], dim=2)).sum(dim=1)
        about = [given.charge[:, None], self.origin(given.origin), given.system]
        particles = [leaving, staying.sum(dim=1), number, history]
        return self.context(torch.cat([*about, *particles], dim=1))

    def _embed(self, types: Tensor) -> Tensor:
        return self.embedding(torch.where(types == NO_PARTICLE, self.embedding.padding_idx, types))

    def log_prob(self, decays: Decays) -> Tensor:
        """Return the log density (N,) of the coordinates that mean something."""
        weights = self.transverse_momentum.weights(decays.given)
        parts = self.cube.log_prob(decays.coordinates.clamp(0, 1), self.given(decays.given), weights)
        return (parts * decays.meant).sum(dim=1)

    def sample(self, given: Given, uniform: Tensor, meant: Tensor) -> Tensor:
        """Return coordinates (N, 3) made of uniform numbers (N, 3), which they stay where they mean nothing.

        A mass that means nothing is a half, as ``decay_chain.coordinates`` has it: the angles are learned
        beside that.
        """
        share = torch.where(meant[:, :1], uniform[:, :1], 0.5)
        uniform = torch.cat([share, uniform[:, 1:]], dim=1)
        return self.cube.sample(uniform, self.given(given), meant, self.transverse_momentum.weights(given))


class BreakupFlow(nn.Module):
    """This network makes what leaves an origin: masses and momenta."""

    def __init__(self, types: ParticleTypes, *, embedding: int, **decay: int | Sequence[int]) -> None:
        super().__init__()
        self.mass = ResonanceMasses(types, embedding=embedding)
        self.decay = DecayFlow(len(types), embedding=embedding, **decay)

    def log_prob(self, part: Decays | Masses) -> Tensor:
        """Return the log density (N,) of decays or of masses."""
        return self.decay.log_prob(part) if isinstance(part, Decays) else self.mass.log_prob(part)

    def forward(
        self, charge: Tensor, index: Tensor, energy: Tensor, products: Tensor, uniform: Tensor
    ) -> Tensor:
        """Return momenta (N, n, 4) of products where their origin is at rest, GeV.

        Args:
            charge: The pions' charges (N,), 0 of resonances.
            index: The origins' indices (N,), as in ``Origin``.
            energy: The origins' energies (N,) at rest, GeV.
            products: The types (N, n) of the products.
            uniform: Uniform numbers (N, n + 3 (n - 1)).

        Returns:
            The momenta, 0 of ``NO_PARTICLE``.
        """
        origin = Origin(charge, index, energy)
        n = products.shape[1]
        mass, uniform = self.mass.draw(origin, products, uniform[:, :n]), uniform[:, n:]
        zero = torch.zeros_like(energy)
        system = torch.stack([zero, zero, zero, energy], dim=1)
        particles: list[Tensor] = []
        for k in range(n - 1):
            there, decaying = products[:, k] != NO_PARTICLE, products[:, k + 1] != NO_PARTICLE
            new = torch.where((there & ~decaying)[:, None], system, 0.0)
            if torch.jit.is_tracing() or decaying.any():
                here = products[decaying]
                left = torch.stack([system, *particles], dim=1)[decaying, 1:]
                staying = (here[:, k + 1 :] != NO_PARTICLE).sum(dim=1)
                step = step_at(system[decaying], origin.of(decaying), mass[decaying], left, staying)
                given = before(step, origin.of(decaying), here, left)
                numbers = uniform[decaying, COORDINATES * k : COORDINATES * (k + 1)]
                particle, rest = split(step, self.decay.sample(given, numbers, meaningful(step, k)))
                new = new.index_put((decaying,), particle)
                system = system.index_put((decaying,), rest)
            particles.append(new)
        last = torch.where((products[:, -1] != NO_PARTICLE)[:, None], system, 0.0)
        return torch.stack([*particles, last], dim=1)


class InteractionFlow(nn.Module):
    """This network stands in for the generator: it makes events of pions of any energy on protons."""

    def __init__(
        self,
        types: ParticleTypes,
        channels: Channels,
        resonance_decays: ResonanceDecays,
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
        self.breakup = BreakupFlow(
            types, embedding=embedding, history=history, hidden=hidden, context=context, bins=bins
        )
        self.known = types, channels, resonance_decays
        self.cascade = Cascade(self.breakup, self.breakup, *self.known)
        self.register_buffer("products", torch.tensor(channels.products))

    @property
    def numbers(self) -> int:
        """Return how many uniform random numbers make an event."""
        return 1 + self.cascade.numbers()

    def forward(self, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return processes (N,), species (N, n) and momenta (N, n, 4) in the centre of mass, GeV, of events.

        Processes are places in ``PROCESSES``; species are those of ``FinalStates``.  Events are functions of
        ``kinetic_energy`` (N,) in GeV, float64, ``beam`` (N,), the pions' PDG codes, and ``uniform`` (N,
        numbers), uniform random numbers in [0, 1), float64.  Momenta have gradients with respect to the
        energy.
        """
        return self.of_channels(
            self.channel.draw(kinetic_energy, beam, uniform[:, 0]), kinetic_energy, beam, uniform
        )

    def of_channels(
        self, chosen: Tensor, kinetic_energy: Tensor, beam: Tensor, uniform: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what ``forward`` returns, of channels that are drawn already.

        Args:
            chosen: The channels (N,).
            kinetic_energy: The pions' kinetic energies (N,) in GeV.
            beam: The pions' PDG codes (N,).
            uniform: Uniform numbers (N, numbers), of which the first has been used.

        Returns:
            Processes, species and momenta.
        """
        energy = centre_of_mass_energy(kinetic_energy)
        process = self.channel.process[chosen]
        species, momenta = self.cascade(
            torch.sign(beam), process, energy, self.products[chosen], uniform[:, 1:]
        )
        return process, species, momenta
