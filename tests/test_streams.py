"""Random streams depend on seed, address and declared arguments, and on nothing else."""

from __future__ import annotations

import numpy as np

from lblhep.streams import generator

FIRST = 4360536444934469781


def draws(*arguments: object) -> list[float]:
    return list(generator(*arguments).random(4))  # type: ignore[arg-type]


def test_the_same_arguments_give_the_same_stream() -> None:
    first = draws(1, "datasets.dijets", {"pseudo_experiment": 3, "init": 0})
    assert first == draws(1, "datasets.dijets", {"init": 0, "pseudo_experiment": 3})


def test_each_argument_counts() -> None:
    streams = [
        draws(1, "datasets.dijets", {"pseudo_experiment": 3}),
        draws(2, "datasets.dijets", {"pseudo_experiment": 3}),
        draws(1, "datasets.other", {"pseudo_experiment": 3}),
        draws(1, "datasets.dijets", {"pseudo_experiment": 4}),
        draws(1, "datasets.dijets", {}),
    ]
    assert len({tuple(stream) for stream in streams}) == len(streams)


def test_the_stream_is_the_same_on_every_machine() -> None:
    # A change of this number changes the events of every study that was ever run.
    assert generator(2018, "datasets.dijets", {"pseudo_experiment": 0}).integers(2**63) == FIRST


def test_streams_are_independent() -> None:
    # 1000 first draws of neighbouring streams: mean 1/2 +- 0.0091, so 5 sigma is 0.046.
    means = np.mean([generator(0, "models.m", {"init": init}).random() for init in range(1000)])
    assert abs(means - 0.5) < 0.046
