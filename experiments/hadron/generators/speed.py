"""Generators are timed here: events for a CPU second, measured where the models are measured."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from experiments.hadron.events.kinematics import centre_of_mass_energy
from experiments.hadron.events.species import PI_MINUS, PI_PLUS
from experiments.hadron.generators.pythia import Collider
from lblhep.cards.ranges import EventRange

MIN_SECONDS = 0.1  # s, ten ticks of the clock


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
        if not inelastic or spent < MIN_SECONDS:
            return math.nan
        seconds_an_event += spent / inelastic / 2
    return 1 / seconds_an_event


def read_out_rate(produce: Callable[..., pa.Table], n: int, energy: float) -> float:
    """Return events for a CPU second of ``produce``, starting not charged; NaN if too few to be timed.

    ``produce`` makes ``n`` events at a kinetic ``energy`` in GeV, and reads them out to a table.
    """

    def seconds(events: int) -> float:
        begin = _cpu_seconds()
        produce(EventRange(0, events, 2), energy=energy)
        return _cpu_seconds() - begin

    few = max(n // 5, 1)
    started = seconds(few)  # with what it takes to start, which is not charged
    spent = seconds(n) - started
    return (n - few) / spent if spent > MIN_SECONDS else math.nan


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and its children."""
    return sum(os.times()[:4])
