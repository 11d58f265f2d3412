"""This module has the stage that trains.

It imports nothing that judges, and so does not stand in ``tasks``: another judgement trains no model anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lblhep.tasks import Bench, FitLightning
from lblhep.trials import Trial


class Fit:
    """This stage trains a model of the recipe; ``init`` numbers its initialisations.

    ``cross_sections`` names the data set that a model of whole events is offered beside its training events.
    """

    random_arguments = ("init",)

    def __init__(
        self,
        *,
        model: str,
        dataset: str,
        cross_sections: str | None = None,
        max_epochs: int,
        init: int = 0,
    ) -> None:
        self.cross_sections = cross_sections
        self.task = FitLightning(model=model, dataset=dataset, max_epochs=max_epochs, patience=None)

    def __call__(self, bench: Bench, trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
        """Return the weights of the best epoch, and what is known of the training."""
        name = self.task.dataset
        bench.dataset(trial, name).refuse(bench.dataset(trial, "tests").energies, name)
        given = {}
        if self.cross_sections:
            given["cross_sections"] = bench.dataset(trial, self.cross_sections)
        model, metrics = self.task.fit(trial, bench, rng, **given)
        metrics["cpu_seconds"] = model.cpu_seconds
        metrics["parameters"] = float(sum(p.numel() for p in model.parameters()))
        model.trainer = None
        return {"model": model.cpu(), "metrics": metrics}
