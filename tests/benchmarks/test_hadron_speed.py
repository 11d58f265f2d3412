"""Channels for a CPU second: what ``draw_in_blocks`` saves against the probabilities of every collision.

``pytest tests/benchmarks/test_hadron_speed.py -s`` prints the numbers. One thread, warmed up, in turn, the
median of the ratios. 5,000 channels, as many as a sample of a million collisions has. The obvious way finds
the probabilities of all channels for each collision and searches each row. Collisions of one energy share
them; those of an energy each are drawn in blocks whose probabilities stay in the cache, which is what is left
to gain there: exponentials of all channels of either pion are the limit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.hadron.branching import ChannelModel
from experiments.hadron.channels import Channels

pytestmark = [pytest.mark.benchmark, pytest.mark.usefixtures("one_thread")]

CHANNELS, COLLISIONS = 5_000, 4_096


@pytest.fixture(scope="module")
def model() -> ChannelModel:
    random = np.random.default_rng(1)
    species = random.integers(0, 20, (CHANNELS, 9))
    process, mass = random.integers(0, 20, CHANNELS), random.uniform(1.1, 4.0, CHANNELS)
    return ChannelModel(Channels(process, species, mass, np.resize([211, -211], CHANNELS)), (64,), None)


def obvious(model: ChannelModel, energy: Tensor, beam: Tensor, even: Tensor) -> Tensor:
    return torch.searchsorted(model.cumulative(energy, beam), 1 - even[:, None])[:, 0]


def ratio(one: Callable[[], Tensor], other: Callable[[], Tensor]) -> float:
    """How many times as long the one takes as the other."""

    def seconds(run: Callable[[], Tensor]) -> float:
        begin = time.thread_time()
        run()
        return time.thread_time() - begin

    with torch.no_grad():
        found = [seconds(one) / seconds(other) for _ in range(6)]
    return statistics.median(found[1:])


@pytest.mark.parametrize(("spread", "bar"), [(0.0, 10.0), (0.3, 1.3)])
def test_channels_are_drawn_faster_than_row_by_row(model, spread, bar):
    random = torch.Generator().manual_seed(3)
    energy = 3 * torch.exp(spread * torch.randn(COLLISIONS, generator=random, dtype=torch.float64))
    given = (
        energy,
        torch.tensor([211, -211]).repeat(COLLISIONS // 2),
        torch.rand(COLLISIONS, generator=random).double(),
    )
    with torch.no_grad():
        assert (obvious(model, *given) == model.draw_in_blocks(*given)).float().mean() > 0.999
    gain = ratio(lambda: obvious(model, *given), lambda: model.draw_in_blocks(*given))
    print(f"energies within {spread}: {gain:.1f} times as fast as row by row")
    assert gain > bar
