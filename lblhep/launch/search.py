"""A search's parts, built from the recipe: Optuna's space and sampler, and what earlier points taught it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import components
from lblhep.errors import ComponentError
from lblhep.launch import packs

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from lblhep.recipe import Component, Dimension, Recipe, Search


@dataclass(frozen=True)
class Told:
    """What is known of a point that was run: its values and how it ended."""

    point: Mapping[str, Any]
    objective: float
    """NaN if the point failed (infinite too, in launches of an earlier version)."""
    pruned: bool = False
    curve: Mapping[int, float] = field(default_factory=dict)
    """Step -> objective, as reported while it trained (pruned points)."""


def distribution(dimension: Dimension) -> BaseDistribution:
    """A dimension as Optuna has it; integers half-open as all of a recipe's ranges, choices numbered."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.uniform is not None:
        return FloatDistribution(*dimension.uniform)
    if dimension.log_uniform is not None:
        return FloatDistribution(*dimension.log_uniform, log=True)
    if dimension.int_uniform is not None:
        low, end = dimension.int_uniform
        return IntDistribution(low, end - 1)
    assert dimension.choices is not None
    return CategoricalDistribution(range(len(dimension.choices)))


def space(search: Search) -> dict[str, BaseDistribution]:
    """The whole space."""
    return {name: distribution(dimension) for name, dimension in search.space.items()}


def values(search: Search, params: Mapping[str, Any]) -> dict[str, Any]:
    """Optuna's parameters as the recipe's values: a choice's number becomes the choice."""
    return {
        name: params[name] if dimension.choices is None else dimension.choices[params[name]]
        for name, dimension in search.space.items()
    }


def params(search: Search, point: Mapping[str, Any]) -> dict[str, Any]:
    """The way back."""
    return {
        name: point[name] if dimension.choices is None else _position(dimension.choices, point[name])
        for name, dimension in search.space.items()
    }


def _position(choices: tuple[Any, ...], value: Any) -> int:
    """Lists come back from JSON as lists; ``index`` would take True for 1."""
    return next(i for i, choice in enumerate(choices) if type(choice) is type(value) and choice == value)


def sampler(recipe: Recipe, search: Search, told: int = 0) -> BaseSampler:
    """The recipe's sampler (TPE if it names none), seeded by the recipe unless it gives a seed itself.

    Args:
        told: points already run, of a resumed search: they go into the seed, or the sampler's first, random
            proposals would be those it made before.
    """
    from optuna import logging
    from optuna.samplers import BaseSampler, TPESampler

    logging.set_verbosity(logging.WARNING)  # the progress display says it all
    if search.sampler is None:
        return TPESampler(seed=recipe.seed + told)
    built = components.build(search.sampler, seed=recipe.seed + told)
    if not isinstance(built, BaseSampler):
        raise ComponentError(f"trials.sampler: {search.sampler.use} is not an Optuna sampler")
    return built


def scheduler(component: Component) -> Any:
    """The recipe's Ray scheduler.

    It stops points because they are worse than others, not because they have reached its ``max_t``: how long
    a good point trains is the task's affair, and one that is stopped counts as pruned.
    """
    from ray.tune.schedulers import PopulationBasedTraining, PopulationBasedTrainingReplay, TrialScheduler

    built = components.build(component, stop_last_trials=False)
    if not isinstance(built, TrialScheduler):
        raise ComponentError(f"trials.scheduler: {component.use} is not a Ray Tune scheduler")
    if isinstance(built, PopulationBasedTraining | PopulationBasedTrainingReplay):
        raise ComponentError(
            f"trials.scheduler: {component.use} changes a point's values while it trains, so that its rows "
            "would not be those of its recipe; take one that only stops points, such as ASHAScheduler"
        )
    return built


def frozen(search: Search, told: Told) -> FrozenTrial:
    """A point that was run, as Optuna wants to be told: complete, pruned or failed."""
    from optuna.trial import TrialState, create_trial

    state = TrialState.PRUNED if told.pruned else TrialState.COMPLETE
    if not math.isfinite(told.objective):
        state = TrialState.FAIL
    return create_trial(
        state=state,
        value=None if state == TrialState.FAIL else told.objective,
        params=params(search, told.point),
        distributions=space(search),
        intermediate_values=dict(told.curve),
    )


def read_told(directory: Path, pack_ids: Iterable[str]) -> list[Told]:
    """What the committed points of an earlier run of the launch teach."""
    abouts = [packs.read_about(directory, pack) for pack in sorted(pack_ids)]
    return [
        Told(a["point"], a["objective"], a.get("pruned", False), {int(s): v for s, v in a.get("curve", [])})
        for a in abouts
    ]


def read_again(directory: Path, there: Collection[str]) -> dict[int, dict[str, Any]]:
    """Points that failed in an earlier run of the launch and are to be tried again: number -> values.

    At their own values, whatever the sampler would propose now: the trials' ids, and with them their runs in
    MLflow, stand for these.
    """
    aside = packs.points_set_aside(directory)
    return {int(pack): point for pack, point in aside.items() if pack not in there}
