"""A launch is removed whole, from disk and MLflow; one that runs, a link, or what lies elsewhere is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lblhep.cli import app
from lblhep.errors import LaunchError, TrackingError
from lblhep.launch import launch
from lblhep.launch.store import removal
from lblhep.launch.store.directory import LaunchDirectory, create, held, launches, launches_folder
from lblhep.launch.store.removal import remove
from lblhep.recipe import Recipe
from lblhep.tracking.store import connect

Toy = Callable[..., Recipe]


def runs(workspace: Path) -> set[str]:
    """The launches that MLflow has runs of."""
    client = connect(workspace)
    found = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    return {run.data.tags["lblhep.launch"] for run in found}


def test_nothing_is_left_of_it_and_others_stay(toy: Toy) -> None:
    recipe = toy("scan")
    first, second = (launch(recipe, serial=True) for _ in range(2))
    assert list(remove(recipe.workspace, [first.directory])) == [first.id]
    assert launches(recipe.workspace) == [second.directory]
    assert not list(first.directory.parent.glob(".*"))
    assert runs(recipe.workspace) == {second.id}


def test_of_several_none_goes_where_one_must_not(toy: Toy) -> None:
    recipe = toy("scan")
    sound, running = (launch(recipe, serial=True).directory for _ in range(2))
    with LaunchDirectory(running).held(), pytest.raises(LaunchError, match="another driver"):
        list(remove(recipe.workspace, [sound, running]))
    assert launches(recipe.workspace) == [sound, running]
    assert runs(recipe.workspace) == {sound.name, running.name}


def test_what_a_killed_removal_left_is_removed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next removal or launch removes them; a launch that is being removed or made is left alone."""
    recipe = toy("scan")
    monkeypatch.setattr(removal, "forget_launch", lambda workspace, launch: None)
    folder = launches_folder(recipe.workspace)

    def kill(path: Path) -> None:
        raise KeyboardInterrupt

    def kill_a_removal() -> Path:
        made = create(recipe, {})
        with monkeypatch.context() as patch:
            patch.setattr("lblhep.atomic.shutil.rmtree", kill)
            with pytest.raises(KeyboardInterrupt):
                list(remove(recipe.workspace, [made.path]))
        (left,) = folder.glob(".draft-*")
        return left

    left = kill_a_removal()
    with held(left):
        assert create(recipe, {}).path.is_dir()
        assert left.is_dir()
    list(remove(recipe.workspace, launches(recipe.workspace)))
    assert not left.exists()
    left = kill_a_removal()
    being_made = folder / ".draft-node-1-0123abcd-toy"
    being_made.mkdir()
    create(recipe, {})
    assert (left.exists(), being_made.exists()) == (False, True)


