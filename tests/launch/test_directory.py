"""A launch directory is there whole or not at all, and a broken one hinders no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lblhep.errors import LaunchError
from lblhep.launch import LaunchView, launch
from lblhep.launch.store import directory
from lblhep.launch.store.directory import LaunchDirectory, create, launches
from lblhep.recipe import Recipe

Toy = Callable[..., Recipe]


def interrupted(recipe: Recipe) -> LaunchDirectory:
    made = create(recipe, {f"{n:06d}": [f"{3 * n + k:06d}" for k in range(3)] for n in range(4)})
    made.update(state="interrupted")
    return made


@pytest.mark.parametrize("file", ["recipe.yaml", "launch.json"])
def test_a_full_disk_leaves_no_launch(toy: Toy, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, real = toy("scan"), Path.write_text

    def full(path: Path, *arguments: Any, **named: Any) -> int:
        if path.name == file:
            path.touch()
            raise OSError(28, "No space left on device", str(path))
        return real(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(LaunchError, match=r"No space left.*free some space"):
            create(recipe, {})
    assert not list((recipe.workspace / "mlruns" / "launches").iterdir())


def test_a_kill_while_it_is_made_leaves_none(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = toy("scan")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *arguments, **named: None)
        patch.setattr(Path, "rename", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            create(recipe, {})
    assert len(list((recipe.workspace / "mlruns" / "launches").iterdir())) == 1
    assert launches(recipe.workspace) == []


def test_launches_of_one_second_get_different_names(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = toy("scan")
    monkeypatch.setattr(directory.time, "strftime", lambda form: "20300101-000000")
    made = [create(recipe, {}) for _ in range(3)]
    stem = "toy-20300101-000000"
    assert [one.id for one in made] == [stem, f"{stem}-2", f"{stem}-3"] == [one.info["id"] for one in made]
    assert launches(recipe.workspace) == [one.path for one in made]


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "another"}', None])
def test_a_broken_launch_hinders_no_other(toy: Toy, content: str | None) -> None:
    recipe = toy("scan")
    first, broken = interrupted(recipe), interrupted(recipe)
    if content is None:
        (broken.path / "recipe.yaml").unlink()
    else:
        (broken.path / "launch.json").write_text(content)
    assert launches(recipe.workspace) == [broken.path, first.path]  # the newest is the one that works
    with pytest.raises(LaunchError, match=rf"{broken.id}/(launch.json|recipe.yaml): "):
        launch(recipe, serial=True, resume=broken.id)
    with pytest.raises(LaunchError, match=broken.id):
        LaunchView(broken.path)
    outcome = launch(recipe, serial=True, resume=True)
    assert (outcome.id, outcome.state) == (first.id, "finished")


def test_a_launch_is_resumed_by_its_directory_too(toy: Toy) -> None:
    recipe = toy("scan")
    made = interrupted(recipe)
    outcome = launch(recipe, serial=True, resume=f"{made.path}/")
    assert (outcome.id, outcome.state) == (made.id, "finished")
