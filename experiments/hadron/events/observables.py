"""Events are compared by these numbers: some that a physicist would plot, and all that a classifier gets.

Particles are ranked by momentum in the laboratory, photons and leptons last.  (By energy a slow nucleon
would lead at low T, for its mass.)  Where a name has x, momenta along the beam are in units of the beam's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.final_states import HADRONS, FinalStates
from experiments.hadron.events.interactions import Interactions
from experiments.hadron.events.kinematics import invariant_mass
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.species import CONSERVED, SPECIES
from lblhep.annotations import Floats, Integers

REDUCED = ("x1", "pt1", "x2", "pt2", "delta_phi")
VARIABLES = (
    *REDUCED, "m12", "m_baryon_1", "x_baryon", "pt_baryon", "m_mesons", "pt_charged", "pt_largest",
)  # fmt: skip
MIN_PARTICLES = 3  # in an event: kinematics leaves one angle of two particles to learn
RANKED_PARTICLES = 6  # particles that a classifier sees one by one
MISSING_VALUE = -2.0  # below every value
MIN_MOMENTUM = 1e-12  # GeV
BARYON = CONSERVED[:, 1] != 0
CHARGED = CONSERVED[:, 0] != 0


def ranked(states: FinalStates) -> FinalStates:
    """Return the particles of each event from the largest momentum to the smallest; hadrons come first."""
    size = np.linalg.norm(states.momenta[..., :3], axis=-1)
    size = np.where(
        states.species == NO_PARTICLE, -np.inf, np.where(HADRONS[states.species], size, size - 1e3)
    )
    order = np.argsort(-size, axis=1, kind="stable")
    return FinalStates(
        np.take_along_axis(states.species, order, axis=1),
        np.take_along_axis(states.momenta, order[..., None], axis=1),
    )


def variables(sample: Interactions) -> dict[str, Floats]:
    """Return the twelve ``VARIABLES``, each (N,), of events with two hadrons or more.

    ``REDUCED`` are the five of the leading two hadrons, to which the literature reduces an event; the others
    see more of it.
    """
    states = ranked(sample.laboratory())
    p, species, beam_momentum = states.momenta, states.species, sample.beam_momentum
    there = species != NO_PARTICLE
    x, pt = p[..., 2] / beam_momentum[:, None], np.hypot(p[..., 0], p[..., 1])
    baryon = there & BARYON[species]
    first_baryon = baryon.argmax(axis=1)
    row = np.arange(len(p))
    mesons = (there & HADRONS[species] & ~BARYON[species])[..., None] * p
    return {
        "x1": x[:, 0],
        "pt1": pt[:, 0],
        "x2": x[:, 1],
        "pt2": pt[:, 1],
        "delta_phi": azimuth_between(p[:, 0], p[:, 1]),
        "m12": invariant_mass(p[:, 0] + p[:, 1]),
        "m_baryon_1": invariant_mass(p[row, first_baryon] + p[row, np.where(first_baryon == 0, 1, 0)]),
        "x_baryon": x[row, first_baryon],
        "pt_baryon": pt[row, first_baryon],
        "m_mesons": invariant_mass(mesons.sum(axis=1)),
        "pt_charged": (pt * (there & CHARGED[species])).sum(axis=1),
        "pt_largest": (pt * there).max(axis=1),
    }


def leading_hadrons(sample: Interactions) -> dict[str, Floats]:
    """Return the five ``REDUCED`` variables of the events with three particles or more."""
    values = variables(sample.of(sample.states.multiplicity >= MIN_PARTICLES))
    return {name: values[name] for name in REDUCED}


def two_body_angle(sample: Interactions) -> dict[str, Floats]:
    """Return ``two_body``, cos(theta*) of the first particle, a baryon, of the events with two particles."""
    first = sample.states.momenta[sample.states.multiplicity == 2, 0, :3]
    return {"two_body": first[:, 2] / np.linalg.norm(first, axis=1)}


def features(sample: Interactions) -> Floats:
    """Return all that a classifier gets of whole events, (N, F).

    The features are the numbers of each species; species, momentum, transverse momentum, angle and relative
    azimuth of the leading particles; and the masses of their pairs.  ``MISSING_VALUE`` stands for a particle
    that an event does not have.
    """
    states = ranked(sample.laboratory())
    p, species = (
        _leading(states.momenta, RANKED_PARTICLES),
        _leading(states.species, RANKED_PARTICLES, NO_PARTICLE),
    )
    size, pt = np.linalg.norm(p[..., :3], axis=-1), np.hypot(p[..., 0], p[..., 1])
    pairs = [(i, j) for j in range(1, RANKED_PARTICLES) for i in range(j)]
    blank = species == NO_PARTICLE
    return np.concatenate(
        [
            numbers_of_species(states.species),
            np.where(blank, MISSING_VALUE, species),
            np.where(blank, MISSING_VALUE, size),
            np.where(blank, MISSING_VALUE, pt),
            np.where(blank, MISSING_VALUE, p[..., 2] / np.maximum(size, MIN_MOMENTUM)),
            np.where(blank[:, 1:], MISSING_VALUE, azimuth_between(p[:, :1], p[:, 1:])),
            np.stack(
                [np.where(blank[:, j], MISSING_VALUE, invariant_mass(p[:, i] + p[:, j])) for i, j in pairs],
                axis=1,
            ),
        ],
        axis=1,
    )


def numbers_of_species(species: Integers) -> Integers:
    """Return how many of each of ``SPECIES`` an event has, (N, S), from padded places (N, n)."""
    return np.stack([(species == place).sum(axis=1) for place in range(len(SPECIES))], axis=1)


def azimuth_between(first: Floats, second: Floats) -> Floats:
    """Return the unsigned angle in the transverse plane, 0 to pi: without polarisation it has no sign."""
    across = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    along = first[..., 0] * second[..., 0] + first[..., 1] * second[..., 1]
    return np.asarray(np.arctan2(abs(across), along))


def _leading(values: NDArray[Any], n: int, fill: float = 0) -> NDArray[Any]:
    """Return the first ``n`` of axis 1, filled up if there are fewer."""
    missing = max(n - values.shape[1], 0)
    width = [(0, 0), (0, missing), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, width, constant_values=fill)[:, :n]
