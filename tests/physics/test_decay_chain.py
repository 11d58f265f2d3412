"""Events from the unit cube and back, with nothing lost on the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from lblhep.physics.decay_chain import (
    Step,
    axes,
    coordinates,
    invariant_mass,
    split,
    to_rest_frame,
    two_body_momentum,
)

MASSES = torch.tensor([0.93827, 0.13957, 0.49368, 0.13498, 0.0], dtype=torch.float64)
EVENTS = 500


def chain(energy: torch.Tensor, cube: torch.Tensor) -> tuple[torch.Tensor, list[Step]]:
    """Particles (N, n, 4) of systems at rest with this energy, and the steps that led to them."""
    n = len(MASSES)
    system = torch.zeros(len(energy), 4, dtype=torch.float64)
    system[:, 3] = energy
    particles, steps = [], []
    for k in range(n - 1):
        one = torch.ones(len(energy), dtype=torch.float64)
        beam = torch.zeros(len(energy), 3, dtype=torch.float64)
        beam[:, 2] = 1
        polar, plane = (to_rest_frame(particles[0], system)[:, :3], beam) if k else (beam, system[:, :3])
        left = MASSES[k + 1 :].sum() * one
        steps.append(Step(system, axes(polar, plane), MASSES[k] * one, left, one == (k == n - 2)))
        particle, system = split(steps[-1], cube[:, k])
        particles.append(particle)
    return torch.stack([*particles, system], dim=1), steps


@pytest.fixture
def cube() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).uniform(size=(EVENTS, len(MASSES) - 1, 3)))


@pytest.fixture
def energy() -> torch.Tensor:
    """The energies go from just above threshold to the highest of the study."""
    return MASSES.sum() + torch.logspace(-6, 1, EVENTS, dtype=torch.float64)


def test_four_momentum_is_conserved_and_every_particle_on_its_mass_shell(cube, energy):
    particles, _ = chain(energy, cube)
    total = particles.sum(dim=1)
    torch.testing.assert_close(total[:, 3], energy, rtol=0, atol=1e-12)
    assert total[:, :3].abs().max() < 1e-12
    assert (particles[..., 3] > 0).all()
    # m^2 of the last particle is what all subtractions leave.
    m2 = particles[..., 3] ** 2 - (particles[..., :3] ** 2).sum(-1)
    torch.testing.assert_close(m2, (MASSES**2).expand_as(m2), rtol=0, atol=1e-12)


def test_the_coordinates_of_an_event_give_it_back(cube, energy):
    particles, steps = chain(energy, cube)
    for k, step in enumerate(steps):
        found = coordinates(step, particles[:, k])
        well_above = energy > MASSES.sum() + 0.1  # at threshold the momenta, hence the angles, are round-off
        kept = [1, 2] if k == len(steps) - 1 else [0, 1, 2]
        torch.testing.assert_close(
            found[well_above][:, kept], cube[well_above][:, k, kept], rtol=0, atol=1e-7
        )


def test_axes_are_orthonormal_and_the_first_points_to_the_plane():
    rng = np.random.default_rng(2)
    polar, plane = (torch.from_numpy(rng.normal(size=(103, 3))) for _ in range(2))
    plane[100], plane[101], polar[102] = 0, -2 * polar[101], 0  # where there is no plane, or no axis
    found = axes(polar, plane)
    torch.testing.assert_close(found @ found.mT, torch.eye(3, dtype=torch.float64).expand(103, 3, 3))
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(103, dtype=torch.float64))
    torch.testing.assert_close(found[:102, 2] * polar[:102].norm(dim=1, keepdim=True), polar[:102])
    assert ((found[:100, 0] * plane[:100]).sum(dim=1) > 0).all()
    assert (found[:100, 1] * plane[:100]).sum(dim=1).abs().max() < 1e-12


def test_the_mass_with_the_particle_on_the_axis_is_a_function_of_the_polar_angle_alone(cube):
    """A resonance of the first two particles is a peak in one coordinate of the second decay."""
    energy = torch.full((EVENTS,), 5.0, dtype=torch.float64)
    same = cube[:1].expand_as(cube).clone()
    same[:, 1, 2] = cube[:, 1, 2]  # the azimuth of the second decay is free
    particles, _ = chain(energy, same)
    mass = invariant_mass(particles[:, 0] + particles[:, 1])
    torch.testing.assert_close(mass, mass[:1].expand_as(mass))
    same[:, 1, 1] = cube[:, 1, 1]
    particles, _ = chain(energy, same)
    mass = invariant_mass(particles[:, 0] + particles[:, 1])
    assert (mass[cube[:, 1, 1].argsort()].diff() >= -1e-9).all()


def test_a_particle_decays_evenly_into_all_directions_if_its_cosine_is_even(cube):
    """cos of the angle between the first two particles' sum and a fixed axis that is not the beam's."""
    cube[:, :, 1] = torch.arccos(1 - 2 * cube[:, :, 1]) / torch.pi
    particles, _ = chain(torch.full((EVENTS,), 5.0, dtype=torch.float64), cube)
    first = particles[:, 0, :3] / particles[:, 0, :3].norm(dim=1, keepdim=True)
    axis = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    assert kstest((first @ axis).numpy(), "uniform", args=(-1, 2)).pvalue > 0.001


def test_a_rotation_about_the_beam_turns_the_first_azimuth_alone(cube, energy):
    particles, _ = chain(energy, cube)
    turned = cube.clone()
    turned[:, 0, 2] += 0.25  # a quarter turn
    rotated, _ = chain(energy, turned)
    x, y, z, energies = particles.unbind(-1)
    expected = torch.stack([-y, x, z, energies], dim=-1)
    torch.testing.assert_close(rotated, expected, rtol=0, atol=1e-9)


def test_momenta_have_gradients_with_respect_to_the_energy(cube):
    energy = torch.full((EVENTS,), 3.0, dtype=torch.float64, requires_grad=True)
    particles, _ = chain(energy, cube)
    (slope,) = torch.autograd.grad(particles[:, 0, 3].sum(), energy)
    step = 1e-5
    up, down = (chain(energy.detach() + s, cube)[0][:, 0, 3] for s in (step, -step))
    torch.testing.assert_close(slope, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)


def test_the_momentum_of_a_two_body_decay_is_that_of_the_tables():
    """Lambda -> p pi-: 101 MeV (PDG)."""
    masses = (torch.tensor(m, dtype=torch.float64) for m in (1.115683, 0.938272, 0.139570))
    assert two_body_momentum(*masses) == pytest.approx(0.1006, abs=2e-4)
    assert invariant_mass(torch.tensor([0.0, 3.0, 4.0, 5.0])) == 0
