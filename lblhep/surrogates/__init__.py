"""Surrogates give a generator's bins as functions of its parameters; they are made and fitted to data here.

No recipe is needed.  ``lblhep.surrogates.exchange`` reads and writes the files of other tuning programs.

>>> import numpy as np
>>> box = Box(["alphaS", "sigma"], [0.10, 0.2], [0.16, 0.5])  # parameters, their low and high ends
>>> points = box.sobol(64, seed=1)  # where the generator is to be run
>>> values = box.scale(points) @ np.array([[1.0, 0.5, 0.2], [0.0, 0.5, 1.0]])  # its bins there, (64, bins)
>>> grid = Grid(box, points, values, errors=np.full(values.shape, 0.01))
>>> surrogate = fit_polynomials(grid, order=3)  # or fit_rationals(grid, (2, 1))
>>> hold_out(surrogate).rms.max() < 1e-9  # exact: there is no noise in this grid
np.True_
>>> result = tune(Chi2(surrogate, [0.5, 0.25, 0.1], errors=[0.1, 0.1, 0.1]))
>>> [round(float(value), 4) for value in result.values]
[0.145, 0.35]
>>> interval = profile_interval(result, "alphaS")
>>> interval.low < 0.145 < interval.high
True
"""

from lblhep.surrogates.box import Box
from lblhep.surrogates.grid import Grid
from lblhep.surrogates.holdout import HoldOut, hold_out
from lblhep.surrogates.intervals import (
    ONE_SIGMA,
    Interval,
    contour,
    eigentunes,
    hessian_interval,
    profile_interval,
)
from lblhep.surrogates.objective import Chi2
from lblhep.surrogates.polynomial import Polynomials, fit_polynomials
from lblhep.surrogates.rational import Rationals, fit_rationals
from lblhep.surrogates.score import Score, grid_noise, score, slope_noise
from lblhep.surrogates.surrogate import Surrogate
from lblhep.surrogates.tuning import Tune, tune

__all__ = [
    "ONE_SIGMA",
    "Box",
    "Chi2",
    "Grid",
    "HoldOut",
    "Interval",
    "Polynomials",
    "Rationals",
    "Score",
    "Surrogate",
    "Tune",
    "contour",
    "eigentunes",
    "fit_polynomials",
    "fit_rationals",
    "grid_noise",
    "hessian_interval",
    "hold_out",
    "profile_interval",
    "score",
    "slope_noise",
    "tune",
]
