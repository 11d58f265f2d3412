"""Failures are forgotten on resuming so that a kill at any step of it costs nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lblhep.launch import LaunchView, launch
from lblhep.recipe import Recipe


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it is run."""


def halfway(path: Path, *arguments: Any, **named: Any) -> None:
    """A removal that a kill breaks off: the first file is gone, the others stay."""
    first = sorted(path.rglob("*.json"), reverse=True)[:1]
    for file in first:
        file.unlink()


class Killer:
    """Lets ``steps`` renames and removals through; the next is done by half, or not at all."""

    def __init__(self, steps: int, half: bool) -> None:
        self.left, self.half = steps, half

    def wrap(self, real: Callable[..., Any], part: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            if self.left == 0:
                if self.half:
                    part(*arguments, **named)
                raise Killed
            self.left -= 1
            return real(*arguments, **named)

        return called


def kill_forgetting(directory: Path, step: int, half: bool, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether there was such a step to be killed at."""
    from lblhep.launch.store import resume
    from lblhep.launch.store.directory import LaunchDirectory

    killer = Killer(step, half)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killer.wrap(shutil.rmtree, halfway))
        patch.setattr(Path, "rename", killer.wrap(Path.rename, lambda *paths: None))
        try:
            resume.clear(LaunchDirectory(directory))
        except Killed:
            return True
    return False


def failed_once(toy: Callable[..., Recipe], kind: str, marker: Path) -> Recipe:
    """A scan of which one trial fails (its group is built on the others), or a search of failing points."""
    if kind == "scan":
        use = "experiments.toy.tasks:Partly"
        recipe = toy("scan", f"task={{use: '{use}', marker: {marker}, window: 0, fold: 0, rate: 0.1}}")
    else:
        use = "experiments.toy.tasks:Mended"
        recipe = toy(
            "search",
            f"task={{use: '{use}', marker: {marker}, window: 0, fold: 0, rate: 0.1}}",
            "trials.points=2",
        )
    tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
    if "Partly" not in tasks.read_text():
        tasks.write_text(tasks.read_text() + PARTLY)
    return recipe


PARTLY = '''

class Partly(Nap):
    """Trials 4 and 7 fail until its marker file is there."""

    def __init__(self, *, marker, **arguments):
        super().__init__(**arguments)
        self.fail = () if Path(marker).exists() else ("000004", "000007")
'''


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", ["scan", "search"])
def test_a_kill_at_any_step_leaves_nothing_of_a_failure(
    toy: Callable[..., Recipe], tmp_path: Path, kind: str, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, broken = tmp_path / "mended", tmp_path / "broken"
    recipe = failed_once(toy, kind, marker)
    directory = launch(recipe, serial=True).directory
    shutil.copytree(directory, broken)
    marker.touch()
    expected = LaunchView(launch(recipe, serial=True).directory)
    step = 0
    while kill_forgetting(directory, step, half, monkeypatch):
        resumed = launch(recipe, serial=True, resume=directory.name)
        assert resumed.state == "finished", f"killed at step {step}"
        found = LaunchView(directory)
        assert (found.rows["status"] == "finished").all()
        assert len(found.rows) == len(expected.rows)
        if kind == "scan":  # another search draws other points
            np.testing.assert_array_equal(found.groups["score"], expected.groups["score"])
        assert not [path for path in directory.glob("*/.*") if path.is_dir()], "swept"
        shutil.rmtree(directory)
        shutil.copytree(broken, directory)
        step += 1
    assert step >= (10 if kind == "scan" else 2)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("scan", "pack.json"),  # a search's point is lost with it
        *product(("scan", "search"), ("rows.parquet", "arrays.npz", "metrics.json")),
    ],
)
def test_what_is_damaged_is_made_again(toy: Callable[..., Recipe], kind: str, file: str) -> None:
    """A power cut, or a copy that broke off, may leave such damage."""
    recipe = toy(kind, *(["trials.points=2"] if kind == "search" else []))
    directory = launch(recipe, serial=True).directory
    before = LaunchView(directory)
    expected, groups = before.rows, before.groups
    damaged = sorted(directory.glob(f"*/*/**/{file}"))[-1]
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    resumed = launch(recipe, serial=True, resume=directory.name)
    assert resumed.state == "finished"
    found = LaunchView(directory)
    pd.testing.assert_frame_equal(found.groups, groups, check_exact=True)
    pd.testing.assert_frame_equal(found.rows, expected, check_exact=True)


def test_a_pack_is_on_the_disk_before_it_has_its_name(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    from lblhep import atomic

    synced: list[Path] = []
    monkeypatch.setattr(atomic, "to_disk", lambda path: synced.append(path))
    launch(toy("scan"), serial=True)
    names = {(path.parent.parent.name, path.name) for path in synced}
    assert names >= {("packs", "pack.json"), ("packs", "rows.parquet"), ("packs", "arrays.npz")}
    assert ("groups", "metrics.json") in names
