"""The launch's directory: made, kept, and held by one driver at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.errors import LaunchError
from lblhep.launch import commit, packs
from lblhep.launch.code import code_digest, code_digests
from lblhep.launch.data import fingerprints

if TYPE_CHECKING:
    from lblhep.recipe import Recipe

SCHEMA = "lblhep/launch@1"


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
        draft = self.path / f".launch.json.{os.getpid()}"
        draft.write_text(json.dumps(self.info, indent=1))
        draft.rename(self.path / "launch.json")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the launch: no second driver, here or on another node that shares the disk.

        The lock dies with its process, so a killed driver leaves none behind.

        Raises:
            LaunchError: another driver holds it.
        """
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise LaunchError(
                    f"{self.path}: another driver ({lock.read().strip() or 'unknown'}) "
                    "is running this launch; wait for it, or stop it first"
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {os.uname().nodename}\n")
            lock.flush()
            yield

    def forget_failures(self) -> None:
        """Remove packs that hold a failure, and the groups built on them, so that they run again.

        The groups first: as long as a bad pack is there, whoever resumes after a kill does all of this again.
        """
        bad = [pack for pack in packs.committed(self.path) if packs.read_failures(self.path, pack)]
        if bad:  # which groups they were part of is cheap to find out again, and cheap to redo
            for group in sorted((self.path / "groups").glob("[!.]*")):
                commit.discard(group)
        for pack in sorted(bad):
            if self.partition is None:  # nothing else knows a search's point
                commit.set_aside(self.path, pack)
            else:
                commit.discard(self.path / "packs" / pack)


def read_info(path: Path) -> dict[str, Any]:
    """launch.json: id, study, state, digests of recipe, code and data, partition, MLflow run.

    Raises:
        LaunchError: there is none, or it is not one of ours.
    """
    try:
        content: dict[str, Any] = json.loads((path / "launch.json").read_text())
    except FileNotFoundError:
        raise LaunchError(f"{path}: no launch here (launch.json is missing)") from None
    except ValueError as error:
        raise LaunchError(f"{path / 'launch.json'}: not readable as JSON ({error})") from error
    if content.get("schema") != SCHEMA:
        raise LaunchError(f"{path / 'launch.json'}: schema {content.get('schema')!r} is not {SCHEMA!r}")
    return content


def launches(workspace: Path) -> list[Path]:
    """The launches of a workspace, oldest first."""
    found = [path.parent for path in (workspace / "mlruns" / "launches").glob("*/launch.json")]
    return sorted(found, key=lambda path: (path / "recipe.yaml").stat().st_mtime)


def create(recipe: Recipe, partition: Mapping[str, list[str]] | None) -> LaunchDirectory:
    """A new launch directory of the recipe.

    Raises:
        LaunchError: ``mlruns`` cannot be written.
        CardError: a data card cannot be read.
    """
    parent = recipe.workspace / "mlruns" / "launches"
    stem = f"{recipe.study}-{time.strftime('%Y%m%d-%H%M%S')}"
    digests, data = code_digests(recipe.workspace, recipe.study), fingerprints(recipe)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        path = _fresh(parent, stem)
        (path / "packs").mkdir()
        (path / "groups").mkdir()
        (path / "recipe.yaml").write_text(recipe.to_yaml())
        info = {
            "schema": SCHEMA,
            "id": path.name,
            "study": recipe.study,
            "state": "running",
            "started": time.time(),
            "recipe_digest": recipe.digest(),
            "code_digest": code_digest(digests),
            "code": digests,
            "data": data,
            "run_id": None,
            "partition": partition,
        }
        (path / "launch.json").write_text(json.dumps(info, indent=1))
    except OSError as error:
        raise LaunchError(
            f"{error.filename or parent}: {error.strerror}; a launch is kept there, so make it writable "
            "(or free some space) and run again"
        ) from error
    return LaunchDirectory(path)


def _fresh(parent: Path, stem: str) -> Path:
    """A directory that did not exist: two launches of one second get different names."""
    for number in range(1, 1000):
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise LaunchError(f"{parent}: there are a thousand launches called {stem}")
