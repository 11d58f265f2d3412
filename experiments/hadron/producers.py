"""Inelastic collisions of pi+ and pi- with a proton at rest, from Pythia 8's low-energy QCD.

Each event has its own energy, at which collisions are made until one is inelastic: the energies are
distributed as asked for, whatever the cross-section.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.hadron.events import Events, Resonances
from experiments.hadron.generator import LARGEST_SEED, Collider, Collision
from experiments.hadron.kinematics import centre_of_mass_energy, to_laboratory
from experiments.hadron.species import PI_MINUS, PI_PLUS
from lblhep.annotations import Floats, Integers
from lblhep.cards.ranges import EventRange


def pion_proton(events: EventRange, *, energy: float | Sequence[float]) -> pa.Table:
    """One row an event, particles as lists in the generator's order (``experiments.hadron.events``).

    ``energy`` is the pion's kinetic energy in GeV, or two limits between which it is log-uniform.  Half of
    the events, in random order, are of pi+ (one more if the number is odd).
    """
    rng = events.generator()
    kinetic_energy = draw_energies(energy, len(events), rng)
    beam = draw_beams(len(events), rng)
    colliders = {pion: Collider(pion, int(rng.integers(1, LARGEST_SEED))) for pion in (PI_PLUS, PI_MINUS)}
    sqrt_s = centre_of_mass_energy(kinetic_energy)
    collisions = [
        colliders[pion].inelastic(e) for pion, e in zip(beam.tolist(), sqrt_s.tolist(), strict=True)
    ]
    return laboratory_events(events, beam, kinetic_energy, collisions).table()


def draw_energies(energy: float | Sequence[float], n: int, rng: np.random.Generator) -> Floats:
    """``n`` kinetic energies in GeV: all the same, or log-uniform between two limits."""
    low, high = (energy, energy) if isinstance(energy, int | float) else energy
    if not 0 < low <= high:
        raise ValueError(f"energy: {energy} is neither one kinetic energy nor two limits, in GeV")
    if low == high:
        return np.full(n, float(low))
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def draw_beams(n: int, rng: np.random.Generator) -> Integers:
    """PDG codes of ``n`` pions, half of each charge, in random order."""
    return rng.permutation(np.resize(np.array([PI_PLUS, PI_MINUS]), n))


def laboratory_events(
    events: EventRange,
    beam: Integers,
    kinetic_energy: Floats,
    collisions: Sequence[Collision],
) -> Events:
    """The range's events from collisions in their centre of mass, GeV."""
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
