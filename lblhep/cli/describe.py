"""``lblhep describe``: what a component takes, or what a recipe is made of."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lblhep.cli.console import say
from lblhep.errors import LblhepError

if TYPE_CHECKING:
    from lblhep.recipe import Recipe


def describe(
    name: Annotated[str, typer.Argument(metavar="RECIPE|MODULE:COMPONENT", help="What to describe.")],
) -> None:
    """Show a component's arguments and docstring, or a recipe's components."""
    from lblhep import components

    if ":" in name:
        components.on_path(_workspace())
        _describe_component(name)
    else:
        from lblhep.recipe import Recipe

        recipe = Recipe.read(Path(name))
        components.on_path(recipe.workspace)
        _describe_recipe(recipe)


def _workspace() -> Path:
    from lblhep.cli.workspace import workspace_here

    try:
        return workspace_here()
    except LblhepError:  # installed components can be described from anywhere
        return Path.cwd()


def _describe_component(use: str) -> None:
    from lblhep.components import load

    component = load(use)
    say(f"{use}{_signature(component)}")
    if (file := _source_file(component)) is not None:
        say(f"in {file}")
    for text in (inspect.getdoc(component), _doc_of_init(component)):
        if text:
            say()
            say(text)


def _source_file(component: Any) -> str | None:
    """Return the file that defines the component; None for what is not written in Python, and for
    instances."""
    try:
        return inspect.getsourcefile(component)
    except TypeError:
        return None


def _signature(component: Any) -> str:
    """Write one argument a line, with its type and default; empty for what has no signature (some C
    functions)."""
    try:
        signature = inspect.signature(component)
    except (TypeError, ValueError):
        return ""
    if not signature.parameters:
        return "()"
    lines = "".join(f"\n    {_parameter(parameter)}," for parameter in signature.parameters.values())
    return f"({lines}\n)"


def _parameter(parameter: inspect.Parameter) -> str:
    """Write a parameter as in the source: an annotation that Python kept as text is shown without quotes."""
    if isinstance(parameter.annotation, str):
        bare = parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
        default = "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}"
        return f"{bare}: {parameter.annotation}{default}"
    return str(parameter)


def _doc_of_init(component: Any) -> str | None:
    own = isinstance(component, type) and getattr(vars(component).get("__init__"), "__doc__", None)
    return inspect.cleandoc(own) if own else None


def _describe_recipe(recipe: Recipe) -> None:
    from lblhep.components import load

    trials = recipe.trials
    say(f"{recipe.study}: {recipe.title}" if recipe.title else recipe.study)
    say(f"{trials.kind}, {trials.total} trials; profiles: {', '.join(recipe.profiles) or 'none'}")
    for axis, path in trials.axes_of_trial.items():
        say(f"  {axis} -> {path}")
    for address, component in _components(recipe):
        say()
        say(f"{address}: {component.use}")
        say(f"    {_first_line(load(component.use))}")
        for name, value in component.arguments.items():
            say(f"    {name} = {getattr(value, 'use', value)}")


def _components(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    for section in ("datasets", "models"):
        for name, component in getattr(recipe, section).items():
            yield f"{section}.{name}", component
    yield "task", recipe.task
    for name, metric in recipe.metrics.items():
        yield f"metrics.{name}", metric
    for section in ("groups", "report"):
        if (component := getattr(recipe, section)) is not None:
            yield section, component


def _first_line(component: Any) -> str:
    return (inspect.getdoc(component) or "(no docstring)").splitlines()[0]
