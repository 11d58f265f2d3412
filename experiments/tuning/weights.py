"""A recipe names one of these weightings, which say how much each measured bin counts in a tune.

A weighting turns the fitted bins and their surrogates into weights (B,).  All but the filters weigh whole
observables, which are tables, named ``experiment/table`` as in the grid's card.  Only ratios of weights
matter. With weights other than 1 the minimum is no chi2 variable and its Hessian gives no 68 % interval.

weighting: {use: "experiments.tuning.weights:Robust", budget: 0.8}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from experiments.tuning.weighting.filters import longest_runs, within_envelope
from experiments.tuning.weighting.outer import TABLE
from experiments.tuning.weighting.robust import robust_weights
from lblhep import components
from lblhep.annotations import Floats
from lblhep.recipe import Component
from lblhep.surrogates import Surrogate

Weighting = Callable[[pd.DataFrame, Surrogate], Floats]


def table_names(bins: pd.DataFrame) -> pd.Series:
    """Return ``experiment/table`` of each bin."""
    return bins["experiment"] + "/" + bins["table"]


def build_weighting(given: Component | Weighting | None) -> Weighting:
    """Build the weighting that a recipe's ``weighting`` stands for; None is ``Equal``."""
    if given is None:
        return Equal()
    weighting: Weighting = components.build(given) if isinstance(given, Component) else given
    return weighting


class Equal:
    """This weighting counts all bins the same."""

    def __call__(self, bins: pd.DataFrame, surrogates: Surrogate) -> Floats:
        return np.ones(len(bins))


class Stated:
    """This weighting is stated for each table, such as that of the best point of recipes/tuning-weights.yaml.

    Tables that are not among the bins may be stated as well: one mapping serves the tunes to either
    experiment, and to a part of the tables.
    """

    def __init__(self, *, weights: Mapping[str, float]) -> None:
        wrong = [name for name, weight in weights.items() if not 0 <= weight < np.inf]
        if wrong:
            raise ValueError(
                f"the weight of {wrong[0]} is {weights[wrong[0]]}: it cannot be negative or infinite"
            )
        self.weights = dict(weights)

    def __call__(self, bins: pd.DataFrame, surrogates: Surrogate) -> Floats:
        names = table_names(bins)
        missing = [name for name in names.unique() if name not in self.weights]
        if missing:
            experiments, known = set(bins["experiment"]), set(names)
            unused = [n for n in self.weights if n.partition("/")[0] in experiments and n not in known]
            instead = f"; stated, but not among these bins: {', '.join(unused)}" if unused else ""
            raise ValueError(f"no weight is stated for {', '.join(missing)}; 0 leaves a table out{instead}")
        return np.array([self.weights[name] for name in names], dtype=np.float64)


class Robust:
    """Robust optimisation gives the weights (``weighting.robust``); ``budget`` is the share that counts."""

    def __init__(self, *, budget: float, interval: float = 1.0, starts: int = 20) -> None:
        self.budget, self.interval, self.starts = budget, interval, starts

    def __call__(self, bins: pd.DataFrame, surrogates: Surrogate) -> Floats:
        found = robust_weights(
            bins, surrogates, budget=self.budget, interval=self.interval, starts=self.starts
        )
        return found.weights[bins.groupby(TABLE, sort=False).ngroup().to_numpy()]


class Filtered:
    """Bins that do not pass the filters have weight 0; ``weighting`` (default: equal) weighs the others.

    ``envelope`` is the allowance in errors outside the grid's range, ``level`` that of the hypothesis test.
    """

    def __init__(
        self,
        *,
        envelope: float | None = None,
        level: float | None = None,
        weighting: Component | Weighting | None = None,
    ) -> None:
        if envelope is None and level is None:
            raise ValueError("Filtered needs envelope=..., level=... or both")
        self.envelope, self.level, self.weighting = envelope, level, build_weighting(weighting)

    def __call__(self, bins: pd.DataFrame, surrogates: Surrogate) -> Floats:
        kept = np.arange(len(bins))
        if self.envelope is not None:
            kept = kept[within_envelope(bins, surrogates.fitted_grid, allowance=self.envelope)]
        if self.level is not None:
            kept = kept[longest_runs(bins.iloc[kept], surrogates.only(kept), level=self.level)]
        weights = np.zeros(len(bins))
        weights[kept] = self.weighting(bins.iloc[kept], surrogates.only(kept))
        return weights


class OneOf:
    """The weighting is ``name`` of ``among``, so that an axis can run over short names."""

    def __init__(self, *, name: str, among: Mapping[str, Component | Weighting]) -> None:
        if name not in among:
            raise ValueError(f"{name!r} is no weighting; there are {', '.join(among)}")
        self.weighting = build_weighting(among[name])

    def __call__(self, bins: pd.DataFrame, surrogates: Surrogate) -> Floats:
        return self.weighting(bins, surrogates)
