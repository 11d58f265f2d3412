"""State what a task is given and what it returns: the contract between the harness and a study's training.

A task executes a *pack*: one or more trials that it trains together (hundreds of small networks as one tensor
program, or a single long fit).  It touches the outside world only through its ``Bench``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from lblhep.trials import Trial

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """Holds the final metrics of a trial that worked, each a float (NaN is allowed and recorded as such)."""

    trial: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """Says why a trial did not work; the other trials of its pack are none the worse for it."""

    trial: str
    error: str
    traceback: str


class Bench(Protocol):
    """Offers all that a task may touch.  Names, such as ``"dijets"``, are those of the recipe's maps."""

    @property
    def device(self) -> str:
        """Return ``"cpu"`` or ``"cuda:0"``."""

    @property
    def checkpoint(self) -> Path:
        """Return a directory of this pack that survives when its worker, or the launch, dies.

        The pack is tried again, with a new bench: a task that goes on from here logs and saves again what it
        had logged and saved.  The directory is removed when the pack is committed.
        """

    def dataset(self, trial: Trial, name: str | None = None) -> Any:
        """Return the trial's data set; ``name`` defaults to the only one.

        It is built once in a worker and shared by all trials of the same configuration, so whatever is random
        in it is drawn on construction, from the ``rng`` that it is offered, and nobody alters it afterwards.
        """

    def model(self, trial: Trial, name: str | None = None, **given: Any) -> Any:
        """Make a fresh model on every call; ``given`` offers it what it may ask for (e.g. ``n_features``)."""

    def metric(self, trial: Trial, name: str) -> Any:
        """Return the metric as its component builds it: a torchmetrics Metric or a callable."""

    def generator(self, trial: Trial, address: str) -> np.random.Generator:
        """Return the random stream of the component at ``address`` (``"models.classifier"``), never of the
        pack."""

    def log(self, trial: Trial, metrics: Mapping[str, float], step: int) -> None:
        """Log one point of the trial's curves.  In a search the objective's curve is what the scheduler sees.

        Of a pack of few trials that lasts longer than some seconds, MLflow has the curves while it trains.
        """

    def save(self, trial: Trial, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays (scores, spectra) for the group's Combine and for the report."""

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """Return ``make()``, or what it returned earlier under the same key, in this or another worker."""


class Task(Protocol):
    """Executes packs: it is the component named by the recipe's ``task:``."""

    batches_over: tuple[str, ...]
    """Names of arguments (last parts of axis paths) that may differ within one pack."""

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """Execute the pack: one Row or Failure for each trial.  An exception fails all its trials."""
