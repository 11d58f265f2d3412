"""These metrics say how good a stand-in for the generator is at one energy.

W1 falls with the number of events, so it means something only beside that of two samples of the generator of
the same ``size``: the generator-against-itself baseline, which keys of metrics call the floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.hadron.events.interactions import Interactions
from experiments.hadron.events.observables import (
    MIN_PARTICLES,
    REDUCED,
    VARIABLES,
    features,
    numbers_of_species,
    ranked,
    two_body_angle,
    variables,
)
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.species import CONSERVED, MASSES, PROTON, conserved
from experiments.hadron.judge.distances import (
    classifier_auc,
    sliced_wasserstein,
    total_variation,
    wasserstein,
)
from lblhep.annotations import Floats, Indices

DIRECTIONS = 50
AUC_EVENTS = 100_000
MIN_TWO_BODY_EVENTS = 50  # two-body events in a sample
TOLERANCE = 1e-6  # GeV

Values = Mapping[str, Floats]


def many(sample: Interactions) -> Interactions:
    """Return the events with three particles or more."""
    return sample.of(sample.states.multiplicity >= MIN_PARTICLES)


def pairs(made: int, reference: int, size: int, shift: int = 0) -> Iterator[tuple[Indices, Indices]]:
    """Yield indices of disjoint samples, in pairs: one of what was made, and one of the reference.

    Args:
        made: How many events were made.
        reference: How many events the reference has.
        size: The events of a sample.
        shift: 1 if a sample meets the next of the reference, for the generator's distance from itself.

    Yields:
        The indices (size,) of both samples.

    Raises:
        ValueError: There is not one pair.
    """
    number = min(made, reference - shift * size) // size
    if number < 1:
        raise ValueError(f"{made} and {reference} events hold no pair of samples of {size}")
    for i in range(number):
        yield np.arange(i * size, (i + 1) * size), np.arange((i + shift) * size, (i + shift + 1) * size)


def leading_distances(made: Values, reference: Values, size: int, *, shift: int = 0) -> dict[str, Floats]:
    """Return W1 / sigma of each variable of each pair of samples, (pairs,), and ``sliced`` of them together.

    Args:
        made: Values (N,) of each variable.
        reference: The generator's values (M,) of each variable.
        size: The events of a sample.
        shift: 1 for the generator's distance from itself.

    Returns:
        The distances by name.
    """
    one, other = (np.stack([*values.values()], axis=1) for values in (made, reference))
    rng = np.random.default_rng(0)
    return _gathered(
        wasserstein(_taken(made, a), _taken(reference, b))
        | {"sliced": sliced_wasserstein(one[a], other[b], DIRECTIONS, rng)}
        for a, b in pairs(len(one), len(other), size, shift)
    )


def event_distances(
    made: Interactions, reference: Interactions, size: int, *, shift: int = 0
) -> dict[str, Floats]:
    """Return distances of whole events for each pair of samples, (pairs,).

    They are W1 / sigma of all variables of events with three particles or more; of all events, the total
    variation of the number of particles, of the leading particle's species, and of channels; and, where the
    reference has ``MIN_TWO_BODY_EVENTS``, W1 / sigma of the angle of events with two particles: infinite if
    none is made.

    Args:
        made: The events to judge.
        reference: The generator's events.
        size: The events of a sample.
        shift: 1 for the generator's distance from itself.

    Returns:
        The distances by name.
    """
    kinematic = leading_distances(variables(many(made)), variables(many(reference)), size, shift=shift)
    one, other = (_composition(sample) for sample in (made, reference))
    rows = list(pairs(len(made), len(reference), size, shift))
    found = kinematic | _gathered(
        {name: total_variation(one[name][a], other[name][b]) for name in one} for a, b in rows
    )
    if (reference.states.multiplicity == 2).mean() * size >= MIN_TWO_BODY_EVENTS:
        found |= _gathered(
            wasserstein(two_body_angle(made.of(a)), two_body_angle(reference.of(b))) for a, b in rows
        )
    return found


def _composition(sample: Interactions) -> dict[str, NDArray[Any]]:
    counts = numbers_of_species(sample.states.species)
    leading = ranked(sample.laboratory()).species[:, 0]
    return {"multiplicity": sample.states.multiplicity, "leading_species": leading, "channel": counts}


def _taken(values: Values, rows: Indices) -> Values:
    return {name: value[rows] for name, value in values.items()}


def _gathered(rows: Iterable[Mapping[str, float]]) -> dict[str, Floats]:
    every = list(rows)
    return {name: np.array([row[name] for row in every]) for name in every[0]}


def summary(
    energy: float, found: Mapping[str, Mapping[str, Floats]], floor: Mapping[str, Floats]
) -> dict[str, float]:
    """Return one number for each question, named after the energy in GeV, with the prefixes of ``found``.

    ``w1`` is the mean over variables of W1 in units of the ``floor``'s mean, ``worst`` that of the worst
    variable in units of its own floor.
    """
    row: dict[str, float] = {}
    for prefix, distances in found.items():
        for suffix, names in (("", VARIABLES), ("_reduced", REDUCED)):
            if not set(names) <= distances.keys():
                continue
            means = {name: float(distances[name].mean()) for name in names}
            floors = {name: float(floor[name].mean()) for name in names}
            row[f"{prefix}w1{suffix}_{energy:g}"] = sum(means.values()) / sum(floors.values())
            row[f"{prefix}worst{suffix}_{energy:g}"] = max(means[name] / floors[name] for name in names)
        for name in ("sliced", "multiplicity", "leading_species", "channel", "two_body"):
            # ``sliced`` is of all variables together: of five it has another floor.
            if name in distances and set(VARIABLES) <= distances.keys():
                ratio = float(distances[name].mean() / floor[name].mean())
                row[f"{prefix}{name}_{energy:g}"] = ratio
        if "auc" in distances:
            row[f"{prefix}auc_{energy:g}"] = float(distances["auc"].mean())
    return row


def auc(made: Interactions, reference: Interactions) -> float:
    """Return the AUC of trees on events of three particles or more, of ``AUC_EVENTS`` of either at most."""
    one, other = many(made), many(reference)
    n = min(len(one), len(other), AUC_EVENTS)
    return classifier_auc(features(one.of(np.arange(n))), features(other.of(np.arange(n))), seed=0)


def violations(made: Interactions) -> dict[str, int]:
    """Return how many events break a law, by law.

    The laws are charge, baryon number and strangeness; four-momentum and mass shells count as broken by more
    than ``TOLERANCE``.
    """
    species, p = made.states.species, made.states.momenta
    there = species != NO_PARTICLE
    numbers = np.where(there[..., None], CONSERVED[species], 0).sum(axis=1)
    wrong = numbers != conserved(made.beam) + conserved(np.array(PROTON))
    total = p.sum(axis=1)
    total[:, 3] -= made.sqrt_s
    mass = np.where(there, MASSES[species], 0.0)
    shell = abs(p[..., 3] - np.sqrt((p[..., :3] ** 2).sum(axis=-1) + mass**2)).max(axis=1)
    laws: dict[str, NDArray[np.bool_]] = {
        **dict(zip(("charge", "baryon_number", "strangeness"), wrong.T, strict=True)),
        "momentum": ~(abs(total).max(axis=1) <= TOLERANCE),
        "mass_shell": ~(shell <= TOLERANCE),
    }
    return {law: int(broken.sum()) for law, broken in laws.items()}