def test_runs_in_another_store_keep_the_launch(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy("scan")
    store = f"sqlite:///{tmp_path}/other.db"
    shutil.copy(recipe.workspace / "mlruns" / "mlflow.db", tmp_path / "other.db")
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        made = launch(recipe, serial=True)
    with pytest.raises(LaunchError, match=rf"its runs are in {store}: name that in MLFLOW_TRACKING_URI"):
        list(remove(recipe.workspace, [made.directory]))
    assert launches(recipe.workspace) == [made.directory]
    (tmp_path / "link.db").symlink_to("other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/link.db")
    assert list(remove(recipe.workspace, [made.directory])) == [made.id]
    assert runs(recipe.workspace) == set()


def test_a_store_that_is_there_no_more_is_no_hindrance(toy: Toy) -> None:
    """A workspace may have been moved with its launches and its store."""
    made = create(toy("scan"), {})
    made.update(store=f"sqlite:///{made.path}/no.db")
    assert list(remove(made.path.parents[2], [made.path])) == [made.id]


def test_a_store_that_gives_out_leaves_the_launch(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(workspace: Path, launch: str) -> None:
        raise TrackingError("no store")

    made = create(toy("scan"), {})
    monkeypatch.setattr(removal, "forget_launch", broken)
    with pytest.raises(TrackingError):
        list(remove(made.path.parents[2], [made.path]))
    assert launches(made.path.parents[2]) == [made.path]


@pytest.fixture
def call(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``call("toy-2026")``: ``lblhep rm -y``, in a workspace with one launch; nobody asks MLflow."""
    monkeypatch.chdir(create(toy("scan"), {}).path.parents[2])
    monkeypatch.setattr(removal, "forget_launch", lambda workspace, launch: None)
    return lambda *names: CliRunner().invoke(app, ["rm", "-y", *names])


@pytest.mark.parametrize(
    "name", ["", "t", "toy", "toy-", "toy-2", "toy-2026", "toy-2026120", ".", "..", "/", "*"]
)
def test_a_short_name_removes_nothing(call: Callable[..., Result], name: str) -> None:
    before = launches(Path.cwd())
    result = call(name)
    assert result.exit_code == 1, result.output
    assert launches(Path.cwd()) == before


@pytest.mark.parametrize("length", [len("toy-20261201"), None])
def test_the_study_and_the_day_are_enough(call: Callable[..., Result], length: int | None) -> None:
    (only,) = launches(Path.cwd())
    result = call(only.name[:length])
    assert f"removed {only.name}" in result.stdout, result.output
    assert not launches(Path.cwd())


def test_a_beginning_that_several_share_removes_none(call: Callable[..., Result], toy: Toy) -> None:
    create(toy("scan"), {})
    result = call(launches(Path.cwd())[0].name[: len("toy-20261201")])
    assert result.exit_code == 1
    assert "fits several launches" in result.stderr
    assert len(launches(Path.cwd())) == 2


def test_what_lies_elsewhere_is_refused(call: Callable[..., Result], tmp_path: Path) -> None:
    (only,) = launches(Path.cwd())
    folder, elsewhere = launches_folder(Path.cwd()), tmp_path / "elsewhere" / only.name
    shutil.copytree(only, elsewhere)
    shutil.copytree(elsewhere, only / "packs" / "within")
    (folder / "toy-20200101-000000").symlink_to(elsewhere)
    refused = {
        str(elsewhere): "no launch of this workspace",
        f"{only}/packs/within": "no launch of this workspace",
        f"{only}/../{only.name}": "`..`",
        f"mlruns/../../elsewhere/{only.name}": "`..`",
        "toy-20200101-000000": "is a link",
        str(folder / "toy-20200101-000000"): "is a link",
    }
    for name, reason in refused.items():
        result = call(only.name, name)
        assert result.exit_code == 1, (name, result.output)
        assert reason in " ".join(result.stderr.split()), name
    assert only.is_dir()
    assert (elsewhere / "launch.json").is_file()


@pytest.mark.parametrize("by_path", [False, True])
def test_mlruns_may_be_a_link_to_scratch(
    toy: Toy, tmp_path: Path, by_path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy("scan")
    mlruns = recipe.workspace / "mlruns"
    mlruns.rename(tmp_path / "scratch")
    mlruns.symlink_to(tmp_path / "scratch")
    monkeypatch.chdir(recipe.workspace)
    made = launch(recipe, serial=True)
    result = CliRunner().invoke(app, ["rm", "-y", os.path.relpath(made.directory) if by_path else made.id])
    assert result.exit_code == 0, result.output
    assert not launches(recipe.workspace)
    assert runs(recipe.workspace) == set()
    assert [*tmp_path.rglob("mlflow.db")] == [tmp_path / "scratch" / "mlflow.db"], "no stray database"


def test_a_broken_launch_can_be_removed(call: Callable[..., Result]) -> None:
    (only,) = launches(Path.cwd())
    (only / "launch.json").write_text("{")
    assert call(only.name).exit_code == 0
    assert not only.exists()
