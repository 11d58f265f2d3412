"""Run stages one after another, each product kept on disk: scanning the last does not run the first again."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import components
from lblhep.cards import fingerprint, read_card
from lblhep.cards.version import code_version
from lblhep.tasks.protocols import Bench, Failure, Row

if TYPE_CHECKING:
    from lblhep.recipe import Component
    from lblhep.trials import Trial


class Pipeline:
    """Run ``stages`` in order; the last one returns the trial's metrics.

    A stage is a component that is called with what its signature asks for among: the products of earlier
    stages (by their names), ``trial``, ``bench``, and ``rng`` (the stage's own random stream).  A class is
    built with its arguments and then called with those; a function is called with both.

    A product is kept under the digest of the stage's configuration, of what it depends on (the keys of the
    products it asks for; the recipe's data sets, models and metrics if it asks for trial or bench; the seed)
    and of the code behind all of these, imports included, as for data cards: comments and layout do not
    count.  The last stage always runs: it saves the arrays for the report.

    Args:
        stages: name -> component, in order.
    """

    batches_over: tuple[str, ...] = ()

    def __init__(self, *, stages: dict[str, Any]) -> None:
        if not stages:
            raise ValueError("a pipeline needs at least one stage")
        self.names = tuple(stages)

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """Run the stages of one trial after another; one that fails leaves the others alone."""
        outcomes: list[Row | Failure] = []
        for trial in trials:
            try:
                outcomes.append(Row(trial.id, run_stages(trial, bench)))
            except Exception as error:  # anything a stage raises
                outcomes.append(Failure(trial.id, f"{type(error).__name__}: {error}", traceback.format_exc()))
        return outcomes


def run_stages(trial: Trial, bench: Bench) -> Mapping[str, float]:
    """Run the trial's stages and return the metrics that the last one returns."""
    stages: Any = trial.recipe.task.arguments["stages"]
    products: dict[str, Any] = {}
    keys: dict[str, str] = {}
    last = list(stages)[-1]
    for name, stage in stages.items():
        wanted = _wanted(stage)
        keys[name] = _key(trial, name, stage, wanted, keys)
        offered = {"trial": trial, "bench": bench, "rng": bench.generator(trial, f"task.stages.{name}")}
        given = {key: value for key, value in (offered | products).items() if key in wanted}
        call = functools.partial(_call, stage, given)
        products[name] = call() if name == last else bench.cached(keys[name], call)
    metrics: Mapping[str, float] = products[last]
    return metrics


def _call(stage: Component, given: Mapping[str, Any]) -> Any:
    if isinstance(components.load(stage.use), type):
        return components.build(stage)(**given)
    return components.build(stage, **given)()


def _wanted(stage: Component) -> set[str]:
    """Return the arguments that are left to fill when the stage is called."""
    target = components.load(stage.use)
    function: Any = target.__call__ if isinstance(target, type) else target
    return set(inspect.signature(function).parameters) - {"self"} - stage.arguments.keys()


def _key(trial: Trial, name: str, stage: Component, wanted: set[str], keys: Mapping[str, str]) -> str:
    recipe = trial.recipe
    content: list[Any] = [name, stage.model_dump(mode="json")]
    content.append({other: keys[other] for other in sorted(wanted & keys.keys())})
    if wanted & {"trial", "bench", "rng"}:
        content.append(recipe.seed)
    if wanted & {"trial", "bench"}:
        content.append(recipe.model_dump(mode="json", include={"datasets", "models", "metrics"}))
        content.append([_fingerprint(recipe.workspace, d.card) for d in recipe.datasets.values() if d.card])
    content.append({use: _code(recipe.workspace, use) for use in _uses(content)})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@functools.cache
def _fingerprint(workspace: Path, card: str) -> str:
    return fingerprint(read_card(workspace, card))


@functools.cache
def _code(workspace: Path, use: str) -> dict[str, str]:
    """Return the code as it was when the process first asked, which is closer to what it imported than a
    later edit is.

    Args:
        workspace: another one has other modules of the same name.
    """
    return code_version(use)


def _uses(value: Any) -> Iterator[str]:
    """Return the ``use`` of every component in plain values, those inside the arguments of others too."""
    if isinstance(value, Mapping):
        if isinstance(value.get("use"), str):
            yield value["use"]
        yield from _uses([*value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from _uses(item)
