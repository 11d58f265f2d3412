"""Events that every test of the tuning study looks at: a few hundred of Pythia's, and some drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.tuning.events.histograms import read_histograms
from experiments.tuning.events.moments import equal_multiplicity
from experiments.tuning.events.pythia import charged_particles
from lblhep.cards import read_card

REPOSITORY = Path(__file__).parents[3]


def massless(momenta) -> np.ndarray:
    """One event (1, particles, 4) of massless particles with these momenta, GeV."""
    p = np.asarray(momenta, dtype=float)
    return np.concatenate([p, np.linalg.norm(p, axis=1)[:, None]], axis=1)[None]


def bins_of_tables(values: np.ndarray, sizes: Sequence[int], experiment: str = "E") -> pd.DataFrame:
    """Return neighbouring bins of tables with so many bins each, whose errors are 0.1."""
    x = np.concatenate([np.arange(n, dtype=float) for n in sizes])
    return pd.DataFrame(
        {
            "experiment": experiment,
            "table": np.repeat([f"d{i:02}" for i in range(len(sizes))], sizes),
            "observable": "o",
            "x_low": x,
            "x_high": x + 1,
            "value": values,
            "error": 0.1,
        }
    )


@pytest.fixture(scope="session")
def back_to_back() -> np.ndarray:
    return massless([[0, 0, 40.0], [0, 0, -40.0]])


@pytest.fixture(scope="session")
def mercedes() -> np.ndarray:
    """Three equal momenta in a plane, 120 degrees apart; the plane is tilted."""
    angles = np.radians([90, 210, 330])
    tilt = np.array([[1, 0, 0], [0, 0.6, 0.8]])
    return massless(30 * np.stack([np.cos(angles), np.sin(angles)], axis=1) @ tilt)


@pytest.fixture(scope="session")
def sphere() -> np.ndarray:
    """150 equal momenta spread evenly over the sphere (a Fibonacci lattice)."""
    i = np.arange(150) + 0.5
    cosine, azimuth = 1 - 2 * i / 150, np.pi * (1 + 5**0.5) * i
    sine = np.sqrt(1 - cosine**2)
    return massless(np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=1))


@pytest.fixture(scope="session")
def groups() -> list[np.ndarray]:
    """300 events at the Monash tune, in groups of equal multiplicity."""
    return list(equal_multiplicity(*next(charged_particles((), 300, seed=5))))


@pytest.fixture(scope="session")
def arguments() -> dict[str, Any]:
    """The producer's arguments in the card of the grid."""
    return read_card(REPOSITORY, "z-hadrons-pythia8").sources.produce[0].arguments


@pytest.fixture(scope="session")
def histograms(arguments):
    return read_histograms(arguments["histograms"])
