"""The boost along z, and the pion and the proton themselves."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.hadron.events import kinematics as k
from tests.experiments.hadron.conftest import total_momentum

ENERGIES = np.array([0.35, 0.7, 3.0, 12.0, 26.0])


def test_total_momentum_is_that_of_beam_and_target():
    total = total_momentum(ENERGIES)
    pion = np.sqrt(k.PION_MASS**2 + k.beam_momentum(ENERGIES) ** 2)
    np.testing.assert_allclose(pion - k.PION_MASS, ENERGIES, rtol=1e-14)
    np.testing.assert_allclose(total[:, 3], pion + k.PROTON_MASS, rtol=1e-14)
    np.testing.assert_allclose(total[:, 2], k.beam_momentum(ENERGIES))
    assert not total[:, :2].any()
    mass = np.sqrt(total[:, 3] ** 2 - total[:, 2] ** 2)
    np.testing.assert_allclose(k.centre_of_mass_energy(ENERGIES), mass, rtol=1e-13)
    np.testing.assert_allclose(k.kinetic_energy_of(mass), ENERGIES, rtol=1e-13)


def test_at_rest_becomes_the_total():
    at_rest = np.zeros((len(ENERGIES), 4))
    at_rest[:, 3] = k.centre_of_mass_energy(ENERGIES)
    np.testing.assert_allclose(k.to_laboratory(at_rest, ENERGIES), total_momentum(ENERGIES), rtol=1e-14)


def test_a_proton_against_the_pion_is_at_rest_in_the_laboratory():
    s = k.centre_of_mass_energy(ENERGIES) ** 2
    momentum = k.beam_momentum(ENERGIES) * k.PROTON_MASS / np.sqrt(s)
    proton = np.zeros((len(ENERGIES), 4))
    proton[:, 2], proton[:, 3] = -momentum, np.hypot(momentum, k.PROTON_MASS)
    boosted = k.to_laboratory(proton, ENERGIES)
    np.testing.assert_allclose(boosted, [[0, 0, 0, k.PROTON_MASS]] * len(ENERGIES), atol=1e-14)


@pytest.mark.parametrize("first", [k.to_laboratory, k.to_centre_of_mass])
def test_there_and_back(first):
    second = k.to_centre_of_mass if first is k.to_laboratory else k.to_laboratory
    momenta = np.random.default_rng(3).normal(size=(len(ENERGIES), 4))
    there = first(momenta, ENERGIES)
    assert abs(there - momenta)[:, 2:].min() > 0.01
    np.testing.assert_array_equal(there[:, :2], momenta[:, :2])
    np.testing.assert_allclose(second(there, ENERGIES), momenta, atol=1e-14)
