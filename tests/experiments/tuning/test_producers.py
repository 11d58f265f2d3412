"""The grid: ranges go round the points, and merge into one table."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from experiments.tuning.events.histograms import read_histograms
from experiments.tuning.events.moments import Moments, generate
from experiments.tuning.producers import PooledCorrelation, merged_grid, sobol_design, z_hadrons
from lblhep.cards.ranges import EventRange, cut

BOX = {"alphaS": [0.12, 0.15], "aLund": [0.2, 1.5], "avgZ": [0.5, 0.6], "sigma": [0.25, 0.4]}
HISTOGRAMS = {
    "TEST/d01": {"observable": "one_minus_thrust", "edges": [0, 0.05, 0.1, 0.5]},
    "TEST/d02": {"observable": "mean_n_charged", "edges": [90.7, 91.7]},
}
GRID = {"box": BOX, "points": 2, "design_seed": 1, "events_per_range": 50, "histograms": HISTOGRAMS}


@pytest.fixture(scope="module")
def parts():
    return [z_hadrons(events, **GRID) for events in cut(first=0, events=200, size=50, seed=7)]


def test_ranges_go_round_the_points(parts):
    assert [part["point"][0].as_py() for part in parts] == [0, 1, 0, 1]
    assert all(part["events"].to_pylist() == [50] * 4 for part in parts)


def test_the_grid_is_the_sum_of_its_ranges(parts):
    grid = merged_grid(iter(parts), **GRID)
    assert grid["observable"].to_pylist() == ["one_minus_thrust"] * 3 + ["mean_n_charged"]
    assert grid["scale"].to_pylist() == pytest.approx([20, 20, 2.5, 1])
    assert grid["events"].to_pylist() == [[100, 100]] * 4
    sums = np.array(grid["sum"].to_pylist())
    for point in (0, 1):
        expected = sum(part["sum"].to_numpy() for part in parts[point::2])
        np.testing.assert_array_equal(sums[:, point], expected)
    design = sobol_design(BOX, 2, 1)
    for name in BOX:
        assert grid[name].to_pylist() == [[point[name] for point in design]] * 4


def test_a_range_is_generated_at_its_point(parts):
    moments = generate(
        sobol_design(BOX, 2, 1)[1],
        read_histograms(HISTOGRAMS),
        50,
        list(cut(first=0, events=200, size=50, seed=7))[1].seed,
    )
    np.testing.assert_array_equal(parts[1]["sum"].to_numpy(), moments.sum)


def test_the_merge_does_not_depend_on_batches(parts):
    assert merged_grid(parts, **GRID).equals(merged_grid(iter(list(parts)), **GRID))


def test_a_point_without_events(parts):
    with pytest.raises(ValueError, match="1 of 2 points have no events"):
        merged_grid(parts[::2], **GRID)


@pytest.mark.parametrize("events", [EventRange(25, 75, 1), EventRange(0, 40, 1)])
def test_a_range_of_another_size(events):
    with pytest.raises(ValueError, match="must be the card's `range`"):
        z_hadrons(events, **GRID)


def test_pooled_correlation():
    """The mean over ranges of any scale; a bin that some ranges leave empty keeps the others' correlation."""
    rng = np.random.default_rng(1)
    root = rng.standard_normal((4, 4))
    products = root @ root.T
    deviation = np.sqrt(np.diag(products))
    expected = products / np.outer(deviation, deviation)
    pooled = PooledCorrelation()
    for size in ([1, 2, 3, 4], [5, 1, 1, 0], [9, 9, 9, 9]):
        pooled.add(Moments(10, np.zeros(4), np.zeros(4), products * np.outer(size, size)))
    matrix = pooled.matrix()
    np.testing.assert_allclose(matrix[:3, :3], expected[:3, :3])
    # Two ranges of three know the last bin: sqrt(2/3) of its correlation is the least that stays.
    np.testing.assert_allclose(matrix[3, :3], expected[3, :3] * np.sqrt(2 / 3))
    assert np.diag(matrix).tolist() == pytest.approx([1] * 4)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


def test_a_bin_that_is_never_filled_is_correlated_with_itself():
    pooled = PooledCorrelation()
    pooled.add(Moments(10, np.zeros(2), np.zeros(2), np.diag([3.0, 0.0])))
    assert pooled.matrix().tolist() == [[1, 0], [0, 1]]


def test_sobol_design_is_balanced():
    """2^k points of a Sobol sequence: one in each of 2^k slices of every axis, and all inside the box."""
    design = sobol_design(BOX, 16, seed=3)
    assert len(design) == 16
    for name, (low, high) in BOX.items():
        slices = Counter(int(16 * (point[name] - low) / (high - low)) for point in design)
        assert slices == Counter(range(16))
    assert sobol_design(BOX, 16, seed=4) != design == sobol_design(BOX, 16, seed=3)
    with pytest.raises(ValueError, match=r"with 2\^k points: 8 or 16, not 12"):
        sobol_design(BOX, 12, seed=3)
