"""A launch's directory is made and kept here, and held by one driver at a time."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import atomic
from lblhep.errors import LaunchError
from lblhep.launch.store.checksums import checksums, record_text, write_record
from lblhep.launch.store.info import LOCK_FILE, SCHEMA, read_info
from lblhep.launch.store.inputs import code_digest, code_digests, fingerprints

if TYPE_CHECKING:
    from lblhep.recipe import Recipe


MAX_STUDY_LETTERS = 44
"""The most letters of a study's name in the ids of its launches, which have at most 64 letters."""


class LaunchDirectory:
    """Holds ``mlruns/launches/<id>`` and its launch.json, which is replaced whole at every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_info(path)

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def partition(self) -> dict[str, list[str]] | None:
        """Return the trial ids of each pack, as cut when the launch began; None for a search."""
        return self.info["partition"]  # type: ignore[no-any-return]

    def update(self, **changes: Any) -> None:
        """Change launch.json."""
        self.info |= changes
        text = record_text(self.info)
        atomic.write_file(self.path / "launch.json", lambda draft: draft.write_text(text))

    def held(self) -> AbstractContextManager[None]:
        """Hold the launch, as ``held`` does."""
        return held(self.path)

    def list_tables(self, files: Iterable[Path]) -> None:
        """State in launch.json the tables that its end has written, in place of those it stated."""
        stated = self.info.get("sha256")
        if stated is not None:  # a launch of format 1 states none
            kept = {name: value for name, value in stated.items() if not name.endswith(".parquet")}
            self.update(sha256=kept | checksums(self.path, files))


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the launch at ``path``: no second driver, here or on another node that shares the disk.

    The lock dies with its process, so a killed driver leaves none behind.

    Raises:
        LaunchError: another driver holds it.
    """
    with ExitStack() as lock:
        try:
            lock.enter_context(atomic.lock(path / LOCK_FILE, wait=False))
        except atomic.LockedError as holder:
            raise LaunchError(
                f"{path}: another driver ({holder}) is running this launch; wait for it, or stop it first"
            ) from None
        yield


def launches_folder(workspace: Path) -> Path:
    """Return the folder that holds the launches of a workspace, a folder each."""
    return workspace / "mlruns" / "launches"


def sweep_removed(folder: Path) -> None:
    """Remove what is left of launches whose removal was killed: drafts with a lock that nobody holds.

    A launch that is being made in ``folder`` has no lock yet, and one that is being removed is held.
    """
    for draft in atomic.drafts(folder):
        if (draft / LOCK_FILE).is_file() and not atomic.is_locked(draft / LOCK_FILE):
            shutil.rmtree(draft, ignore_errors=True)


def launches(workspace: Path) -> list[Path]:
    """Return the launches of a workspace, oldest first; before all others those that cannot be read.

    So the newest is one that can be worked with, and the broken ones are there to be listed and named.
    """
    found = launches_folder(workspace).glob("[!.]*/launch.json")
    return sorted((path.parent for path in found), key=_age)


def _age(path: Path) -> tuple[float, str]:
    try:
        return read_info(path)["started"], path.name
    except LaunchError:
        return -math.inf, path.name


def create(recipe: Recipe, partition: Mapping[str, list[str]] | None) -> LaunchDirectory:
    """Make a new launch directory of the recipe.

    Args:
        partition: the trial ids of each pack, by the pack's id; None for a search.

    Raises:
        LaunchError: ``mlruns`` cannot be written.
        CardError: a data card cannot be read.
    """
    parent = launches_folder(recipe.workspace)
    digests, data = code_digests(recipe.workspace, recipe.study), fingerprints(recipe)
    info = {
        "schema": SCHEMA,
        "id": None,
        "study": recipe.study,
        "state": "running",
        "started": time.time(),
        "recipe_digest": recipe.digest(),
        "code_digest": code_digest(digests),
        "code": digests,
        "data": data,
        "experiment": recipe.tracking.experiment or recipe.study,
        "run_id": None,
        "partition": partition,
    }
    try:
        parent.mkdir(parents=True, exist_ok=True)
        sweep_removed(parent)
        return LaunchDirectory(_placed(parent, info, recipe.to_yaml()))
    except OSError as error:
        for folder in (parent.parent, parent):
            if folder.is_file():
                message = (
                    f"{folder}: is a file; launches are kept in a folder of that name: move the file away"
                )
                raise LaunchError(message) from error
        raise LaunchError(
            f"{error.filename or parent}: {error.strerror}; a launch is kept there, so make it writable "
            "(or free some space) and run again"
        ) from error


def _placed(parent: Path, info: dict[str, Any], recipe: str) -> Path:
    """Write a launch under the first name that is free; two of one second get different names."""
    stem = f"{info['study'][:MAX_STUDY_LETTERS]}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            with atomic.whole_directory(path) as draft:
                (draft / "packs").mkdir()
                (draft / "groups").mkdir()
                (draft / "recipe.yaml").write_text(recipe)
                write_record(draft / "launch.json", info | {"id": path.name})
        except FileExistsError:
            continue
        return path
    raise LaunchError(f"{parent}: there are a thousand launches called {stem}")
