"""Events for a CPU second of the generators that the models stand in for, measured where the models were."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from experiments.hadron import producers, urqmd
from experiments.hadron.generator import Collider
from experiments.hadron.kinematics import centre_of_mass_energy
from experiments.hadron.species import PI_MINUS, PI_PLUS
from lblhep.cards.ranges import EventRange
from lblhep.tasks import Bench
from lblhep.trials import Trial

URQMD_FROM = 1.52  # GeV
SHORTEST = 0.1  # s, ten ticks of the clock


class TimeGenerators:
    """The stage: ``pythia`` and ``urqmd`` events at each test energy, without what it takes to start, with
    what it takes to read them out, and with the elastic collisions that are passed over; NaN where they were
    too few to be timed.

    Rates by ``<generator>_<energy in GeV>``; of UrQMD only where it is installed and has the energy.
    ``pythia_next`` is Pythia without the reading out, as a program that is not written in Python has it.
    """

    def __init__(self, *, pythia: int = 20_000, urqmd: int = 200) -> None:
        self.pythia, self.urqmd = pythia, urqmd

    def __call__(self, bench: Bench, trial: Trial) -> Mapping[str, float]:
        found = {}
        for energy in bench.dataset(trial, "tests").energies:
            found[f"pythia_{energy:g}"] = _rate(producers.pion_proton, self.pythia, energy)
            found[f"pythia_next_{energy:g}"] = bare_rate(self.pythia, energy)
            if importlib.util.find_spec("chromo") and energy > URQMD_FROM:
                found[f"urqmd_{energy:g}"] = _rate(urqmd.pion_proton, self.urqmd, energy)
        return found


def bare_rate(n: int, energy: float) -> float:
    """Return inelastic events for a CPU second of Pythia's ``next()`` alone, as many of either pion.

    ``n`` collisions of each pion at a kinetic ``energy`` in GeV are timed, and none is looked at while the
    clock runs; as many before them say how many are inelastic.  NaN if they were too few to be timed.
    """
    sqrt_s = float(centre_of_mass_energy(np.array(energy)))
    seconds_an_event = 0.0
    for pion in (PI_PLUS, PI_MINUS):
        collider = Collider(pion, seed=1)
        inelastic = sum(collider.collide(sqrt_s) and not collider.is_elastic() for _ in range(n))
        begin = time.process_time()
        for _ in range(n):
            collider.pythia.next()
        spent = time.process_time() - begin
        if not inelastic or spent < SHORTEST:
            return math.nan
        seconds_an_event += spent / inelastic / 2
    return 1 / seconds_an_event


def _rate(produce: Callable[..., pa.Table], n: int, energy: float) -> float:
    def seconds(events: int) -> float:
        begin = _cpu_seconds()
        produce(EventRange(0, events, 2), energy=energy)
        return _cpu_seconds() - begin

    few = max(n // 5, 1)
    started = seconds(few)  # with what it takes to start, which is not charged
    spent = seconds(n) - started
    return (n - few) / spent if spent > SHORTEST else math.nan


def _cpu_seconds() -> float:
    """Of this process and its children."""
    return sum(os.times()[:4])
