"""Flat arrays to lists and back, sums over events."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from experiments.hadron.events.arrays import COLUMNS, Events, Resonances, read_events

COUNTS = [2, 0, 3, 1, 0]


@pytest.fixture
def events() -> Events:
    """Five events, two of them empty."""
    particles = sum(COUNTS)
    return Events(
        number=np.arange(10, 15),
        beam=np.array([211, -211, 211, 211, -211]),
        kinetic_energy=np.linspace(0.5, 2.5, 5),
        process=np.array([151, 2224, 0, 153, 151]),
        offsets=np.concatenate([[0], np.cumsum(COUNTS)]),
        pdg=np.arange(particles) + 100,
        momenta=np.random.default_rng(1).normal(size=(particles, 4)),
        parent=np.array([-1, 0, 1, -1, 1, -1]),
        resonances=Resonances(np.array([0, 1, 1, 3, 3, 3]), np.array([213, 333, 113]), np.array([-1, -1, 0])),
    )


def assert_same(one: Events, other: Events) -> None:
    for ours, theirs in ((one, other), (one.resonances, other.resonances)):
        for name, value in vars(ours).items():
            if not isinstance(value, Resonances):
                np.testing.assert_array_equal(value, getattr(theirs, name), err_msg=name)


def test_round_trip(events):
    table = events.table()
    assert tuple(table.column_names) == COLUMNS
    assert [len(row) for row in table["px"].to_pylist()] == COUNTS
    assert_same(read_events(table), events)


def test_parts_of_tables(events):
    table = events.table()
    assert_same(read_events(pa.concat_tables([table.slice(0, 2), table.slice(2)])), events)
    part = read_events(table.slice(2, 2))
    assert part.offsets.tolist() == [0, 3, 4]
    assert part.pdg.tolist() == [102, 103, 104, 105]
    np.testing.assert_array_equal(part.momenta, events.momenta[2:])
    assert part.parent.tolist() == [1, -1, 1, -1]
    assert (part.resonances.offsets.tolist(), part.resonances.pdg.tolist()) == ([0, 2, 2], [333, 113])


def test_sums(events):
    expected = [
        events.momenta[a:b].sum(axis=0) for a, b in zip([0, 2, 2, 5, 6], [2, 2, 5, 6, 6], strict=True)
    ]
    np.testing.assert_allclose(events.sums(events.momenta), expected, rtol=1e-14)
    assert events.sums(np.ones(6, dtype=np.int64)).tolist() == COUNTS
    assert events.of_particles(events.number).tolist() == [10, 10, 12, 12, 12, 13]


def test_lists_of_unequal_length(events):
    table = events.table()
    shifted = pa.ListArray.from_arrays(pa.array([0, 1, 2, 5, 6, 6], pa.int32()), pa.array(np.zeros(6)))
    wrong = table.set_column(table.column_names.index("py"), "py", shifted)
    with pytest.raises(ValueError, match="the lists of py and pdg differ in length"):
        read_events(wrong)
