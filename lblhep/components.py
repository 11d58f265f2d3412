"""Import the component that ``use: module:Attribute`` names, and check its arguments.

The rule of ``build``: a class is instantiated; any other callable (a plain metric, a Combine, a producer) is
bound to its arguments with ``functools.partial`` and is called later, by whoever asked for it.
"""

from __future__ import annotations

import functools
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lblhep.arguments import argument_faults, parameters
from lblhep.errors import ComponentError
from lblhep.recipe import Component
from lblhep.recipe.hints import alike_first, did_you_mean


def on_path(workspace: Path) -> None:
    """Puts the workspace first on the import path, so that its ``experiments/`` is found before others.

    Drivers and workers call it once, before anything is loaded.
    """
    folder = str(workspace.resolve())
    if sys.path[:1] != [folder]:
        sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
        importlib.invalidate_caches()


def load(use: str) -> Callable[..., Any]:
    """Import the object at an import path. Raises ComponentError that says what is not there, with a hint."""
    module_name, _, attribute = use.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a module of the user's may raise anything while it is imported
        raise ComponentError(_import_fault(use, module_name, error)) from error
    for step in attribute.split("."):
        if not hasattr(found, step):
            hint = did_you_mean(step, alike_first(step, _public(found)))
            raise ComponentError(f"`{use}`: {module_name} has no `{step}`" + (hint and f"; {hint}"))
        found = getattr(found, step)
    if not callable(found):
        raise ComponentError(f"`{use}` is a {type(found).__name__}, which cannot be called")
    # Signatures are cached by object: a callable that cannot be hashed gets a shell that can.
    return functools.partial(found) if type(found).__hash__ is None else found


def build(component: Component, /, **given: Any) -> Any:
    """Build the component's object: an instance of its class, or its function bound to the arguments.

    ``given`` is what the harness offers; it is passed where the signature names it and the recipe does not.
    Components inside the arguments stay as they are, for the receiver to build. Raises ComponentError if
    the arguments do not fit; what the object itself raises comes through.
    """
    target = load(component.use)
    arguments = component.arguments
    faults = argument_faults(target, arguments, given.keys())
    if faults:
        raise ComponentError("\n".join(f"`{component.use}`: {fault}" for fault in faults))
    wanted = parameters(target).keys() & given.keys() - arguments.keys()
    arguments |= {name: given[name] for name in wanted}
    return target(**arguments) if isinstance(target, type) else functools.partial(target, **arguments)


def _public(found: Any) -> list[str]:
    """Return the public names inside an object."""
    return [name for name in dir(found) if not name.startswith("_")]


def _import_fault(use: str, module_name: str, error: BaseException) -> str:
    """Return why a module does not import: absent (with the nearest name), or failing on its own."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        raised = f"{type(error).__name__}: {error}{raised_at(error)}"
        return f"`{use}`: importing {module_name} failed: {raised}"
    if not f"{module_name}.".startswith(f"{error.name}."):
        return f"`{use}`: {module_name} needs the package `{error.name}`, which is not installed"
    parent, _, missing = error.name.rpartition(".")
    hint = did_you_mean(missing, _modules(parent))
    return f"`{use}`: there is no module `{error.name}`" + (hint and f"; {hint}")


def raised_at(error: BaseException) -> str:
    """Return the innermost line outside installed packages; nothing for a SyntaxError, which says itself
    where."""
    if isinstance(error, SyntaxError):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    frame = [frame for frame in frames if "site-packages" not in frame.filename][-1]
    return f" ({frame.filename}:{frame.lineno})"


def _modules(package: str) -> list[str]:
    """Return the modules inside a package that is imported already (all top-level ones would be too many)."""
    folders = getattr(sys.modules.get(package), "__path__", ())
    entries = [entry for folder in folders if Path(folder).is_dir() for entry in Path(folder).iterdir()]
    return sorted({entry.stem for entry in entries if entry.suffix == ".py" or entry.is_dir()})
