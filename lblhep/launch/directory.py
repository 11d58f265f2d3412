"""The launch's directory: made, kept, and held by one driver at a time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import atomic
from lblhep.errors import LaunchError
from lblhep.launch import commit, packs
from lblhep.launch.code import code_digest, code_digests
from lblhep.launch.data import fingerprints
from lblhep.launch.info import LOCK, SCHEMA, read_info

if TYPE_CHECKING:
    from lblhep.recipe import Recipe


class LaunchDirectory:
    """``mlruns/launches/<id>`` and its launch.json, which is replaced whole at every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_info(path)

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def partition(self) -> dict[str, list[str]] | None:
        """Pack id -> trial ids, as cut when the launch began; None for a search (not known then)."""
        return self.info["partition"]  # type: ignore[no-any-return]

    def update(self, **changes: Any) -> None:
        """Change launch.json."""
        self.info |= changes
        text = json.dumps(self.info, indent=1)
        atomic.write_file(self.path / "launch.json", lambda draft: draft.write_text(text))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the launch: no second driver, here or on another node that shares the disk.

        The lock dies with its process, so a killed driver leaves none behind.

        Raises:
            LaunchError: another driver holds it.
        """
        with ExitStack() as held:
            try:
                held.enter_context(atomic.lock(self.path / LOCK, wait=False))
            except atomic.LockedError as holder:
                raise LaunchError(
                    f"{self.path}: another driver ({holder}) is running this launch; "
                    "wait for it, or stop it first"
                ) from None
            yield

    def forget_failures(self) -> None:
        """Remove packs that are damaged or hold a failure, and the groups built on them: they run again.

        The groups first: as long as a bad pack is there, whoever resumes after a kill does all of this again.
        """
        there = {pack: self.path / "packs" / pack for pack in packs.committed(self.path)}
        bad = [
            pack
            for pack, path in there.items()
            if not commit.is_whole(path) or packs.read_failures(self.path, pack)
        ]
        for group in (self.path / "groups").glob("[!.]*"):
            if not commit.is_whole(group):
                atomic.remove_directory(group)
        if bad:  # which groups they were part of is cheap to find out again, and cheap to redo
            for group in sorted((self.path / "groups").glob("[!.]*")):
                atomic.remove_directory(group)
        for pack in sorted(bad):
            # Nothing else knows a search's point; if its pack.json is the damaged file, nothing does.
            if self.partition is None and commit.is_whole(there[pack] / "pack.json"):
                commit.set_aside(self.path, pack)
            else:
                atomic.remove_directory(there[pack])


def launches(workspace: Path) -> list[Path]:
    """The launches of a workspace, oldest first; before all others those that cannot be read.

    So the newest is one that can be worked with, and the broken ones are there to be listed and named.
    """
    found = (workspace / "mlruns" / "launches").glob("[!.]*/launch.json")
    return sorted((path.parent for path in found), key=_age)


def _age(path: Path) -> tuple[float, str]:
    try:
        return read_info(path)["started"], path.name
    except LaunchError:
        return -math.inf, path.name


def create(recipe: Recipe, partition: Mapping[str, list[str]] | None) -> LaunchDirectory:
    """A new launch directory of the recipe.

    Raises:
        LaunchError: ``mlruns`` cannot be written.
        CardError: a data card cannot be read.
    """
    parent = recipe.workspace / "mlruns" / "launches"
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
    stem = f"{info['study']}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            with atomic.whole_directory(path) as draft:
                (draft / "packs").mkdir()
                (draft / "groups").mkdir()
                (draft / "recipe.yaml").write_text(recipe)
                (draft / "launch.json").write_text(json.dumps(info | {"id": path.name}, indent=1))
        except FileExistsError:
            continue
        return path
    raise LaunchError(f"{parent}: there are a thousand launches called {stem}")
