"""Replayed events: at the new energy, and otherwise as they were."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.hadron.replay import nearest, rescaled

MASS = np.array([[0.938, 0.140, 0.135], [0.938, 0.140, 0.0]])


@pytest.fixture
def momenta() -> np.ndarray:
    """An event of three particles and one of two, at rest."""
    p = np.array(
        [[[0.1, 0.2, 0.7], [0.0, -0.3, -0.5], [-0.1, 0.1, -0.2]], [[0, 0.3, 0.4], [0, -0.3, -0.4], [0, 0, 0]]]
    )
    return np.concatenate([p, np.sqrt((p**2).sum(-1) + MASS**2)[..., None]], axis=-1)


@pytest.mark.parametrize("factor", [0.9, 1.0, 3.0])
def test_energy_is_the_new_one_and_mass_shells_and_directions_stay(momenta, factor):
    energy = momenta[..., 3].sum(axis=1) * factor
    new = rescaled(momenta, MASS, energy)
    np.testing.assert_allclose(new[..., 3].sum(axis=1), energy, rtol=1e-12)
    np.testing.assert_allclose(new[..., :3].sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(new[..., 3] ** 2 - (new[..., :3] ** 2).sum(-1), MASS**2, atol=1e-12)
    ratio = np.linalg.norm(new[..., :3], axis=-1) / np.maximum(
        np.linalg.norm(momenta[..., :3], axis=-1), 1e-9
    )
    np.testing.assert_allclose(ratio[0], ratio[0, 0], rtol=1e-9)


def test_at_threshold_everything_comes_to_rest(momenta):
    new = rescaled(momenta, MASS, MASS.sum(axis=1) * (1 + 1e-9))
    assert abs(new[..., :3]).max() < 1e-4


def test_too_little_energy_is_refused(momenta):
    with pytest.raises(ValueError, match="masses exceed"):
        rescaled(momenta, MASS, np.array([1.0, 5.0]))


def test_the_nearest_in_ln_t_are_those_of_the_same_pion():
    energy, beam = np.array([1.0, 1.1, 2.0, 4.0, 1.9]), np.array([211, -211, 211, 211, 211])
    np.testing.assert_array_equal(nearest(energy, beam, 2.0, 2, 211), [2, 4])
    with pytest.raises(ValueError, match="there are 1"):
        nearest(energy, beam, 2.0, 2, -211)
