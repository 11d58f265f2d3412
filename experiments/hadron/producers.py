"""Pythia 8's low-energy QCD makes inelastic collisions of pi+ and pi- with a proton at rest.

Each event has its own energy, at which collisions are made until one is inelastic: the energies are
distributed as asked for, whatever the cross-section.  The other producers are
``generators.pythia_cross_sections`` and ``generators.urqmd``, apart from this one so that their code is no
part of this one's version.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.species import PI_MINUS, PI_PLUS
from experiments.hadron.generators.collisions import MAX_SEED, draw_beams, draw_energies, laboratory_events
from experiments.hadron.generators.pythia import Collider
from lblhep.cards.ranges import EventRange


def pion_proton(events: EventRange, *, energy: float | Sequence[float]) -> pa.Table:
    """Return one row for each event, particles as lists in the generator's order (``events.arrays``).

    ``energy`` is the pion's kinetic energy in GeV, or two limits between which it is log-uniform.  Half of
    the events, in random order, are of pi+ (one more if the number is odd).
    """
    rng = events.generator()
    kinetic_energy = draw_energies(energy, len(events), rng)
    beam = draw_beams(len(events), rng)
    colliders = {pion: Collider(pion, int(rng.integers(1, MAX_SEED))) for pion in (PI_PLUS, PI_MINUS)}
    sqrt_s = centre_of_mass_energy(kinetic_energy)
    collisions = [
        colliders[pion].inelastic(e) for pion, e in zip(beam.tolist(), sqrt_s.tolist(), strict=True)
    ]
    return laboratory_events(events, beam, kinetic_energy, collisions).table()
