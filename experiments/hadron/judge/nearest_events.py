"""The nearest-event baseline takes training events of nearly the same energy and rescales them.

Recipes, metrics and figures call it ``replay``, and ``by_process`` where it knows cross-sections as the flow
does: then each process gives its share of the events.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from experiments.hadron.events.cross_sections import CrossSections, refuse_unknown
from experiments.hadron.events.interactions import Interactions, near
from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.particle_types import NO_PARTICLE
from experiments.hadron.events.processes import PROCESSES
from experiments.hadron.events.species import MASSES, PI_MINUS, PI_PLUS
from lblhep.annotations import Floats, Integers

MAX_LOG_DISTANCE = 0.6  # in ln T, in which a process's inelastic share is taken for constant
MAX_ROUNDS = 200  # of their estimate; the windows of recipes/hadron.yaml take up to 30
NEWTON_STEPS = 50
PRECISION = 1e-13  # relative, of the energy


def nearest_events(
    training: Interactions, kinetic_energy: float, n: int, cross_sections: CrossSections | None = None
) -> Interactions:
    """Return ``n`` events at ``kinetic_energy``, half of each pion, made of the nearest ones in ln T.

    Events whose masses exceed the new energy are passed over.

    Args:
        training: The events to take from.
        kinetic_energy: The new energy in GeV.
        n: How many events are wanted.
        cross_sections: If given, the nearest of each process are taken, as many as ``process_shares`` says;
            where there are not enough, all of them and some again.

    Returns:
        The events in random order, with rescaled momenta.

    Raises:
        ValueError: There are too few events, none of a process, or none within ``MAX_LOG_DISTANCE``; or
            events
            that do not state their process are to follow ``cross_sections``.
    """
    if cross_sections is not None:
        refuse_unknown(training.process)
    random = np.random.default_rng(0)
    sqrt_s = float(centre_of_mass_energy(np.array(kinetic_energy)))
    mass = np.where(training.states.species == NO_PARTICLE, 0.0, MASSES[training.states.species])
    nearest = np.argsort(abs(np.log(training.kinetic_energy / kinetic_energy)), kind="stable")
    nearest = nearest[mass[nearest].sum(axis=1) < sqrt_s]
    chosen = []
    for pion, number in ((PI_PLUS, (n + 1) // 2), (PI_MINUS, n // 2)):
        rows = nearest[training.beam[nearest] == pion]
        if len(rows) < number:
            raise ValueError(f"{number} events of pion {pion} to replay, but there are {len(rows)}")
        if cross_sections is None:
            chosen.append(rows[:number])
        else:
            chosen.append(_by_process(training, rows, kinetic_energy, number, cross_sections, random))
    # In random order: any part of the baseline has both pions, near and far.
    rows = random.permutation(np.concatenate(chosen))
    old = training.of(rows)
    momenta = rescaled(old.states.momenta, mass[rows], np.full(len(rows), sqrt_s))
    return dataclasses.replace(
        old,
        kinetic_energy=np.full(len(rows), float(kinetic_energy)),
        states=dataclasses.replace(old.states, momenta=momenta),
    )


def _by_process(
    training: Interactions,
    nearest: Integers,
    kinetic_energy: float,
    number: int,
    cross_sections: CrossSections,
    random: np.random.Generator,
) -> Integers:
    """Return rows of one pion's events, the ``nearest`` in energy first: of each process its share."""
    pion = training.beam[nearest[0]]
    around = training.of(nearest[near(training.kinetic_energy[nearest], [kinetic_energy], MAX_LOG_DISTANCE)])
    if not len(around):
        raise ValueError(
            f"no event of pion {pion} within {MAX_LOG_DISTANCE} in ln T of {kinetic_energy:g} GeV"
        )
    chosen = []
    shares = process_shares(around, kinetic_energy, cross_sections)
    for process, wanted in enumerate(random.multinomial(number, shares)):
        rows = nearest[training.process[nearest] == process]
        if wanted and not len(rows):
            raise ValueError(f"no event of pion {pion} and {PROCESSES[process].name} to replay")
        chosen.append(np.resize(rows, wanted))
    return np.concatenate(chosen)


def process_shares(sample: Interactions, kinetic_energy: float, cross_sections: CrossSections) -> Floats:
    """Return how the inelastic collisions of the sample's pion at an energy (GeV) divide into ``PROCESSES``.

    A share is the process's cross-section there times its inelastic share, which the sample, of one pion and
    all its processes, tells up to a common factor: with the share b_p of process p its events are expected
    to be the sum over all events of b_p sigma_p(T) / sum_q b_q sigma_q(T).  The b_p are found by iteration.
    """

    def sigma(energies: Floats) -> Floats:
        beam = torch.full((len(energies),), int(sample.beam[0]))
        return np.asarray(cross_sections(torch.tensor(energies), beam).exp())

    found = np.bincount(sample.process, minlength=len(PROCESSES))
    at_events, inelastic = sigma(sample.kinetic_energy), np.ones(len(PROCESSES))
    for _ in range(MAX_ROUNDS):
        before = inelastic
        inelastic = found / (at_events / (at_events @ before)[:, None]).sum(axis=0)
        if np.allclose(before, inelastic, rtol=1e-4, atol=0):
            break
    else:
        raise ValueError(
            f"shares of processes at {kinetic_energy:g} GeV have not settled in {MAX_ROUNDS} rounds"
        )
    there = sigma(np.array([kinetic_energy]))[0] * inelastic
    return np.asarray(there / there.sum())


def rescaled(momenta: Floats, mass: Floats, sqrt_s: Floats) -> Floats:
    """Return events (N, n, 4) in their centre of mass, three-momenta scaled to the energy ``sqrt_s`` (N,).

    ``mass`` (N, n) is in GeV, 0 for padding.  Momentum stays 0 and every particle on its mass shell.  The
    factor is Newton's solution of sum sqrt(m^2 + (x p)^2) = sqrt(s), a convex function.  Raises ValueError
    if the masses alone exceed ``sqrt_s``.
    """
    if (mass.sum(axis=1) > sqrt_s).any():
        raise ValueError("an event's masses exceed the energy that it is to be scaled to")
    p2 = (momenta[..., :3] ** 2).sum(axis=-1)
    x = np.ones(len(momenta))
    for _ in range(NEWTON_STEPS):
        energy = np.sqrt(mass**2 + x[:, None] ** 2 * p2)
        excess = energy.sum(axis=1) - sqrt_s
        if (abs(excess) < PRECISION * sqrt_s).all():
            break
        slope = x * np.divide(p2, energy, out=np.zeros_like(p2), where=energy > 0).sum(axis=1)
        # From below Newton overshoots, then comes down; from above it could step to a negative factor.
        x = np.maximum(x - excess / slope, x / 2)
    energy = np.sqrt(mass**2 + x[:, None] ** 2 * p2)
    return np.concatenate([x[:, None, None] * momenta[..., :3], energy[..., None]], axis=-1)
