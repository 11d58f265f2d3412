"""A toy sample with the columns of the shipped one: smooth masses, features that do not follow them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

Columns = Mapping[str, NDArray]


class ToySample:
    """Quacks like ``lblhep.cards.Sample`` as far as the study asks it to."""

    def __init__(self, columns: Columns) -> None:
        self._columns = dict(columns)

    def columns(self, names: list[str]) -> dict[str, NDArray]:
        return {name: self._columns[name] for name in names}


def toy_events(process: int, n: int, first: int, rng: np.random.Generator) -> dict[str, NDArray]:
    """Background: an exponential in ln(m); signal (process 1): 3500 +- 100 GeV and low tau21."""
    if process == 0:
        mjj = 2500 * np.exp(rng.exponential(0.18, n))
        tau = rng.beta(4, 3, (2, n))
    else:
        mjj = rng.normal(3500, 100, n)
        tau = rng.beta(2, 6, (2, n))
    m = np.sort(rng.gamma(4, 0.02, (2, n)), axis=0)[::-1] * mjj
    return {
        "event": np.arange(first, first + n, dtype=np.int32),
        "process": np.full(n, process, dtype=np.int8),
        "mjj": mjj.astype(np.float32),
        "m_j1": m[0].astype(np.float32),
        "m_j2": m[1].astype(np.float32),
        "tau21_j1": tau[0].astype(np.float32),
        "tau21_j2": tau[1].astype(np.float32),
    }


@pytest.fixture(scope="session")
def make_sample() -> Callable[..., ToySample]:
    """``make_sample(n_background, n_signal, copies=1, seed=1)``: each background row ``copies`` times."""

    def make(n_background: int = 20_000, n_signal: int = 2_000, copies: int = 1, seed: int = 1) -> ToySample:
        rng = np.random.default_rng(seed)
        parts = [toy_events(0, n_background, 0, rng)] * copies + [toy_events(1, n_signal, 1_000_000, rng)]
        return ToySample({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    return make
