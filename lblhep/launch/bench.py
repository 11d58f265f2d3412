"""The bench that a task works at, in a worker: data sets, models, random streams, and where results go."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lblhep import components, streams
from lblhep.errors import LblhepError
from lblhep.launch import tables
from lblhep.launch.arrays import ArrayMap
from lblhep.launch.stages import StageCache
from lblhep.recipe import Component

if TYPE_CHECKING:
    import numpy as np

    from lblhep.recipe import Recipe
    from lblhep.trials import Trial

T = TypeVar("T")


class Kept(OrderedDict[Hashable, Any]):
    """The ``most`` least recently used values, by key."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def get_or_make(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value under ``key``, made if it is not there."""
        if key not in self:
            value = make()
            while len(self) >= self._most:
                self.popitem(last=False)
            self[key] = value
        self.move_to_end(key)
        return self[key]  # type: ignore[no-any-return]


@dataclass
class Worker:
    """What one process keeps from pack to pack: opened samples and built data sets."""

    workspace: Path
    device: str = "cpu"
    samples: Kept = field(default_factory=lambda: Kept(8))
    datasets: Kept = field(default_factory=lambda: Kept(32))

    def sample(self, card: str) -> Any:
        """The card's opened data set."""
        from lblhep.cards import open_sample

        return self.samples.get_or_make(card, lambda: open_sample(self.workspace, card))

    def stages(self, tell: Callable[[str], None]) -> StageCache:
        """Products of pipeline stages, shared by all launches of the workspace."""
        return StageCache(self.workspace / "mlruns" / "stages", tell)


class PackBench:
    """The ``lblhep.tasks.Bench`` of one pack; gathers what the task logs and saves.

    Args:
        checkpoint: the pack's directory that survives a retry.
    """

    def __init__(self, worker: Worker, checkpoint: Path) -> None:
        self._worker = worker
        self._checkpoint = checkpoint
        self.listeners: list[Callable[[str, Mapping[str, float], int], None]] = []
        """Each called with (trial id, metrics, step) at every ``log``, before it returns."""
        self.curves: list[dict[str, Any]] = []
        self.arrays: ArrayMap = {}
        self.notices: list[str] = []
        """Lines for the user, which the driver tells once the pack is committed."""

    @property
    def device(self) -> str:
        return self._worker.device

    @property
    def checkpoint(self) -> Path:
        self._checkpoint.mkdir(parents=True, exist_ok=True)
        return self._checkpoint

    def dataset(self, trial: Trial, name: str | None = None) -> Any:
        recipe = trial.recipe
        name = the_only(recipe.datasets, "data set") if name is None else name
        component = _named(recipe.datasets, name, "data set")
        address = f"datasets.{name}"

        def make() -> Any:
            sample = None if component.card is None else self._worker.sample(component.card)
            given = {"data": sample, "rng": self.generator(trial, address)}
            return components.build(component, **{k: v for k, v in given.items() if v is not None})

        return self._worker.datasets.get_or_make(_key(recipe, address, component), make)

    def model(self, trial: Trial, name: str | None = None, **given: Any) -> Any:
        recipe = trial.recipe
        name = the_only(recipe.models, "model") if name is None else name
        component = _named(recipe.models, name, "model")
        offered = {"rng": self.generator(trial, f"models.{name}")} | given
        return components.build(component, **offered)

    def metric(self, trial: Trial, name: str) -> Any:
        return components.build(_named(trial.recipe.metrics, name, "metric"))

    def generator(self, trial: Trial, address: str) -> np.random.Generator:
        recipe = trial.recipe
        return streams.generator(recipe.seed, address, random_arguments(component_at(recipe, address)))

    def log(self, trial: Trial, metrics: Mapping[str, float], step: int) -> None:
        tables.check_names(metrics, {})
        values = {name: float(value) for name, value in metrics.items()}
        self.curves.append({"trial": trial.id, "step": int(step)} | values)
        for listen in self.listeners:
            listen(trial.id, values, int(step))

    def save(self, trial: Trial, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        import numpy as np

        if "/" in name:
            raise ValueError(
                f"saved arrays cannot be called {name!r}: '/' separates the parts of their address"
            )
        self.arrays[trial.id, name] = {key: np.asarray(value) for key, value in arrays.items()}

    def cached(self, key: str, make: Callable[[], T]) -> T:
        return self._worker.stages(self.notices.append).get(key, make)


def component_at(recipe: Recipe, address: str) -> Component:
    """The component at a dotted address: ``task``, ``datasets.NAME``, ``task.stages.NAME``, ..."""
    found: Any = recipe
    for step in address.split("."):
        if isinstance(found, Component):
            found = found.arguments.get(step)
        elif isinstance(found, Mapping):
            found = found.get(step)
        else:
            found = getattr(found, step, None)
    if not isinstance(found, Component):
        raise LblhepError(f"the recipe has no component at {address!r}")
    return found


def random_arguments(component: Component) -> dict[str, Any]:
    """The arguments that the component declares as random, or their defaults where the recipe gives none."""
    target = components.load(component.use)
    parameters = inspect.signature(target).parameters
    given = component.arguments
    declared: dict[str, Any] = {}
    for name in getattr(target, "random_arguments", ()):
        default = parameters[name].default if name in parameters else None
        declared[name] = given.get(name, None if default is inspect.Parameter.empty else default)
    return declared


def the_only(section: Mapping[str, Any], what: str) -> str:
    """The name of the section's only entry."""
    if len(section) != 1:
        names = ", ".join(section) or "none"
        raise LblhepError(f"which {what}? The recipe has {names}: name one")
    return next(iter(section))


def _named(section: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in section:
        raise LblhepError(f"the recipe has no {what} {name!r}; it has {', '.join(section) or 'none'}")
    return section[name]


def _key(recipe: Recipe, address: str, component: Component) -> str:
    """What the built data set depends on: its address and configuration, and the seed of its stream."""
    content = json.dumps([address, recipe.seed, component.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
