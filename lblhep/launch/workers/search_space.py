"""Build a search from the recipe: Optuna's space and sampler, and what earlier points taught it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import components
from lblhep.errors import ComponentError
from lblhep.launch.store import packs
from lblhep.trials import SearchPlan

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from lblhep.recipe import Component, Dimension, Recipe, Search
    from lblhep.trials import Pack, Plan


@dataclass(frozen=True)
class PastPoint:
    """Holds what is known of a point that was run: its values and how it ended."""

    point: Mapping[str, Any]
    objective: float
    """The objective is NaN if the point failed (infinite too, in launches of an earlier version)."""
    pruned: bool = False
    curve: Mapping[int, float] = field(default_factory=dict)
    """A pruned point's objective by step, as it was reported while the point trained."""


def distribution(dimension: Dimension) -> BaseDistribution:
    """Return a dimension as Optuna has it: choices are numbered, and a range of integers has an open end."""
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
    """Return Optuna's distribution of each dimension of the search, by name."""
    return {name: distribution(dimension) for name, dimension in search.space.items()}


def values(search: Search, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return Optuna's parameters as the recipe's values: a choice's number becomes the choice."""
    return {
        name: params[name] if dimension.choices is None else dimension.choices[params[name]]
        for name, dimension in search.space.items()
    }


def params(search: Search, point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's values as Optuna's parameters: a choice becomes its number."""
    return {
        name: point[name] if dimension.choices is None else _position(dimension.choices, point[name])
        for name, dimension in search.space.items()
    }


def _position(choices: tuple[Any, ...], value: Any) -> int:
    """Return the number of a choice that has the value's type too; ``index`` would take True for 1."""
    return next(i for i, choice in enumerate(choices) if type(choice) is type(value) and choice == value)


def sampler(recipe: Recipe, search: Search, past: int = 0) -> BaseSampler:
    """Make the recipe's sampler (TPE if it names none), seeded by the recipe unless it gives a seed itself.

    Args:
        past: the number of points already run, of a resumed search: it goes into the seed, or the sampler's
            first, random proposals would be those it made before.

    Raises:
        ComponentError: the component is not an Optuna sampler.
    """
    from optuna import logging
    from optuna.samplers import BaseSampler, TPESampler

    logging.set_verbosity(logging.WARNING)  # the progress display says it all
    if search.sampler is None:
        return TPESampler(seed=recipe.seed + past)
    built = components.build(search.sampler, seed=recipe.seed + past)
    if not isinstance(built, BaseSampler):
        raise ComponentError(f"trials.sampler: {search.sampler.use} is not an Optuna sampler")
    return built


def scheduler(component: Component) -> Any:
    """Make the recipe's Ray scheduler.

    It stops points because they are worse than others, not because they have reached its ``max_t``: how long
    a good point trains is the task's affair, and one that is stopped counts as pruned.

    Raises:
        ComponentError: the component is no Ray Tune scheduler, or one that changes a point's values.
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


def frozen(search: Search, past: PastPoint) -> FrozenTrial:
    """Return a point that was run as Optuna's record of it: complete, pruned or failed."""
    from optuna.trial import TrialState, create_trial

    state = TrialState.PRUNED if past.pruned else TrialState.COMPLETE
    if not math.isfinite(past.objective):
        state = TrialState.FAIL
    return create_trial(
        state=state,
        value=None if state == TrialState.FAIL else past.objective,
        params=params(search, past.point),
        distributions=space(search),
        intermediate_values=dict(past.curve),
    )


def read_past_points(directory: Path, pack_ids: Iterable[str]) -> list[PastPoint]:
    """Read how the committed points of an earlier run of the launch ended."""
    abouts = [packs.read_about(directory, pack) for pack in sorted(pack_ids)]
    return [
        PastPoint(
            about["point"],
            about["objective"],
            about.get("pruned", False),
            {int(step): value for step, value in about.get("curve", [])},
        )
        for about in abouts
    ]


def read_failed_points(directory: Path, committed: Collection[str]) -> dict[int, dict[str, Any]]:
    """Read the values of points that failed in an earlier run and are to be tried again, by number.

    They keep their values, whatever the sampler would propose now: the trials' ids, and with them their runs
    in MLflow, stand for these.

    Args:
        committed: the packs that are there, so that their points are not tried again.
    """
    aside = packs.points_set_aside(directory)
    return {int(pack): point for pack, point in aside.items() if pack not in committed}


def pack_of(plan: Plan, config: Mapping[str, Any]) -> Pack:
    """Return the pack that the configuration of a Tune trial stands for.

    Args:
        config: the pack's id under ``pack``, and for a search's point Optuna's parameters under ``params``.
    """
    if isinstance(plan, SearchPlan):
        return plan.pack_of(config["pack"], values(plan.search, config["params"]))
    return plan.pack_of(config["pack"])
