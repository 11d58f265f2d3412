"""Turn the parameters of a tune into the Pythia 8 settings that they stand for.

The Lund fragmentation function f(z) ~ (1 - z)^a / z exp(-b mT^2 / z) has two parameters that data tell apart
badly: a larger a with a larger b leaves the mean of z where it was.  A box in (a, b) is therefore mostly
empty of good points.  ``avgZ``, the mean z of a primary rho meson, takes the place of b, as in Pythia's own
``StringZ:deriveLundPars = 1``.  b is computed here rather than by Pythia, so that a point's settings hold for
any version of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import brentq

SETTINGS = {
    "alphaS": "TimeShower:alphaSvalue",
    "aLund": "StringZ:aLund",
    "bLund": "StringZ:bLund",
    "sigma": "StringPT:sigma",
    "pTmin": "TimeShower:pTmin",
}
MONASH = {"alphaS": 0.1365, "aLund": 0.68, "bLund": 0.98, "sigma": 0.335}  # arXiv:1404.5630; b in GeV^-2

PYTHIA_B_RANGE = (0.2, 2.0)  # GeV^-2; advice, which ``force`` overrides
RHO_MASS = 0.77526  # GeV
B_RANGE = (1e-3, 50.0)  # GeV^-2, wide enough for any sensible mean
B_DIGITS = 6  # what a command file shows is what was generated

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)
_Z = (_NODES + 1) / 2


def mean_z(a: float, b: float, sigma: float) -> float:
    """Return the mean of z for a rho with mT^2 = m^2 + 2 sigma^2; b in GeV^-2, sigma in GeV."""
    transverse_mass2 = RHO_MASS**2 + 2 * sigma**2
    f = _WEIGHTS * (1 - _Z) ** a / _Z * np.exp(-b * transverse_mass2 / _Z)
    return float((f * _Z).sum() / f.sum())


def b_of_mean_z(a: float, mean: float, sigma: float) -> float:
    """Return the b, in GeV^-2, that gives this mean of z.

    Raises ValueError if no b in ``B_RANGE`` does.
    """
    low, high = (mean_z(a, b, sigma) for b in B_RANGE)
    if not low < mean < high:
        raise ValueError(
            f"no b gives avgZ = {mean} with aLund = {a}: it lies between {low:.3f} and {high:.3f}"
        )
    return round(float(brentq(lambda b: mean_z(a, b, sigma) - mean, *B_RANGE, xtol=1e-12)), B_DIGITS)


def generator_parameters(point: Mapping[str, float]) -> dict[str, float]:
    """Return a point with ``avgZ`` replaced by the ``bLund`` that it means."""
    parameters = dict(point)
    if "avgZ" in parameters:
        if "bLund" in parameters:
            raise ValueError("a point has bLund or avgZ, not both")
        mean = parameters.pop("avgZ")
        a, sigma = (parameters.get(name, MONASH[name]) for name in ("aLund", "sigma"))
        parameters["bLund"] = b_of_mean_z(a, mean, sigma)
    unknown = sorted(set(parameters) - set(SETTINGS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not a parameter; there are {', '.join(SETTINGS)} and avgZ")
    return parameters


def settings(point: Mapping[str, float]) -> tuple[str, ...]:
    """Return the Pythia commands of a point."""
    parameters = generator_parameters(point)
    low, high = PYTHIA_B_RANGE
    commands = {name: repr(float(value)) for name, value in parameters.items()}
    if not low <= parameters.get("bLund", low) <= high:
        commands["bLund"] = f"force {commands['bLund']}"
    return tuple(f"{SETTINGS[name]} = {value}" for name, value in commands.items())
