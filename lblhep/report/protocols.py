"""These protocols say what a report is, and what it may read of a launch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from lblhep.recipe import Recipe


class Launched(Protocol):
    """Reads a launch from disk, finished or not (``lblhep.launch.LaunchView`` does)."""

    @property
    def directory(self) -> Path:
        """Return ``mlruns/launches/<id>``."""

    @property
    def info(self) -> Mapping[str, Any]:
        """Return the launch's own record: id, study, digests, state, MLflow run."""

    @property
    def recipe(self) -> Recipe:
        """Return the recipe, resolved."""

    @property
    def rows(self) -> pd.DataFrame:
        """Return one row for each trial: trial, name, one column for each axis, metrics, status."""

    @property
    def groups(self) -> pd.DataFrame:
        """Return one row for each complete group: group, the axes that name it, metrics."""

    @property
    def curves(self) -> pd.DataFrame:
        """Return what trials logged while they ran: trial, step, metrics."""

    def arrays(self, trial: str, name: str) -> Mapping[str, np.ndarray]:
        """Return what a trial saved under a name."""

    def group_arrays(self, group: str) -> Mapping[str, np.ndarray]:
        """Return the arrays among what the Combine returned for a group."""

    def sample(self, dataset: str) -> Any:
        """Return the opened data set behind a data set of the recipe."""


class Report(Protocol):
    """Renders a launch: it is a recipe's ``report:`` component.

    It may have a method ``refuses(recipe)`` that returns what is wrong with its own arguments in this recipe,
    argument -> message: such a recipe is not launched.
    """

    def render(self, launch: Launched, out: Path) -> Mapping[str, str | float] | None:
        """Write ``out/index.html`` and its figures; return the headline, printed at the launch's end."""
