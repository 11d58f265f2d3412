"""Say how sharply the data determine a tune: by intervals, contours, eigentunes, and the part from noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lblhep.annotations import Floats, Mask
from lblhep.surrogates import ONE_SIGMA, Chi2, Tune, contour, eigentunes, profile_interval, slope_noise

LEVELS = (ONE_SIGMA, 0.95)
MAX_SLOPE_NOISE = 0.1  # share beyond which a fit that takes the surrogates for exact covers too little


@dataclass(frozen=True)
class Uncertainty:
    """An uncertainty belongs to a tune of d parameters.

    ``profile`` (d, 2, 2) holds the low and the high end of each interval at 68 % and at 95 %.  ``contours``
    has the 68 % contour (n, 2) of each pair of parameters, under "first-second".  ``eigentunes`` (2 k, d) are
    points, of which ``at_bound`` (2 k,) says whether they stopped at a bound.  ``slope_noise`` (d,) is the
    share of what seems to be known of a parameter that is noise of the surrogates' slopes.  ``noise`` is the
    Monte Carlo error of a grid point over the data's error, root mean square over the fit.
    """

    profile: Floats
    contours: dict[str, Floats]
    eigentunes: Floats
    at_bound: Mask
    slope_noise: Floats
    noise: float

    @classmethod
    def of(cls, tuned: Tune, *, directions: int, delta_chi2: float) -> Uncertainty:
        """Find the uncertainty of a tune by its own chi2, whose rises are no probabilities on real data.

        ``directions`` is the number of points of a contour, ``delta_chi2`` the rise at the eigentunes.
        """
        intervals = [[profile_interval(tuned, name, level) for level in LEVELS] for name in tuned.names]
        points, at_bound = eigentunes(tuned, delta_chi2)
        return cls(
            profile=np.array([[[end.low, end.high] for end in levels] for levels in intervals]),
            contours={
                f"{first}-{second}": contour(tuned, first, second, directions=directions)[0]
                for first, second in combinations(tuned.names, 2)
            },
            eigentunes=points,
            at_bound=at_bound,
            slope_noise=slope_noise(tuned.objective, tuned.values),
            noise=relative_noise(tuned.objective),
        )


def relative_noise(objective: Chi2) -> float:
    """Return the Monte Carlo error of a grid point over the data's error, root mean square of the bins.

    The square counts because the draw of noisy slopes on a fit adds up over bins as their variances do.
    """
    errors = objective.surrogate.fitted_grid.errors
    assert errors is not None
    return float(np.sqrt((errors**2 / objective.sigma.data).mean()))
