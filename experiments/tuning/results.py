"""Read a launch of this study as bins, tunes, and predictions beside the data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.tuning.datasets import Measured
from experiments.tuning.tasks import TuneTo
from lblhep.report import Launched

EXPERIMENT_AXIS = "experiment"


class Key(NamedTuple):
    """A key tells a tune from the others: the experiment that was fitted, and the other axes' values."""

    experiment: str
    variant: str

    @property
    def label(self) -> str:
        """Return experiment and variant as a legend shows them."""
        return ", ".join(filter(None, [self.experiment.split("_")[0], self.variant]))


class Results:
    """Results read a launch: the measured bins and every finished trial's tune and predictions."""

    def __init__(self, launch: Launched) -> None:
        self.launch = launch
        arguments = launch.recipe.datasets["measured"].arguments
        self.bins = Measured(launch.sample("measured"), **arguments).bins
        rows = launch.rows
        rows = rows[rows["status"] == "finished"]
        self.rows: dict[Key, pd.Series] = {self._key(row): row for _, row in rows.iterrows()}
        box = launch.sample("grid").card.sources.produce[0].arguments["box"]
        self.box: dict[str, tuple[float, float]] = {name: (low, high) for name, (low, high) in box.items()}

    def _key(self, row: pd.Series) -> Key:
        others = [axis for axis in self.launch.recipe.trials.axes_of_trial if axis != EXPERIMENT_AXIS]
        fitted = self.predictions(row["trial"])["fitted"]
        return Key(self.bins["experiment"][fitted].iloc[0], ", ".join(str(row[axis]) for axis in others))

    def predictions(self, trial: str) -> pd.DataFrame:
        """Return the bins with the trial's predictions, their errors and chi2 (saved by ``tasks.Judge``)."""
        return self.bins.assign(**self.launch.arrays(trial, "bins"))

    def fit(self, row: pd.Series) -> Mapping[str, Any]:
        """Return the arguments of the trial's ``TuneTo``, also those that the recipe leaves out."""
        recipe = self.launch.recipe
        point = {axis: row[axis] for axis in recipe.trials.axes_of_trial}
        stages = recipe.at(point).task.arguments["stages"]
        defaults = inspect.signature(TuneTo).parameters
        return {n: p.default for n, p in defaults.items()} | dict(stages["tuned"].arguments)

    def tune(self, trial: str) -> Mapping[str, np.ndarray]:
        """Return the tuned values and their uncertainty, as ``tasks.Judge`` saved them."""
        return self.launch.arrays(trial, "tune")

    def contours(self, trial: str) -> Mapping[str, np.ndarray]:
        """Return the 68 % contour (n, 2) of each pair of parameters, "first-second"."""
        return self.launch.arrays(trial, "contours")

    def first_of_each_experiment(self) -> list[Key]:
        """Return one tune to each experiment: of many that differ little a reader wants to see one."""
        return list({key.experiment: key for key in reversed(self.rows)}.values())[::-1]

    def observables(self, trial: str) -> pd.DataFrame:
        """Return a row for each table: chi2 of Pythia at the tune and at Monash, bins, worst hold-out."""
        tables = self.predictions(trial).groupby(["experiment", "table", "observable"], sort=False)
        return tables.agg(
            bins=("value", "size"),
            tuned=("chi2_run", "sum"),
            monash=("chi2_monash", "sum"),
            hold_out=("hold_out", "max"),
            fitted=("fitted", "first"),
        ).reset_index()
