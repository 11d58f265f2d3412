"""Find each problem of a recipe that needs more than its file: components, data cards, axis values.

``Recipe.read`` has looked at the form. Here each component is imported and asked for its signature, each data
card is read, and every axis is tried at its values, so that a launch does not end where it could not start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from lblhep import components
from lblhep.arguments import argument_faults
from lblhep.cards import Column, list_cards, read_card
from lblhep.errors import CardError, ComponentError, Problem, RecipeError
from lblhep.recipe import Axis, Component, Dimension, Recipe, Scan, Search
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.marks import Keys, dotted
from lblhep.trials import is_batched

MAX_AXIS_VALUES = 50
"""Values of a listed axis that are tried; of a range, its ends."""

ROLES_NOT_FEATURES = ("truth", "weight", "id")
"""Roles of the columns that nothing may learn from."""


ARGUMENTS_ABOUT_OTHERS = ("use", "card", "goal", "by", "features", "model", "dataset")
"""Keys of a component whose value must fit other sections of the recipe, or its own other keys."""


@dataclass(frozen=True)
class Place:
    """Holds a component, where it stands, and what its caller will give it."""

    keys: Keys
    component: Component
    given: tuple[str, ...] = ()
    partial: bool = False
    """Whether its caller passes arguments that nobody knows beforehand: then none is called missing."""


def problems(recipe: Recipe, imports: bool = True) -> list[Problem]:
    """Return everything that is wrong, at its line; without ``imports``, what can be told without the
    components."""
    found = [*_workspace(recipe), *_cards(recipe), *_features(recipe), *_references(recipe)]
    if imports:
        components.on_path(recipe.workspace)
        found += [*chain.from_iterable(_arguments(recipe, place) for place in _places(recipe))]
        found += [*_roles(recipe), *_batching(recipe), *_unknown_features(recipe)]
    found += [*_axis_values(recipe, imports, {problem.path for problem in found})]
    if imports and not found:  # a report that looks at a recipe may take it for sound
        found += [*_refused(recipe)]
    return [*dict.fromkeys(found)]


def _workspace(recipe: Recipe) -> Iterator[Problem]:
    stray = recipe.workspace / "experiments" / "__init__.py"
    if stray.is_file():
        yield Problem(str(stray), 0, 0, "", "hides the studies that come with lblhep", "remove this file")


def _places(recipe: Recipe) -> Iterator[Place]:
    """Yield every component that the recipe itself names."""
    yield Place(("task",), recipe.task)
    yield from (Place(("datasets", name), each, ("data", "rng")) for name, each in recipe.datasets.items())
    yield from (Place(("models", name), each, ("rng",), True) for name, each in recipe.models.items())
    yield from (Place(("metrics", name), each) for name, each in recipe.metrics.items())
    if recipe.groups is not None:
        yield Place(("groups",), recipe.groups)
    if recipe.report is not None:
        yield Place(("report",), recipe.report)
    if isinstance(recipe.trials, Search):
        if recipe.trials.sampler is not None:
            yield Place(("trials", "sampler"), recipe.trials.sampler, ("seed",))
        if recipe.trials.scheduler is not None:
            yield Place(("trials", "scheduler"), recipe.trials.scheduler)


def _within(place: Place) -> Iterator[Place]:
    """Yield a component, and those inside its arguments."""
    yield place
    for name, value in place.component.arguments.items():
        yield from _nested((*place.keys, name), value)


def _nested(keys: Keys, value: Any) -> Iterator[Place]:
    """Yield the components inside an argument, whose receivers build them, and those inside theirs."""
    if isinstance(value, Component):
        yield from _within(Place(keys, value, partial=True))
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nested((*keys, key), item)


def _arguments(recipe: Recipe, place: Place) -> Iterator[Problem]:
    """Yield a problem unless the component and those inside it import and take their arguments."""
    for each in _within(place):
        yield from _own_arguments(recipe, each)


def _own_arguments(recipe: Recipe, place: Place) -> Iterator[Problem]:
    arguments = place.component.arguments
    try:
        target = components.load(place.component.use)
    except ComponentError as error:
        yield recipe.problem((*place.keys, "use"), str(error))
    else:
        for fault in argument_faults(target, arguments, set(place.given)):
            missing = fault.keys[0] not in arguments
            if not (missing and place.partial):
                yield recipe.problem((*place.keys, *fault.keys), fault.message, fault.hint)


def _loaded(component: Component | None) -> Any:
    """Return the component's object, or None where ``_arguments`` has reported that there is none."""
    try:
        return None if component is None else components.load(component.use)
    except ComponentError:
        return None


