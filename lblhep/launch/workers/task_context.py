"""The context is what a task works with: data sets, models, random streams, a place for results."""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lblhep import atomic, components, streams
from lblhep.errors import LblhepError
from lblhep.launch.store import tables
from lblhep.launch.store.arrays import ArrayMap
from lblhep.recipe import Component

if TYPE_CHECKING:
    import numpy as np

    from lblhep.recipe import Recipe
    from lblhep.trials import Trial

T = TypeVar("T")


class LruCache(OrderedDict[Hashable, Any]):
    """Keeps the ``size`` values that were used last, by key."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def get_or_make(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value under ``key``, made if it is not there."""
        if key not in self:
            value = make()
            while len(self) >= self._size:
                self.popitem(last=False)
            self[key] = value
        self.move_to_end(key)
        return self[key]  # type: ignore[no-any-return]


class StageCache:
    """Keeps on disk what is slow to make and fully named by its key: the products of a Pipeline's stages.

    A product is a pickle under ``<directory>/<sha256 of the key>``, after its checksum.  The directory may be
    deleted at any time.

    A product may be any Python object, so it is pickled; and a pickle is code, as a recipe is: read it only
    from people whose recipes you run.

    Two workers that want the same product do not both make it: the second waits for the first.

    Args:
        warn: called with a line for each entry that is damaged.
    """

    def __init__(self, directory: Path, warn: Callable[[str], None]) -> None:
        self._directory, self._warn = directory, warn

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return ``make()``, or what it returned earlier under this key; a damaged entry is made again."""
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        path = self._directory / f"{name}.stage"
        self._directory.mkdir(parents=True, exist_ok=True)
        with atomic.lock(self._directory / f"{name}.lock", wait=True):
            if path.is_file():
                try:
                    return _read(path)  # type: ignore[no-any-return]
                except Exception as error:  # of an unpickling, whatever the classes of the product raise
                    self._warn(f"{path}: is made again ({type(error).__name__}: {error})")
            atomic.sweep(self._directory, path.name)
            product = make()
            _write(path, product)
            return product


@dataclass
class Worker:
    """Keeps from pack to pack, in one process, opened samples and built data sets."""

    workspace: Path
    device: str = "cpu"
    samples: LruCache = field(default_factory=lambda: LruCache(8))
    datasets: LruCache = field(default_factory=lambda: LruCache(32))

    def sample(self, card: str) -> Any:
        """Return the card's opened data set."""
        from lblhep.cards import open_sample

        return self.samples.get_or_make(card, lambda: open_sample(self.workspace, card))

    def stages(self, warn: Callable[[str], None]) -> StageCache:
        """Return the cache of pipeline stages, which all launches of the workspace share."""
        return StageCache(self.workspace / "mlruns" / "stages", warn)


class TaskContext:
    """Gathers what the task of one pack logs and saves: this is the ``lblhep.tasks.Bench`` that it is given.

    Args:
        worker: the process that runs the pack.
        checkpoint: the pack's directory that survives a retry.
    """

    def __init__(self, worker: Worker, checkpoint: Path) -> None:
        self._worker = worker
        self._checkpoint = checkpoint
        self.listeners: list[Callable[[str, Mapping[str, float], int], None]] = []
        """The functions that ``log`` calls with (trial id, metrics, step) before it returns."""
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
    """Return the component at a dotted address: ``task``, ``datasets.NAME``, ``task.stages.NAME``, ..."""
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
    """Return the arguments that the component declares as random: the recipe's values, or the defaults."""
    target = components.load(component.use)
    parameters = inspect.signature(target).parameters
    given = component.arguments
    declared: dict[str, Any] = {}
    for name in getattr(target, "random_arguments", ()):
        default = parameters[name].default if name in parameters else None
        declared[name] = given.get(name, None if default is inspect.Parameter.empty else default)
    return declared


def the_only(section: Mapping[str, Any], what: str) -> str:
    """Return the name of the section's only entry."""
    if len(section) != 1:
        names = ", ".join(section) or "none"
        raise LblhepError(f"which {what}? The recipe has {names}: name one")
    return next(iter(section))


def _named(section: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in section:
        raise LblhepError(f"the recipe has no {what} {name!r}; it has {', '.join(section) or 'none'}")
    return section[name]


def _key(recipe: Recipe, address: str, component: Component) -> str:
    """Return a digest of what a built data set depends on: address, configuration, seed of its stream."""
    content = json.dumps([address, recipe.seed, component.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _write(path: Path, product: Any) -> None:
    content = pickle.dumps(product, protocol=pickle.HIGHEST_PROTOCOL)
    checksum = hashlib.sha256(content).digest()
    atomic.write_file(path, lambda draft: draft.write_bytes(checksum + content))


def _read(path: Path) -> Any:
    """Unpickle an entry.  Raises ValueError if it is not what was written, before anything is unpickled."""
    content = memoryview(path.read_bytes())
    length = hashlib.sha256().digest_size
    if hashlib.sha256(content[length:]).digest() != content[:length]:
        raise ValueError("it is not what was written: wrong checksum")
    return pickle.loads(content[length:])
