"""Read a launch from disk, changing nothing: reports, comparisons and notebooks work from this view.

Works at any moment: while the launch runs, after it was killed, and on another machine.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.errors import LaunchError
from lblhep.launch.store import packs, tables
from lblhep.launch.store.arrays import Arrays, read_npz
from lblhep.launch.store.checksums import checked
from lblhep.launch.store.info import REMEDY, read_info

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from lblhep.recipe import Recipe


class LaunchView:
    """Reads one launch directory.  Tables are read once and kept: make a new view to see what came since.

    Args:
        directory: ``mlruns/launches/<id>``.

    Raises:
        LaunchError: ``directory`` holds no launch, or one of its files cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self.info = read_info(self.directory)
        """The content of launch.json, as ``read_info`` returns it."""

    @cached_property
    def recipe(self) -> Recipe:
        """Return the launch's recipe, resolved: profile and overrides are applied."""
        from lblhep.recipe import Recipe

        checked(self.directory, self.info, "recipe.yaml", REMEDY)
        return Recipe.read(self.directory / "recipe.yaml")

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Return one row for each trial so far: trial, name, one column for each axis, metrics, status.

        ``status`` is ``finished``, ``failed`` or ``pruned`` (stopped early by the search's scheduler).
        """
        return self._table("rows")

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Return what trials logged while they ran: trial, step, metrics (NaN where a step has none)."""
        return self._table("curves")

    @cached_property
    def groups(self) -> pd.DataFrame:
        """Return one row for each complete group: group, the axes that name it, metrics."""
        return tables.read_groups(self.directory)

    def arrays(self, trial: str, name: str) -> dict[str, np.ndarray]:
        """Return what ``trial`` saved under ``name``.  Raises KeyError if it saved nothing so called."""
        return self._arrays[trial, name]

    def group_arrays(self, group: str) -> dict[str, np.ndarray]:
        """Return the arrays among what the Combine returned for ``group``; empty if there were none."""
        return read_npz(packs.group_file(self.directory, group, "arrays.npz"))

    def sample(self, dataset: str) -> Any:
        """Open the data (``lblhep.cards.Sample``) behind the recipe's data set of that name."""
        from lblhep.cards import open_sample

        card = self.recipe.datasets[dataset].card
        if card is None:
            raise LaunchError(f"data set {dataset!r} of {self.directory.name} is not made from a data card")
        return open_sample(self.recipe.workspace, card)

    @cached_property
    def _arrays(self) -> Arrays:
        return Arrays(self.directory, packs.pack_of_trial(self.directory))

    def _table(self, name: str) -> pd.DataFrame:
        """Read the table written at the launch's end, or what its packs have so far."""
        file = f"{name}.parquet"
        if (self.directory / file).is_file():
            whole = checked(self.directory, self.info, file, packs.remedy(self.directory))
            if whole is not None:
                return tables.read_table(whole, self.directory)
        return tables.read_tables(self.directory, name)