def _roles(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem unless task, Combine and report have the method that the harness calls."""
    wanted = (("task", recipe.task, "run"), ("report", recipe.report, "render"))
    for section, component, method in wanted:
        target = _loaded(component)
        if target is not None and not (isinstance(target, type) and hasattr(target, method)):
            name = getattr(target, "__name__", "it")
            yield recipe.problem((section, "use"), f"{name} is no {section}: a class with `{method}`")
    combine = _loaded(recipe.groups)
    if isinstance(combine, type) and not any("__call__" in vars(cls) for cls in combine.__mro__):
        yield recipe.problem(("groups", "use"), f"{combine.__name__} has no `__call__`")


def _refused(recipe: Recipe) -> Iterator[Problem]:
    """Yield what the report says of its own arguments in this recipe, where it has a method ``refuses``."""
    if recipe.report is None or not hasattr(_loaded(recipe.report), "refuses"):
        return
    try:
        faults = components.build(recipe.report).refuses(recipe)
    except Exception as error:  # a constructor may mind its arguments, and a report may miss what it needs
        yield recipe.problem(("report",), f"{type(error).__name__}: {error}")
    else:
        yield from (recipe.problem(("report", name), message) for name, message in faults.items())


def _references(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem unless the ``model`` and ``dataset`` of the task, and of components inside it, are in
    the recipe."""
    for place in _within(Place(("task",), recipe.task)):
        for argument, known in (("model", recipe.models), ("dataset", recipe.datasets)):
            name = place.component.arguments.get(argument)
            if isinstance(name, str) and name not in known:
                message = f"the recipe has no {argument} called `{name}`"
                yield recipe.problem((*place.keys, argument), message, did_you_mean(name, known))


def _batching(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem unless the task can hold in one pack what the recipe wants there."""
    task = _loaded(recipe.task)
    if task is None:
        return
    over: tuple[str, ...] = getattr(task, "batches_over", ())
    declared = f"{task.__name__} batches over {', '.join(over) or 'nothing'}"
    trials = recipe.trials
    if isinstance(trials, Scan) and not any(is_batched(axis, over) for axis in trials.axes.values()):
        if trials.pack > 1:
            message = f"is {trials.pack}, but no axis can share a pack: {declared}"
            yield recipe.problem(("trials", "pack"), message)
    elif isinstance(trials, Search):
        for name, axis in trials.replicates.items():
            if not is_batched(axis, over):
                message = f"`{axis.path}` cannot differ inside a pack: {declared}"
                yield recipe.problem(("trials", "replicates", name, "path"), message)


def _cards(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem unless each data set's card is there and can be read."""
    for name, dataset in recipe.datasets.items():
        if dataset.card is None:
            continue
        keys: Keys = ("datasets", name, "card")
        cards = list_cards(recipe.workspace)
        if dataset.card not in cards:
            message = f"there is no data_cards/{dataset.card}.yaml in {recipe.workspace}"
            yield recipe.problem(keys, message, did_you_mean(dataset.card, cards))
            continue
        try:
            read_card(recipe.workspace, dataset.card)
        except RecipeError as error:
            yield from error.problems
        except CardError as error:
            yield recipe.problem(keys, str(error))


def _features(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem if an argument ``features`` names a column that gives the answer away."""
    hidden = {name: _hidden_columns(recipe, dataset.card) for name, dataset in recipe.datasets.items()}
    every = {column: role for columns in hidden.values() for column, role in columns.items()}
    places: list[tuple[Keys, Component, dict[str, str]]] = [(("task",), recipe.task, every)]
    places += [(("models", name), model, every) for name, model in recipe.models.items()]
    places += [(("datasets", name), each, hidden[name]) for name, each in recipe.datasets.items()]
    for keys, component, columns in places:
        features = component.arguments.get("features")
        for index, feature in enumerate(features if isinstance(features, list) else ()):
            role = columns.get(feature) if isinstance(feature, str) else None
            if role is not None:
                message = f"`{feature}` is a column of role {role}: nothing may learn from it"
                yield recipe.problem((*keys, "features", index), message)


def _unknown_features(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem unless the ``features`` of a data set are columns of its card, or computed from such.

    A data set that computes features declares them in the class attribute ``derived_features``: a map of each
    to the columns that it needs.
    """
    for name, dataset in recipe.datasets.items():
        columns = _columns(recipe, dataset.card)
        features = dataset.arguments.get("features")
        if not columns or not isinstance(features, list):
            continue
        target = _loaded(dataset)
        derived: Mapping[str, Iterable[str]] = getattr(target, "derived_features", {})
        for index, feature in enumerate(features):
            if not isinstance(feature, str):
                continue
            keys = ("datasets", name, "features", index)
            absent = [column for column in derived.get(feature, [feature]) if column not in columns]
            if feature in derived and absent:
                message = f"`{feature}` is computed from {', '.join(absent)}, which {dataset.card} lacks"
                yield recipe.problem(keys, message)
            elif absent:
                message = f"`{feature}` is no column of {dataset.card}, nor a derived feature of its data set"
                yield recipe.problem(keys, message, did_you_mean(feature, [*columns, *derived]))


def _columns(recipe: Recipe, card: str | None) -> dict[str, Column]:
    """Return the columns of a card, none if there is no card."""
    try:
        return {} if card is None else read_card(recipe.workspace, card).columns
    except (CardError, RecipeError):  # ``_cards`` reports it
        return {}


def _hidden_columns(recipe: Recipe, card: str | None) -> dict[str, str]:
    """Map those columns of a card that are no observables to their roles."""
    columns = _columns(recipe, card)
    return {name: column.role for name, column in columns.items() if column.role in ROLES_NOT_FEATURES}


def _axis_values(recipe: Recipe, imports: bool, known: set[str]) -> Iterator[Problem]:
    """Yield a problem unless the recipe still holds at the values of each axis; faults known without them are
    left out."""
    trials = recipe.trials
    inside = {dotted(place.keys): place for each in _places(recipe) for place in _within(each)}
    for section in ("axes", "space", "replicates"):
        for name, axis in getattr(trials, section, {}).items():
            holder, _, argument = axis.path.rpartition(".")
            alone = holder in inside and argument not in ARGUMENTS_ABOUT_OTHERS
            for value in _tried(axis):
                if alone and _is_plain(value):
                    found = _argument_faults(inside[holder], argument, value) if imports else []
                else:
                    found = _faults_at(recipe, name, value, imports)
                for path, message, hint in found:
                    if path not in known:
                        place: Keys = ("trials", section, name)
                        yield recipe.problem(place, f"at {value!r:.60}, {path} {message}", hint)


def _is_plain(value: Any) -> bool:
    """Return whether an axis value is one argument's, and no component is in it."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return not isinstance(value, dict)


def _argument_faults(place: Place, argument: str, value: Any) -> list[tuple[str, str, str]]:
    """Return the faults of a value that one component alone sees: (path, message, hint) of each."""
    try:
        target = components.load(place.component.use)
    except ComponentError:  # ``_arguments`` reports it
        return []
    return [
        (dotted((*place.keys, *fault.keys)), fault.message, fault.hint)
        for fault in argument_faults(target, {argument: value}, set(place.given), complete=False)
    ]


def _faults_at(recipe: Recipe, axis: str, value: Any, imports: bool) -> list[tuple[str, str, str]]:
    """Return the faults of the whole recipe at a value: (path, message, hint) of each."""
    try:
        trial = recipe.at({axis: value})
    except RecipeError as error:
        return [(problem.path, problem.message, problem.hint) for problem in error.problems]
    path = recipe.trials.axes_of_trial[axis]
    found = [*_cards(trial), *_features(trial), *_references(trial)]
    if imports:
        found += _unknown_features(trial)
        touched = (place for place in _places(trial) if f"{path}.".startswith(f"{dotted(place.keys)}."))
        found += chain.from_iterable(_arguments(trial, place) for place in touched)
    return [(problem.path, problem.message, problem.hint) for problem in found]


def _tried(axis: Axis | Dimension) -> list[Any]:
    """Return the values of an axis that are tried: of a range or prior the ends, else each."""
    if isinstance(axis, Axis):
        points = axis.points
        return [*points[:MAX_AXIS_VALUES]] if axis.range is None else [points[0], points[-1]]
    if axis.int_uniform is not None:
        return [axis.int_uniform[0], axis.int_uniform[1] - 1]
    bounds = axis.uniform or axis.log_uniform
    return [float(bound) for bound in bounds] if bounds is not None else [*(axis.choices or ())]
