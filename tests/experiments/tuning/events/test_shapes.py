"""Every family of observables in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.tuning.events.pythia import ENERGY
from experiments.tuning.events.shapes import measure


def shapes_of(event) -> dict[str, float]:
    return {name: values[0] for name, values in measure(event).per_event.items()}


def test_back_to_back(back_to_back):
    shapes = shapes_of(back_to_back)
    assert shapes.pop("n_charged") == 2
    assert shapes.pop("y3_durham") > 11  # beyond the last bin
    assert shapes == pytest.approx(dict.fromkeys(shapes, 0), abs=1e-12)


def test_mercedes(mercedes):
    shapes = shapes_of(mercedes)
    expected = {
        "one_minus_thrust": 1 / 3,
        "thrust_major": 3**-0.5,
        "thrust_minor": 0,
        "oblateness": 3**-0.5,
        "sphericity": 3 / 4,
        "aplanarity": 0,
        "planarity": 1 / 2,
        "c_parameter": 3 / 4,
        "d_parameter": 0,
        # One side holds one particle, the other two of mass squared (2 E)^2 - E^2.
        "heavy_hemisphere_mass2": 1 / 3,
        "heavy_jet_mass2_over_s": 1 / 3,
        "light_hemisphere_mass2": 0,
        "diff_hemisphere_mass2": 1 / 3,
        "b_max": 3**0.5 / 6,
        "b_min": 0,
        "b_sum": 3**0.5 / 6,
        "b_diff": 3**0.5 / 6,
        "y3_durham": np.log(3),
        "d2_durham": 1 / 3,
        "d2_jade": 1 / 3,
    }
    assert {name: shapes[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_sphere(sphere):
    """S = C = D = 1 and A = 1/2; the mean of sin over a hemisphere is pi/4, half of it on either side.

    A side of the sphere has half the energy E and, with the mean of cos, half of that as momentum: its mass
    squared is (1/4 - 1/16) E^2.  The lattice of 150 points knows these to about 1 %.
    """
    shapes = shapes_of(sphere)
    assert shapes["sphericity"] == pytest.approx(1, abs=0.02)
    assert shapes["aplanarity"] == pytest.approx(0.5, abs=0.01)
    assert shapes["c_parameter"] == pytest.approx(1, abs=0.01)
    assert shapes["d_parameter"] == pytest.approx(1, abs=0.01)
    assert shapes["b_sum"] == pytest.approx(np.pi / 8, rel=0.02)
    assert shapes["heavy_hemisphere_mass2"] == pytest.approx(3 / 16, rel=0.03)
    assert shapes["light_hemisphere_mass2"] == pytest.approx(3 / 16, rel=0.03)


def test_energy_correlation_is_complete(groups):
    """Each pair twice and each particle with itself: the square of the sum of all shares, 1."""
    for group in groups:
        share = group[..., 3] / group[..., 3].sum(axis=1)[:, None]
        _, weight = measure(group).per_pair["eec"]
        np.testing.assert_allclose(2 * weight.sum(axis=1) + (share**2).sum(axis=1), 1, rtol=1e-12)


def test_energy_correlation_of_mercedes(mercedes):
    cosine, weight = measure(mercedes).per_pair["eec"]
    assert cosine[0] == pytest.approx([-0.5] * 3)
    assert weight[0] == pytest.approx([1 / 9] * 3)


def test_spectra_of_one_particle():
    """A pion of 7 GeV in an event whose thrust axis is a third particle's, by symmetry: z."""
    mass, p = 0.13957, np.array([[3, 2, 6], [-3, -2, 6], [0, 0, -40]], dtype=float)
    event = np.concatenate([p, np.sqrt((p**2).sum(axis=1) + mass**2)[:, None]], axis=1)[None]
    values = {name: values[0] for name, values in measure(event).per_particle.items()}
    assert values["x_p"][0] == pytest.approx(7 / (ENERGY / 2))
    assert values["xi_p"][0] == pytest.approx(np.log(ENERGY / 14))
    energy = np.sqrt(49 + mass**2)
    assert values["rapidity_thrust_axis"][0] == pytest.approx(0.5 * np.log((energy + 6) / (energy - 6)))
    # Momentum balances across the axis and lies in one plane with it.
    assert values["pt_in_thrust_gev"][:2] == pytest.approx([13**0.5] * 2)
    assert values["pt_out_thrust_gev"] == pytest.approx([0] * 3, abs=1e-9)


def test_momentum_has_three_components(groups):
    """Along, in and out of the plane make up the momentum, whichever the axes."""
    for group in groups:
        values = measure(group).per_particle
        momentum2, energy = (group[..., :3] ** 2).sum(axis=2), group[..., 3]
        for axis in ("thrust", "sphericity"):
            along = energy * np.tanh(values[f"rapidity_{axis}_axis"])
            across2 = values[f"pt_in_{axis}_gev"] ** 2 + values[f"pt_out_{axis}_gev"] ** 2
            np.testing.assert_allclose(along**2 + across2, momentum2, rtol=1e-6)
