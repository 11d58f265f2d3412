"""How sharply a tune stands: intervals, contours, eigentunes, and how much of it is the surrogates' noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lblhep.annotations import Floats
from lblhep.surrogates import ONE_SIGMA, Chi2, Tune, contour, eigentunes, profile_interval, slope_noise

LEVELS = (ONE_SIGMA, 0.95)
TOO_NOISY = 0.1  # slope noise beyond which a fit that takes the surrogates for exact covers too little


@dataclass(frozen=True)
class Uncertainty:
    """``profile`` (d, 2, 2): low and high end at 68 % and 95 %; ``contours``: (n, 2) at 68 % of each pair
    "first-second"; ``eigentunes`` (2 k, d) and which of them stopped at a bound; ``slope_noise`` (d,);
    ``noise``: the Monte Carlo error of a grid point over the data's error, root mean square over the fit."""

    profile: Floats
    contours: dict[str, Floats]
    eigentunes: Floats
    at_bound: NDArray[np.bool_]
    slope_noise: Floats
    noise: float


class FindUncertainty:
    """The stage: all of it at the tune's own chi2, whose rises are no probabilities on real data."""

    def __init__(self, *, directions: int = 16, delta_chi2: float = 1.0) -> None:
        self.directions, self.delta_chi2 = directions, delta_chi2

    def __call__(self, tuned: Tune) -> Uncertainty:
        intervals = [[profile_interval(tuned, name, level) for level in LEVELS] for name in tuned.names]
        points, at_bound = eigentunes(tuned, self.delta_chi2)
        return Uncertainty(
            profile=np.array([[[end.low, end.high] for end in levels] for levels in intervals]),
            contours={
                f"{first}-{second}": contour(tuned, first, second, directions=self.directions)[0]
                for first, second in combinations(tuned.names, 2)
            },
            eigentunes=points,
            at_bound=at_bound,
            slope_noise=slope_noise(tuned.objective, tuned.values),
            noise=relative_noise(tuned.objective),
        )


def relative_noise(objective: Chi2) -> float:
    """Monte Carlo error of a grid point over the data's error, root mean square over points and used bins.

    The square counts because the draw of noisy slopes on a fit adds up over bins as their variances do.
    """
    errors = objective.surrogate.fitted_grid.errors
    assert errors is not None
    return float(np.sqrt((errors**2 / objective.sigma.data).mean()))
