"""``lblhep new``: make a small complete study to start from, which runs as it stands."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lblhep.cli.console import say
from lblhep.errors import LblhepError
from lblhep.names import MAX_NAME_LENGTH, name_fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

PLACEHOLDER = "mystudy"  # the template's own name: its files are valid as they stand
SUFFIX = ".template"  # keeps linters and importers away from them


def new(name: Annotated[str, typer.Argument(metavar="NAME", help="The study's name, e.g. mystudy.")]) -> None:
    """Make a workspace here (or add to the one here) with a study that runs at once."""
    if name_fault(name) or not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise LblhepError(
            f"{name!r} cannot name a study: it becomes a Python package, "
            f"so take a-z, 0-9 and _, such as my_study, at most {MAX_NAME_LENGTH} of them"
        )
    here = Path.cwd()
    content = {here / path: text for path, text in study_files(name).items()}
    _refuse_to_overwrite(here, name, content)
    made = []
    for path, text in content.items():
        if path.exists():
            continue  # mlruns/.gitignore of a workspace that is already there
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    for path in made:
        say(f"made {path.relative_to(here)}")
    say()
    say(f"run it:   lblhep run recipes/{name}.yaml")
    say(f"read it:  recipes/{name}.yaml, then experiments/{name}/README.md")


def study_files(name: str) -> dict[Path, str]:
    """Map the relative path to the content of every file of a new study."""
    template = files("lblhep.cli") / "template"
    found = {}
    for path, file in _walk(template, Path()):
        target = Path(str(path).replace(PLACEHOLDER, name).removesuffix(SUFFIX))
        found[target] = file.read_text(encoding="utf-8").replace(PLACEHOLDER, name)
    return found


def _walk(folder: Traversable, below: Path) -> Iterator[tuple[Path, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, below / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield below / entry.name, entry


def _refuse_to_overwrite(here: Path, name: str, content: dict[Path, str]) -> None:
    there = [path for path in content if path.exists() and path.name != ".gitignore"]
    if there:
        names = ", ".join(str(path.relative_to(here)) for path in there)
        raise LblhepError(f"already there, nothing written: {names}; take another name than {name!r}")
    stray = here / "experiments" / "__init__.py"
    if stray.exists():
        raise LblhepError(
            f"{stray.relative_to(here)} hides lblhep's own studies from Python: remove it and run this again"
        )
