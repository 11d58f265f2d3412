"""Channels for a CPU second: what ``draw_in_blocks`` saves against the probabilities of every collision.
And Pythia's events for a CPU second, of which reading them out through Python takes the most.

``pytest -m benchmark tests/benchmarks/test_hadron_speed.py -s`` prints the numbers. One thread, warmed up, in
turn, the median of the ratios. 20,000 channels, as many as a sample of a million collisions has. The obvious
way finds the probabilities of the pion's channels for each collision and searches each row. Collisions of one
energy share them; those of an energy each are drawn in blocks of neighbours, whose probabilities stay in the
cache, without the channels that are closed to all of them. Exponentials of the open ones are the limit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.hadron import producers
from experiments.hadron.flow.branching import ChannelModel
from experiments.hadron.flow.channels import Channels
from experiments.hadron.generators import speed

pytestmark = pytest.mark.usefixtures("one_thread")


def channel_model(channels: int) -> ChannelModel:
    random = np.random.default_rng(1)
    species = random.integers(0, 20, (channels, 9))
    process, mass = random.integers(0, 20, channels), random.uniform(1.1, 4.0, channels)
    beam, times = np.resize([211, -211], channels), np.ones(channels, dtype=np.int64)
    return ChannelModel(Channels(process, species, beam, mass, mass, times), (64,), None)


def obvious(model: ChannelModel, energy: Tensor, beam: Tensor, uniform: Tensor) -> Tensor:
    drawn = torch.empty_like(beam)
    for pion in (211, -211):
        rows = beam == pion
        own, log_prob = model(energy[rows], pion)
        reached = log_prob.exp().cumsum(dim=1, dtype=torch.float64)
        drawn[rows] = own[torch.searchsorted(reached, 1 - uniform[rows, None])[:, 0]]
    return drawn


def ratio(one: Callable[[], Tensor], other: Callable[[], Tensor]) -> float:
    """How many times as long the one takes as the other."""

    def seconds(run: Callable[[], Tensor]) -> float:
        begin = time.thread_time()
        run()
        return time.thread_time() - begin

    with torch.no_grad():
        found = [seconds(one) / seconds(other) for _ in range(6)]
    return statistics.median(found[1:])


@pytest.mark.parametrize(
    ("channels", "collisions", "spread", "bar"),
    [
        pytest.param(20_000, 4_096, 0.0, 4.0, marks=pytest.mark.benchmark),
        pytest.param(20_000, 4_096, 0.3, 1.3, marks=pytest.mark.benchmark),
        (4_000, 1_024, 0.0, 2.0),  # in every run of the tests
        (10_000, 1_024, 0.3, 1.0),
    ],
)
def test_channels_are_drawn_faster_than_row_by_row(
    channels: int, collisions: int, spread: float, bar: float
) -> None:
    model, random = channel_model(channels), torch.Generator().manual_seed(3)
    energy = 3 * torch.exp(spread * torch.randn(collisions, generator=random, dtype=torch.float64))
    given = (
        energy,
        torch.tensor([211, -211]).repeat(collisions // 2),
        torch.rand(collisions, generator=random).double(),
    )
    with torch.no_grad():
        assert (obvious(model, *given) == model.draw_in_blocks(*given)).float().mean() > 0.999
    gain = ratio(lambda: obvious(model, *given), lambda: model.draw_in_blocks(*given))
    print(f"{channels} channels, energies within {spread}: {gain:.1f} times as fast as row by row")
    assert gain > bar


@pytest.mark.parametrize(
    ("n", "energy", "bar"),
    [
        *(pytest.param(20_000, energy, 1.3, marks=pytest.mark.benchmark) for energy in (0.7, 3.0, 12.0)),
        (16_000, 12.0, 1.0),  # in every run of the tests
    ],
)
def test_pythia_alone_is_faster_than_read_out(n: int, energy: float, bar: float) -> None:
    alone = speed.bare_rate(n, energy)
    read_out = speed.read_out_rate(producers.pion_proton, n, energy)
    print(f"{energy} GeV: {alone:,.0f} inelastic events by next() alone, {read_out:,.0f} read out")
    assert alone > bar * read_out
