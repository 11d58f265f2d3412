"""Pythia states its cross-sections of pi+ p and pi- p by process; this module tabulates them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from experiments.hadron.events.kinematics import PION_MASS, PROTON_MASS, centre_of_mass_energy
from experiments.hadron.events.processes import STATED
from experiments.hadron.events.species import PI_MINUS, PI_PLUS, PROTON
from experiments.hadron.generators.collisions import MAX_SEED
from experiments.hadron.generators.pythia import Collider
from lblhep.cards.ranges import EventRange

# What Pythia calls the classes of collisions when it is asked for a cross-section: 1 of code 151 and so on.
CLASSES = 150
ELASTIC, BY_RESONANCES = 2, 9
DIGITS = 6  # of a cross-section in mb


def pion_proton_sigma(
    events: EventRange, *, energy: Sequence[float], points: int, collisions: int
) -> pa.Table:
    """Return one row for each pion and energy: ``points`` energies of pi+, then as many of pi-.

    ``inelastic`` is the total times the fraction of ``collisions`` that were inelastic in the sample's
    sense; its error is the square root of the fraction's variance if every fraction was as likely
    beforehand.

    Args:
        events: The range of rows, of 2 ``points`` in all.
        energy: The lowest and the highest kinetic energy in GeV, between which the logarithm has equal
            steps.
        points: How many energies each pion has.
        collisions: How many collisions at each row are looked at for the inelastic fraction.

    Returns:
        The rows' energies in GeV and cross-sections in mb.
    """
    rng = events.generator()
    rows = np.arange(events.start, events.stop)
    beam = np.where(rows < points, PI_PLUS, PI_MINUS)
    kinetic_energy = np.geomspace(*energy, points)[rows % points]
    sqrt_s = centre_of_mass_energy(kinetic_energy).tolist()
    colliders = {pion: Collider(pion, int(rng.integers(1, MAX_SEED))) for pion in (PI_PLUS, PI_MINUS)}
    numbers = {"total": (0,), "elastic": (ELASTIC,), "resonant": (BY_RESONANCES,)} | {
        process.name: tuple(code - CLASSES if code < 2 * CLASSES else code for code in process.codes)
        for process in STATED
    }
    columns: dict[str, list[float]] = {name: [] for name in numbers}
    inelastic = []
    for pion, e in zip(beam.tolist(), sqrt_s, strict=True):
        at = (pion, PROTON, e, PION_MASS, PROTON_MASS)
        pythia = colliders[pion].pythia
        for name, ways in numbers.items():
            # Of a resonance, the charge that this pion cannot make has none.
            columns[name].append(sum(pythia.getSigmaPartial(*at, number) for number in ways))
        inelastic.append(_count_inelastic(colliders[pion], e, collisions))
    total, k = np.array(columns["total"]), np.array(inelastic)
    variance = (k + 1) * (collisions - k + 1) / ((collisions + 2) ** 2 * (collisions + 3))
    sigma = columns | {"inelastic": total * k / collisions, "inelastic_error": total * np.sqrt(variance)}
    return pa.table(
        {"event": rows, "beam": beam, "kinetic_energy": kinetic_energy}
        | {name: np.round(values, DIGITS) for name, values in sigma.items()}
    )


def _count_inelastic(collider: Collider, sqrt_s: float, collisions: int) -> int:
    return sum(collider.collide(sqrt_s) and not collider.is_elastic() for _ in range(collisions))
