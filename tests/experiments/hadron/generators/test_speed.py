"""Generators are timed as what is compared with them is: with and without reading out."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from experiments.hadron.generators import speed
from experiments.hadron.generators.pythia import Collider
from experiments.hadron.results import speed as table_of


class Slow(Collider):
    """Collisions that take a stated time, every third of them elastic, on a clock of the test's own."""

    now = 0.0

    def __init__(self, beam: int, seed: int) -> None:
        self.made, self.pythia = 0, self
        self.seconds = {211: 0.002, -211: 0.001}[beam]

    def setKinematics(self, sqrt_s: float) -> None:  # noqa: N802
        """Take an energy as Pythia does."""

    def next(self) -> bool:
        Slow.now += self.seconds
        self.made += 1
        return True

    def is_elastic(self) -> bool:
        Slow.now += 100  # looking at an event is not on the clock
        return self.made % 3 == 0


def test_only_next_is_timed_and_elastic_collisions_are_charged(monkeypatch):
    monkeypatch.setattr(speed, "Collider", Slow)
    monkeypatch.setattr(speed.time, "process_time", lambda: Slow.now)
    # 2/3 of the collisions count; as many events of either pion: the mean of 2 and 1 ms.
    assert speed.bare_rate(300, 3.0) == pytest.approx(2 / 3 / 0.0015)
    assert math.isnan(speed.bare_rate(30, 3.0))  # 0.03 s


def test_both_stand_in_the_page():
    rates = {"pythia_3_per_cpu_second": [100.0], "pythia_next_3_per_cpu_second": [300.0]}
    results = type("Results", (), {"energies": [3.0], "models": [], "rows": pd.DataFrame(rates)})()
    lines = table_of(results).set_index("events of")["3 GeV"]
    assert lines.to_dict() == {"pythia, next() alone": "300", "pythia, read out by Python": "100"}
