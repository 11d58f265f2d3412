"""Which of two tunes would predict better, without a look at the experiment that was held out."""

from __future__ import annotations

from experiments.tuning.weights import table_names
from lblhep.surrogates import Surrogate, Tune, tune
from lblhep.tasks import Bench
from lblhep.trials import Trial


class PredictObservables:
    """The stage: chi2 of each of the fitted experiment's observables, predicted by a tune to all others.

    It is the sum over observables, with the data's errors alone, so that forms of chi2, model errors and
    weightings can be compared: choose among them by this number, and let the held-out experiment judge the
    one that was chosen.  Weights stay what they were with the observable; one of weight 0 in all its bins is
    predicted by the tune itself.
    """

    def __call__(self, bench: Bench, trial: Trial, surrogates: Surrogate, tuned: Tune) -> float:
        bins = bench.dataset(trial, "measured").bins
        tables, used = table_names(bins), tuned.objective.used
        mine = bins["experiment"].isin(bins["experiment"].iloc[used])
        chi2 = 0.0
        for table in tables[mine].unique():
            left_out = (tables.iloc[used] == table).to_numpy()
            others = tuned.values
            if left_out.any():
                others = tune(tuned.objective.without(left_out), starts=tuned.values[None]).values
            rows = (tables == table).to_numpy()
            z = (surrogates.only(rows).values(others) - bins["value"][rows]) / bins["error"][rows]
            chi2 += float(z @ z)
        return chi2
