"""Every generator's collisions have the form of this module, and the energies and pions that it draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.arrays import Events, Resonances
from experiments.hadron.events.kinematics import to_laboratory
from experiments.hadron.events.species import PI_MINUS, PI_PLUS
from lblhep.annotations import Floats, Integers
from lblhep.cards.ranges import EventRange

MAX_SEED = 900_000_000  # the largest seed that Pythia takes

Particle = tuple[int, float, float, float, float]  # PDG code, px, py, pz, E in GeV


class Collision(NamedTuple):
    """This class has what a collision leaves, and its process, a code of ``events.processes``.

    ``resonances`` are the PDG codes of what has decayed, in the order of their decays.  ``parents`` and
    ``resonance_parents`` are the places among them that particles and resonances come from, or
    ``FROM_COLLISION``.
    """

    process: int
    particles: list[Particle]
    parents: list[int]
    resonances: list[int]
    resonance_parents: list[int]


def draw_energies(energy: float | Sequence[float], n: int, rng: np.random.Generator) -> Floats:
    """Return ``n`` kinetic energies in GeV: all the same, or log-uniform between two limits.

    Raises ValueError if ``energy`` is neither one positive energy nor two limits in order.
    """
    low, high = (energy, energy) if isinstance(energy, int | float) else energy
    if not 0 < low <= high:
        raise ValueError(f"energy: {energy} is neither one kinetic energy nor two limits, in GeV")
    if low == high:
        return np.full(n, float(low))
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def draw_beams(n: int, rng: np.random.Generator) -> Integers:
    """Return the PDG codes of ``n`` pions, half of each charge, in random order."""
    return rng.permutation(np.resize(np.array([PI_PLUS, PI_MINUS]), n))


def laboratory_events(
    events: EventRange,
    beam: Integers,
    kinetic_energy: Floats,
    collisions: Sequence[Collision],
) -> Events:
    """Return the range's events in the laboratory, from collisions in their centre of mass.

    Args:
        events: The range, which numbers the events.
        beam: The PDG codes (N,) of the pions.
        kinetic_energy: The pions' kinetic energies (N,) in GeV.
        collisions: The N collisions, momenta in GeV.

    Returns:
        The N events.
    """
    multiplicity = np.array([len(collision.particles) for collision in collisions])
    flat: NDArray[np.float64] = np.array([p for collision in collisions for p in collision.particles])
    return Events(
        number=np.arange(events.start, events.stop),
        beam=beam,
        kinetic_energy=kinetic_energy,
        process=np.array([collision.process for collision in collisions]),
        offsets=np.concatenate([[0], np.cumsum(multiplicity)]),
        pdg=flat[:, 0].astype(np.int64),
        momenta=to_laboratory(flat[:, 1:], np.repeat(kinetic_energy, multiplicity)),
        parent=_one_after_another(collision.parents for collision in collisions),
        resonances=Resonances(
            offsets=np.concatenate([[0], np.cumsum([len(collision.resonances) for collision in collisions])]),
            pdg=_one_after_another(collision.resonances for collision in collisions),
            parent=_one_after_another(collision.resonance_parents for collision in collisions),
        ),
    )


def _one_after_another(lists: Iterable[list[int]]) -> Integers:
    return np.fromiter(chain.from_iterable(lists), dtype=np.int64)
