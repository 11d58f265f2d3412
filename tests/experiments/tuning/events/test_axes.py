"""Axes against closed forms and against Pythia's own, which search in another way."""

from __future__ import annotations

import numpy as np
import pytest
import pythia8mc

from experiments.tuning.events.axes import tensor_axes, thrust_axes


def pythia_event(momenta) -> pythia8mc.Event:
    event = pythia8mc.Event()
    event.append(90, -11, 0, 0, 0, 0, 0, 0, pythia8mc.Vec4(0.0, 0.0, 0.0, 91.19), 91.19)
    for p in momenta:
        event.append(211, 1, 0, 0, 0, 0, 0, 0, pythia8mc.Vec4(*map(float, p)), 0.13957)
    return event


def test_thrust_is_pythias(groups):
    """Both are exact: equal to round-off."""
    for group in groups:
        axes = thrust_axes(group[..., :3])
        for event, values in zip(group, axes.values, strict=True):
            theirs = pythia8mc.Thrust(1)
            assert theirs.analyze(pythia_event(event))
            assert values == pytest.approx([theirs.thrust(), theirs.tMajor(), theirs.tMinor()], abs=1e-12)


@pytest.mark.parametrize("power", [1, 2])
def test_tensor_is_pythias(groups, power):
    """Pythia solves the cubic equation in single steps, to about 1e-10."""
    for group in groups:
        axes = tensor_axes(group[..., :3], power)
        for event, values, directions in zip(group, axes.values, axes.directions, strict=True):
            theirs = pythia8mc.Sphericity(float(power), 1)
            assert theirs.analyze(pythia_event(event))
            assert values == pytest.approx([theirs.eigenValue(i) for i in (1, 2, 3)], abs=1e-9)
            first = theirs.eventAxis(1)
            assert abs(directions[0] @ [first.px(), first.py(), first.pz()]) == pytest.approx(1, abs=1e-6)


def test_axes_are_orthonormal(groups):
    for group in groups:
        for axes in (thrust_axes(group[..., :3]), tensor_axes(group[..., :3], 2)):
            product = axes.directions @ axes.directions.transpose(0, 2, 1)
            np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12)


def test_back_to_back(back_to_back):
    axes = thrust_axes(back_to_back[..., :3])
    assert axes.values[0] == pytest.approx([1, 0, 0], abs=1e-12)
    assert np.isfinite(axes.directions).all()
    assert tensor_axes(back_to_back[..., :3], 2).values[0] == pytest.approx([1, 0, 0], abs=1e-12)


def test_mercedes(mercedes):
    """T = 2/3 along any of the three; the other two share the major axis: 2 sin 60 / 3."""
    assert thrust_axes(mercedes[..., :3]).values[0] == pytest.approx([2 / 3, 3**-0.5, 0], abs=1e-12)
    for power in (1, 2):
        assert tensor_axes(mercedes[..., :3], power).values[0] == pytest.approx([0.5, 0.5, 0], abs=1e-12)


def test_sphere(sphere):
    """The mean of |cos| over a sphere is 1/2; a lattice of 150 points knows it to about 1 %."""
    assert thrust_axes(sphere[..., :3]).values[0] == pytest.approx([0.5, 0.5, 0.5], abs=0.02)
    assert tensor_axes(sphere[..., :3], 2).values[0] == pytest.approx([1 / 3] * 3, abs=0.01)


def test_rotated_events_have_rotated_axes(groups):
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    p = groups[0][..., :3]
    one, other = thrust_axes(p), thrust_axes(p @ rotation)
    np.testing.assert_allclose(one.values, other.values, atol=1e-12)
    along = np.einsum("ek,ek->e", one.directions[:, 0] @ rotation, other.directions[:, 0])
    np.testing.assert_allclose(abs(along), 1, atol=1e-12)
