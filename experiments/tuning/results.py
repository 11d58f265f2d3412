"""A launch of this study as a reader wants it: bins, tunes, and predictions beside the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from experiments.tuning.datasets import Measured
from lblhep.report import Launched

PREDICTIONS = ("run", "monash", "surrogate")


class Results:
    """The measured bins and every finished trial's tune and predictions."""

    def __init__(self, launch: Launched) -> None:
        self.launch = launch
        arguments = launch.recipe.datasets["measured"].arguments
        self.bins = Measured(launch.sample("measured"), **arguments).bins
        rows = launch.rows
        self.rows = rows[rows["status"] == "finished"].reset_index(drop=True)
        box = launch.sample("grid").card.sources.produce[0].arguments["box"]
        self.box: dict[str, tuple[float, float]] = {name: (low, high) for name, (low, high) in box.items()}

    def predictions(self, trial: str) -> pd.DataFrame:
        """The bins with the trial's predictions and their errors beside the data."""
        return self.bins.assign(**self.launch.arrays(trial, "bins"))

    def tune(self, trial: str) -> Mapping[str, np.ndarray]:
        """The tuned values and their uncertainty, as ``tasks.Judge`` saved them."""
        return self.launch.arrays(trial, "tune")

    def contours(self, trial: str) -> Mapping[str, np.ndarray]:
        """The 68 % contour (n, 2) of each pair of parameters, "first-second"."""
        return self.launch.arrays(trial, "contours")

    def label(self, row: pd.Series) -> str:
        """What tells a trial from the others: its values of the axes."""
        return ", ".join(str(row[axis]) for axis in self.launch.recipe.trials.axes_of_trial) or "tune"

    def one_for_each_experiment(self) -> pd.DataFrame:
        """The first tune to each experiment: of many that differ little a reader wants to see one."""
        axes = self.launch.recipe.trials.axes_of_trial
        return self.rows.drop_duplicates("experiment") if "experiment" in axes else self.rows.head(1)

    def observables(self, trial: str) -> pd.DataFrame:
        """A row a table: chi2 of Pythia at the tuned point and at Monash, bins, worst hold-out."""
        bins = self.predictions(trial)
        data, error = bins["value"], bins["error"]
        for name in ("run", "monash"):
            variance = error**2 + bins[f"{name}_error"] ** 2
            bins[f"chi2_{name}"] = (bins[name] - data) ** 2 / variance
        tables = bins.groupby(["experiment", "table", "observable"], sort=False)
        return tables.agg(
            bins=("value", "size"),
            tuned=("chi2_run", "sum"),
            monash=("chi2_monash", "sum"),
            hold_out=("hold_out", "max"),
        ).reset_index()
