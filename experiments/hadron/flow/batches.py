"""The flow of whole events trains on these batches: decays of chains, masses of resonances, and channels.

Each of the three has batches of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset

from experiments.hadron.events.interactions import Interactions
from experiments.hadron.events.particle_types import ParticleTypes
from experiments.hadron.flow.breakups import Breakups
from experiments.hadron.flow.resonance_masses import Masses, masses
from experiments.hadron.flow.steps import Decays, Origin, decays

CHANNEL_STEPS = 4  # steps of the optimizer for channels to one for as many decays: batches are smaller
GROUP_COLLISIONS = 16  # collisions of neighbouring energies, for which channels have the same probabilities


class ChannelsMade(NamedTuple):
    """This tuple has the channels of collisions of one pion, G collisions at each of M energies.

    ``kinetic_energy`` (M,) is in GeV, ``beam`` (M,) a PDG code, ``number`` (M, G) are the channels' numbers.
    """

    kinetic_energy: torch.Tensor
    beam: torch.Tensor
    number: torch.Tensor


def channels_made(sample: Interactions, number: NDArray[np.intp]) -> list[ChannelsMade]:
    """Return the channels (N,) of a sample by pion, ``GROUP_COLLISIONS`` neighbours in energy together.

    All of a group are taken for collisions of the highest energy among them, so that the probabilities of
    thousands of channels are found once for a group.  Among 100,000 collisions of a pion, 16 neighbours
    differ by less than 0.1 % in energy, but for one group at each window that is left out.  The last
    collision of a pion fills up its last group.
    """
    made = []
    for pion in np.unique(sample.beam):
        of_pion = np.flatnonzero(sample.beam == pion)
        of_pion = of_pion[np.argsort(sample.kinetic_energy[of_pion])]
        missing = -len(of_pion) % GROUP_COLLISIONS
        groups = np.concatenate([of_pion, np.repeat(of_pion[-1:], missing)]).reshape(-1, GROUP_COLLISIONS)
        energy, beam = (torch.tensor(x[groups[:, -1]]) for x in (sample.kinetic_energy, sample.beam))
        made.append(ChannelsMade(energy, beam, torch.tensor(number[groups])))
    return made


def parts_of(types: ParticleTypes, sample: Breakups) -> list[Decays | Masses]:
    """Return every decay of a sample's chains, by its number in its chain, and the masses of resonances."""
    charge, index, energy, products, mass, momenta = map(
        torch.tensor,
        (np.sign(sample.beam), sample.origin, sample.energy, sample.products, sample.mass, sample.momenta),
    )
    origin = Origin(charge, index, energy)
    return [*decays(origin, products, mass, momenta), *masses(types, origin, products, mass)]


class Batches(IterableDataset[Any]):
    """This data set yields all parts of a sample and all channels once, in random order and random batches.

    A batch has parts of ``size`` events, or ``ChannelsMade`` of a quarter of them (``CHANNEL_STEPS``).
    """

    def __init__(
        self, types: ParticleTypes, sample: Breakups, made: Sequence[ChannelsMade], size: int
    ) -> None:
        # Each part with its number of rows, and how many are a batch.
        self.parts: list[tuple[Decays | Masses | ChannelsMade, int, int]] = [
            *((part, len(part[-1]), size) for part in parts_of(types, sample)),
            *(
                (channels, len(channels.beam), max(size // GROUP_COLLISIONS // CHANNEL_STEPS, 1))
                for channels in made
            ),
        ]

    def __len__(self) -> int:
        return sum(-(-rows // size) for _, rows, size in self.parts)

    def __iter__(self) -> Iterator[Any]:
        batches = [
            (part, chosen) for part, rows, size in self.parts for chosen in torch.randperm(rows).split(size)
        ]
        for i in torch.randperm(len(batches)).tolist():
            part, chosen = batches[i]
            yield taken(part, chosen)


def taken(part: Any, rows: torch.Tensor) -> Any:
    """Return some rows of all that a part, a named tuple of tensors, has."""
    return type(part)(*(taken(x, rows) if isinstance(x, tuple) else x[rows] for x in part))
