"""How well a tune predicts what it has not seen, without a look at the experiment that was held out.

Observables of one kind are functions of the same particles: to leave out x_p and keep xi_p would predict
nothing.  So whole families are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.tuning.metrics import chi2_terms
from experiments.tuning.tasks import TuneTo
from lblhep import components
from lblhep.surrogates import Surrogate, Tune
from lblhep.tasks import Bench
from lblhep.trials import Trial

FAMILIES = {
    "x_p": "momenta",
    "xi_p": "momenta",
    "pt_in_thrust_gev": "transverse momenta",
    "pt_out_thrust_gev": "transverse momenta",
    "pt_in_sphericity_gev": "transverse momenta",
    "pt_out_sphericity_gev": "transverse momenta",
    "rapidity_thrust_axis": "rapidities",
    "rapidity_sphericity_axis": "rapidities",
    "n_charged": "multiplicity",
    "mean_n_charged": "multiplicity",
    "eec": "energy correlations",
    "aeec": "energy correlations",
}
SHAPES = "event shapes and jet rates"  # all others


class PredictFamilies:
    """The stage: chi2 of each family of the fitted experiment's observables, by a tune to the others.

    The sum over families, with the data's errors alone; the surrogates' variance, which is larger at the edge
    of the box, is taken off (``metrics.chi2_terms``).  Forms of chi2, model errors and weightings can be
    compared by it: choose among them by this number, and let the held-out experiment judge the one that was
    chosen.  A weighting is asked anew for each tune; weights that a search has found (``Stated``) have seen
    all families already, and their number is too good.

    NaN if there are not two families, or too few bins without one of them.
    """

    def __call__(self, bench: Bench, trial: Trial, surrogates: Surrogate, tuned: Tune) -> float:
        tuner: TuneTo = components.build(trial.recipe.task.arguments["stages"]["tuned"])
        bins = bench.dataset(trial, "measured").bins
        fitted = (bins["experiment"] == tuner.experiment).to_numpy()
        family = families(bins)
        chi2 = 0.0
        for left_out in np.unique(family[fitted]):
            others, rows = fitted & (family != left_out), fitted & (family == left_out)
            if others.sum() < len(surrogates.box):
                return float("nan")
            point = tuner.fit(bins, surrogates, others).values
            part = surrogates.only(rows)
            chi2 += float(chi2_terms(bins[rows], part.values(point), part.variance(point)).sum())
        return chi2


def families(bins: pd.DataFrame) -> np.ndarray:
    """The family of each bin's observable."""
    return bins["observable"].map(FAMILIES).fillna(SHAPES).to_numpy()
