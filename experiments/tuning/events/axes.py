"""Find thrust and sphericity axes of many events with equally many particles.

Arrays of momenta have the shape (events, particles, 3), in GeV.  Thrust is exact: the best plane's
sides are found among those of the planes through two of the particles (for the major axis, of the lines
through one), so no starting point and no iteration is involved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lblhep.annotations import Floats

MIN_MOMENTUM = 1e-9  # GeV


class Axes(NamedTuple):
    """Axes are three orthogonal unit vectors an event, (events, 3, 3) [axis, component], each with a number.

    The numbers are thrust, major and minor; or the momentum tensor's eigenvalues, the largest first.
    """

    directions: Floats
    values: Floats


def thrust_axes(p: Floats) -> Axes:
    """Return thrust axis, major axis (largest momentum flow normal to it) and minor axis (normal to both)."""
    total = np.linalg.norm(p, axis=2).sum(axis=1)
    first = _unit(_largest_sum_in_space(p))
    across = p - (p @ first[:, :, None]) * first[:, None, :]
    second = _unit(_largest_sum_in_plane(across, first), normal_to=first)
    directions = np.stack([first, second, np.cross(first, second)], axis=1)
    flow = abs(p @ directions.transpose(0, 2, 1)).sum(axis=1)
    return Axes(directions, flow / total[:, None])


def tensor_axes(p: Floats, power: float) -> Axes:
    """Return the eigenvectors of sum |p|^(power - 2) p_i p_j / sum |p|^power.

    Power 2 is the sphericity tensor; 1 the linear one, safe against collinear splitting, of C and D.
    """
    size = np.linalg.norm(p, axis=2)
    weight = size ** (power - 2) / (size**power).sum(axis=1)[:, None]
    values, vectors = np.linalg.eigh((p * weight[:, :, None]).transpose(0, 2, 1) @ p)
    return Axes(vectors[:, :, ::-1].transpose(0, 2, 1), np.maximum(values[:, ::-1], 0.0))


def _largest_sum_in_space(p: Floats) -> Floats:
    """Return the largest |sum of +-p| over all choices of signs, as a vector.

    The signs are those of the sides of a plane; it can be turned until it holds two particles, i and j, whose
    own signs are then free.
    """
    n = p.shape[1]
    i, j = np.triu_indices(n, 1)
    normal = np.cross(p[:, i], p[:, j])
    side = np.copysign(1.0, normal @ p.transpose(0, 2, 1))
    pair = np.arange(len(i))
    side[:, pair, i] = side[:, pair, j] = 0.0
    return _settled(p, _best(side @ p, (p[:, i], p[:, j])))


def _largest_sum_in_plane(p: Floats, normal: Floats) -> Floats:
    """Return the largest sum for momenta in the plane across ``normal``, with lines through one particle."""
    side = np.copysign(1.0, np.cross(normal[:, None, :], p) @ p.transpose(0, 2, 1))
    diagonal = np.arange(p.shape[1])
    side[:, diagonal, diagonal] = 0.0
    return _settled(p, _best(side @ p, (p,)))


def _best(rest: Floats, free: tuple[Floats, ...]) -> Floats:
    """Add the free particles with the signs that make the sum longest, and take each event's longest sum."""
    sums = [rest]
    for particle in free:
        sums = [s + sign * particle for s in sums for sign in (1, -1)]
    length2 = np.stack([np.einsum("eck,eck->ec", s, s) for s in sums])
    choice, candidate = np.unravel_index(
        length2.transpose(1, 0, 2).reshape(len(rest), -1).argmax(axis=1), (len(sums), rest.shape[1])
    )
    longest: Floats = np.stack(sums)[choice, np.arange(len(rest)), candidate]
    return longest


def _settled(p: Floats, vector: Floats) -> Floats:
    """Return the sum with every particle on the side of ``vector``, which can only be longer.

    It differs for toy events alone, whose third particle lies exactly in the plane of two others.
    """
    side = np.copysign(1.0, p @ vector[:, :, None])
    total: Floats = (side * p).sum(axis=1)
    return total


def _unit(vector: Floats, normal_to: Floats | None = None) -> Floats:
    """Return unit vectors, made exactly normal to ``normal_to`` if that is given."""
    if normal_to is not None:
        vector = _normal_part(vector, normal_to)
    unit: Floats = vector / np.linalg.norm(vector, axis=1)[:, None]
    return unit


def _normal_part(vector: Floats, normal_to: Floats) -> Floats:
    """Return the part across ``normal_to``; in a collinear event, any direction there is."""
    lost = np.linalg.norm(vector, axis=1)[:, None] < MIN_MOMENTUM
    spare = np.cross(normal_to, np.eye(3)[abs(normal_to).argmin(axis=1)])
    vector = np.where(lost, spare, vector)
    across: Floats = vector - (vector * normal_to).sum(axis=1)[:, None] * normal_to
    return across
