"""Compute what is measured of an event: shapes, spectra of its particles, correlations of their energies.

All of it is of charged particles alone, to which ALEPH (Phys. Rept. 294 (1998) 1) and DELPHI (Z. Phys. C 73
(1996) 11) corrected their data; energies are those of the particles' own masses.  Momenta have the shape
(events, particles, 4) = (px, py, pz, E) in GeV.  The names are those of the measured table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.tuning.events.axes import Axes, tensor_axes, thrust_axes
from experiments.tuning.events.jets import resolutions
from experiments.tuning.events.pythia import ENERGY
from lblhep.annotations import Floats

MIN_Y = 1e-30  # so that an event of two particles has a logarithm, beyond every bin


class Values(NamedTuple):
    """Values are all observables of a group of events: a number an event, a particle or (weighted) a pair."""

    per_event: dict[str, Floats]  # (events,)
    per_particle: dict[str, Floats]  # (events, particles)
    per_pair: dict[str, tuple[Floats, Floats]]  # value and weight, (events, pairs)


def measure(momenta: Floats) -> Values:
    """Measure every observable of the group (events, particles, 4); it needs two particles or more."""
    thrust, sphericity = thrust_axes(momenta[..., :3]), tensor_axes(momenta[..., :3], power=2)
    shapes = multiplicity(momenta) | thrust_shapes(thrust) | sphericity_shapes(sphericity)
    shapes |= linear_tensor_shapes(momenta) | hemisphere_shapes(momenta, thrust) | jet_rates(momenta)
    return Values(shapes, spectra(momenta, thrust, sphericity), {"eec": energy_correlation(momenta)})


def multiplicity(momenta: Floats) -> dict[str, Floats]:
    """Return the number of charged particles."""
    events, particles, _ = momenta.shape
    return {"n_charged": np.full(events, float(particles))}


def thrust_shapes(axes: Axes) -> dict[str, Floats]:
    """Return thrust, major, minor and oblateness of the group."""
    thrust, major, minor = axes.values.T
    return {
        "one_minus_thrust": 1 - thrust,
        "thrust_major": major,
        "thrust_minor": minor,
        "oblateness": major - minor,
    }


def sphericity_shapes(axes: Axes) -> dict[str, Floats]:
    """Return shapes from the eigenvalues of the quadratic momentum tensor, which sum to 1."""
    _, second, third = axes.values.T
    return {"sphericity": 1.5 * (second + third), "aplanarity": 1.5 * third, "planarity": second - third}


def linear_tensor_shapes(momenta: Floats) -> dict[str, Floats]:
    """Return C = 3 (l1 l2 + l2 l3 + l3 l1) and D = 27 l1 l2 l3 of the linear tensor."""
    one, two, three = tensor_axes(momenta[..., :3], power=1).values.T
    return {"c_parameter": 3 * (one * two + two * three + three * one), "d_parameter": 27 * one * two * three}


def hemisphere_shapes(momenta: Floats, thrust: Axes) -> dict[str, Floats]:
    """Return masses and broadenings of the two sides of the plane across the thrust axis.

    Masses squared in units of the visible energy squared; B = sum |p x n| / (2 sum |p|), the lower sum over
    both sides.
    """
    p, axis = momenta[..., :3], thrust.directions[:, 0]
    along = p @ axis[:, :, None]
    front = along >= 0
    sides = np.stack([(momenta * front).sum(axis=1), (momenta * ~front).sum(axis=1)], axis=1)
    mass2 = np.maximum(sides[..., 3] ** 2 - (sides[..., :3] ** 2).sum(axis=2), 0.0)
    mass2 /= momenta[..., 3].sum(axis=1)[:, None] ** 2
    across = np.linalg.norm(np.cross(p, axis[:, None, :]), axis=2)
    total = np.linalg.norm(p, axis=2).sum(axis=1)
    front = front[..., 0]
    broad = np.stack([(across * front).sum(axis=1), (across * ~front).sum(axis=1)], axis=1) / (
        2 * total[:, None]
    )
    return {
        "heavy_hemisphere_mass2": mass2.max(axis=1),
        "light_hemisphere_mass2": mass2.min(axis=1),
        "diff_hemisphere_mass2": mass2.max(axis=1) - mass2.min(axis=1),
        "heavy_jet_mass2_over_s": mass2.max(axis=1),
        "b_max": broad.max(axis=1),
        "b_min": broad.min(axis=1),
        "b_sum": broad.sum(axis=1),
        "b_diff": broad.max(axis=1) - broad.min(axis=1),
    }


def jet_rates(momenta: Floats) -> dict[str, Floats]:
    """Return the y at which n + 1 jets become n; an event of too few particles counts at y = 0."""
    durham, jade = resolutions(momenta, "durham"), resolutions(momenta, "jade")
    rates = {
        f"d{n}_{name}": y[:, n - 2] for name, y in (("durham", durham), ("jade", jade)) for n in (2, 3, 4)
    }
    return rates | {"y3_durham": -np.log(np.maximum(durham[:, 0], MIN_Y))}


def spectra(momenta: Floats, thrust: Axes, sphericity: Axes) -> dict[str, Floats]:
    """Return scaled momenta, and momenta and rapidities with respect to the axes; signs are dropped."""
    p, energy = momenta[..., :3], momenta[..., 3]
    x_p = np.linalg.norm(p, axis=2) / (ENERGY / 2)
    values = {"x_p": x_p, "xi_p": -np.log(x_p)}
    for name, axes in (("thrust", thrust), ("sphericity", sphericity)):
        along, inside, outside = np.moveaxis(abs(p @ axes.directions.transpose(0, 2, 1)), 2, 0)
        values[f"pt_in_{name}_gev"] = inside
        values[f"pt_out_{name}_gev"] = outside
        values[f"rapidity_{name}_axis"] = np.arctanh(np.minimum(along / energy, 1 - 1e-15))
    return values


def energy_correlation(momenta: Floats) -> tuple[Floats, Floats]:
    """Return cos chi and E_i E_j / E_vis^2 of each pair, every pair once and no particle with itself."""
    p, energy = momenta[..., :3], momenta[..., 3]
    unit = p / np.linalg.norm(p, axis=2)[..., None]
    i, j = np.triu_indices(p.shape[1], 1)
    cosine = (unit @ unit.transpose(0, 2, 1))[:, i, j]
    share = energy / energy.sum(axis=1)[:, None]
    return np.clip(cosine, -1.0, 1.0), share[:, i] * share[:, j]
