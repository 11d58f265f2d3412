"""Networks per second: a pack in ``train_ensemble`` against the same networks one by one in a bare loop.

``pytest -m benchmark tests/benchmarks/test_ensemble_speed.py -s`` prints the numbers. One thread, warmed up,
no validation. The loop is the fastest obvious one: ``nn.Sequential``, ``torch.optim.Adam``, minibatches cut
and scaled beforehand. The pack does more in its time: it shuffles, gathers, scales and keeps best weights.
The time is the thread's own, both are timed in turn, and the median of the ratios is taken, so that other
programs on the machine disturb little.

The limit is the matrix products; the last number is the time of these alone as a share of the pack's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import nn

from lblhep.nn import MLPEnsemble, TrainingSet, train_ensemble

EPOCHS = 2  # of the pack; the loop does one at a time

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Case:
    """A shape of training, and the ratio to be reached: where products dominate, only not to be slower."""

    sizes: tuple[int, ...]
    batch: int
    rows: int
    networks: int
    bar: float


CASES = [
    Case((2, 32, 32, 1), batch=128, rows=6_400, networks=40, bar=8.0),
    Case((5, 64, 64, 64, 1), batch=128, rows=3_200, networks=24, bar=3.0),
    Case((5, 64, 64, 64, 1), batch=2000, rows=10_000, networks=12, bar=0.9),
    Case((4, 64, 32, 16, 1), batch=2000, rows=10_000, networks=25, bar=0.9),
]


def training_sets(case: Case, validation: int = 0) -> list[TrainingSet]:
    """Each network has its own half of a common table, and ``validation`` rows of it."""
    stream = torch.Generator().manual_seed(0)
    count = 2 * case.rows
    label = (torch.rand(count, generator=stream) < 0.5).float()
    features = torch.randn(count, case.sizes[0], generator=stream) + 0.5 * label[:, None]
    scale = (features.mean(0), features.std(0))
    weight = torch.ones(count)
    chosen = [torch.randperm(count, generator=stream)[: case.rows] for _ in range(case.networks)]
    held = torch.arange(validation)
    validated = (held, label[held], weight[held])
    return [TrainingSet(features, rows, label[rows], weight[rows], *validated, scale) for rows in chosen]


def bare_loop(case: Case, data: TrainingSet, seed: int) -> Callable[[], None]:
    """One epoch of one network; everything but the steps themselves is done here, before the clock starts."""
    network = MLPEnsemble.initialised(case.sizes, [seed]).network(0)[1:]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    columns = (data.features[data.train], data.train_label, data.train_weight)
    batches = list(zip(*(column.split(case.batch) for column in columns), strict=True))

    def epoch() -> None:
        for x, label, weight in batches:
            optimizer.zero_grad()
            logits = network(x).squeeze(1)
            nn.functional.binary_cross_entropy_with_logits(logits, label, weight).backward()
            optimizer.step()

    return epoch


def bare_products(case: Case, networks: int) -> Callable[[], None]:
    """The matrix products of one step of ``networks`` networks, and nothing else."""
    rows = [torch.randn(networks, case.batch, width) for width in case.sizes]
    weights = [torch.randn(networks, a, b) for a, b in pairwise(case.sizes)]
    gradients = [torch.empty_like(weight) for weight in weights]
    outputs = [torch.empty_like(row) for row in rows]

    def step() -> None:
        for layer in range(len(weights) - 1):
            below, above, weight = rows[layer], rows[layer + 1], weights[layer]
            torch.bmm(below, weight, out=outputs[layer + 1])
            torch.bmm(below.mT, above, out=gradients[layer])
            if layer:
                torch.bmm(above, weight.mT, out=outputs[layer])
        torch.bmm(weights[-1].mT, rows[-2].mT, out=outputs[-1].mT)
        torch.bmm(rows[-1].mT, rows[-2], out=gradients[-1].mT)

    return step


def seconds(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


@pytest.mark.parametrize(
    "case",
    [
        Case((2, 32, 32, 1), batch=128, rows=640, networks=10, bar=1.5),  # in every run of the tests
        *(pytest.param(case, marks=pytest.mark.benchmark) for case in CASES),
    ],
    ids=lambda case: f"{'-'.join(map(str, case.sizes))} at {case.batch}, {case.networks} networks",
)
def test_a_pack_trains_faster_than_a_bare_loop(case: Case) -> None:
    data, seeds = training_sets(case), range(case.networks)
    ensemble = MLPEnsemble.initialised(case.sizes, seeds)

    def pack() -> None:
        train_ensemble(
            ensemble, data, seeds=seeds, learning_rate=1e-3, max_epochs=EPOCHS, batch_size=case.batch
        )

    loop = bare_loop(case, data[0], seed=0)
    products = bare_products(case, networks=10)
    steps = EPOCHS * -(-case.rows // case.batch)
    for call in (pack, loop, products):
        call()
    rounds = [(seconds(loop), seconds(pack) / case.networks, seconds(loop)) for _ in range(5)]
    ratio = statistics.median(EPOCHS * (before + after) / 2 / packed for before, packed, after in rounds)
    step = statistics.median(packed for _, packed, _ in rounds) / steps
    limit = statistics.median(seconds(products) / 10 for _ in range(50))
    name = f"{'-'.join(map(str, case.sizes))}, batch {case.batch}, pack of {case.networks}"
    print(
        f"\n{name}: {ratio:.1f} times the networks per second; {1e6 * step:.0f} us a network and step,"
        f" products alone {limit / step:.0%}"
    )
    assert ratio >= case.bar


@pytest.mark.benchmark
@pytest.mark.parametrize("batch", [128, 512])
@pytest.mark.parametrize("networks", [20, 40])
def test_sustained_throughput(networks: int, batch: int) -> None:
    """A scan's network: 10,000 training and 2,500 validation events, 20 epochs."""
    case = Case((2, 32, 32, 1), batch=batch, rows=10_000, networks=networks, bar=3.3)
    data, seeds = training_sets(case, validation=2_500), range(networks)
    ensemble = MLPEnsemble.initialised(case.sizes, seeds)

    def pack() -> None:
        train_ensemble(ensemble, data, seeds=seeds, learning_rate=1e-3, max_epochs=20, batch_size=batch)

    rate = networks / seconds(pack)
    print(f"\n2-32-32-1, batch {batch}, pack of {networks}: {rate:.1f} networks per CPU second")
    assert rate >= case.bar  # 20,000 networks in 50 minutes on two cores
