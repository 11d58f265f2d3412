"""However a launch ends, launch.json and its MLflow run say so, and nothing says otherwise afterwards."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lblhep.errors import LaunchError
from lblhep.launch import Launch, LaunchView, Progress, launch
from lblhep.launch.finish import LaunchEnd
from lblhep.launch.progress import ProgressCounter
from lblhep.launch.store import tables
from lblhep.launch.store.directory import LaunchDirectory, launches
from lblhep.launch.store.info import state
from lblhep.recipe import Recipe
from lblhep.tracking.store import connect
from lblhep.trials import plan

Toy = Callable[..., Recipe]
ALL = [f"{number:06d}" for number in range(12)]


def tracked(recipe: Recipe, info: dict[str, Any]) -> str:
    """What MLflow says of the launch's run."""
    return str(connect(recipe.workspace).get_run(info["run_id"]).info.status)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), LaunchError),
        (RuntimeError("Ray is gone"), RuntimeError),
        (SystemExit(3), SystemExit),
    ],
)
def test_an_error_ends_the_launch_as_failed(toy: Toy, error: BaseException, raised: type) -> None:
    recipe = toy("scan")

    def fail(progress: Progress) -> None:
        if progress.done == 6:
            raise error

    with pytest.raises(raised):
        launch(recipe, serial=True, observe=fail)
    directory = launches(recipe.workspace)[-1]
    info = LaunchView(directory).info
    assert (info["state"], tracked(recipe, info)) == ("failed", "FAILED")
    assert launch(recipe, serial=True, resume=True).state == "finished"
    assert tracked(recipe, info) == "FINISHED"


def test_the_error_is_told_though_nothing_can_be_written(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, real = toy("scan"), LaunchDirectory.update

    def full(directory: LaunchDirectory, **changes: Any) -> None:
        if changes["state"] != "running":
            raise OSError(28, "No space left on device", "launch.json")
        real(directory, **changes)

    def fail(progress: Progress) -> None:
        if progress.done == 6:
            raise RuntimeError("Ray is gone")

    monkeypatch.setattr(LaunchDirectory, "update", full)
    with pytest.raises(RuntimeError, match="Ray is gone"):
        launch(recipe, serial=True, observe=fail)
    directory = launches(recipe.workspace)[-1]
    info = LaunchView(directory).info
    assert (info["state"], state(directory, info), tracked(recipe, info)) == ("running", "killed", "FAILED")


def test_a_launch_runs_only_while_its_lock_is_held(toy: Toy) -> None:
    recipe, seen = toy("scan"), []

    def look(progress: Progress) -> None:
        directory = launches(recipe.workspace)[-1]
        seen.append(state(directory, LaunchView(directory).info))

    assert launch(recipe, serial=True, observe=look).state == "finished"
    assert set(seen) == {"running"}


def test_a_table_is_there_whole_or_not_at_all(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that a kill leaves in the launch's folder is removed on resuming."""
    recipe, real = toy("scan"), tables.write_table

    def half(frame: pd.DataFrame, path: Path) -> None:
        real(frame, path)
        if "rows.parquet" in path.name and path.parent.parent.name == "launches":
            path.write_bytes(path.read_bytes()[:100])
            path.with_name(".draft-node-1-0123abcd-rows.parquet").touch()
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tables, "write_table", half)
        with pytest.raises(LaunchError, match="No space left"):
            launch(recipe, serial=True)
    (directory,) = launches(recipe.workspace)
    assert not (directory / "rows.parquet").exists()
    assert len(list(directory.glob(".draft-*"))) == 1
    assert launch(recipe, serial=True, resume=True).state == "finished"
    assert not list(directory.glob(".draft-*"))


@pytest.mark.parametrize("late", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_after_the_final_state_changes_nothing(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, late: signal.Signals
) -> None:
    recipe = toy("scan")
    before, outcomes = signal.getsignal(late), []
    update, outcome = LaunchDirectory.update, LaunchEnd._outcome

    def then_signal(directory: LaunchDirectory, **changes: Any) -> None:
        update(directory, **changes)
        if changes.get("state") == "finished":
            signal.raise_signal(late)

    def again(ending: LaunchEnd, *arguments: Any, **named: Any) -> Launch:
        signal.raise_signal(late)
        outcomes.append(outcome(ending, *arguments, **named))
        return outcomes[-1]

    monkeypatch.setattr(LaunchDirectory, "update", then_signal)
    monkeypatch.setattr(LaunchEnd, "_outcome", again)
    ended = launch(recipe, serial=True)
    info = LaunchView(ended.directory).info
    assert (ended.state, info["state"], tracked(recipe, info)) == ("finished", "finished", "FINISHED")
    assert len(outcomes) == 1
    assert signal.getsignal(late) is before


def test_a_launch_without_a_finished_trial_has_nothing_to_report(toy: Toy) -> None:
    ended = launch(toy("scan", f"task.fail={ALL}", "trials.pack=12"), serial=True)
    assert (ended.state, ended.report) == ("failed", None)
    assert any("no trial has finished, so there is nothing to report" in said for said in ended.problems)
    assert not (ended.directory / "report-error.txt").exists()


@pytest.mark.parametrize("serial", [True, pytest.param(False, marks=pytest.mark.ray)])
def test_a_launch_in_which_all_fails_stops_early(
    toy: Toy, serial: bool, request: pytest.FixtureRequest
) -> None:
    if not serial:
        request.getfixturevalue("ray_session")
    recipe = toy("scan", f"task.fail={ALL}", "trials.pack=1", "groups=null")
    ended = launch(recipe, serial=serial)
    assert (ended.state, ended.exit_code) == ("failed", 1)
    assert 2 <= ended.progress.failed == ended.progress.done < 12
    assert ended.reasons == {"asked to fail": ended.progress.failed}
    assert "if a setting is wrong, mend it and run without --resume" in ended.message
    assert f"to try all again as they are: the same command with --resume {ended.id}" in ended.message
    assert launch(recipe, serial=True, resume=ended.id).progress.failed == 12


def test_one_pack_that_works_is_hope(toy: Toy) -> None:
    ended = launch(toy("scan", f"task.fail={ALL[1:]}", "trials.pack=3"), serial=True)
    assert (ended.progress.done, ended.progress.failed) == (12, 11)


def test_a_pack_that_starts_again_has_reached_nothing(toy: Toy) -> None:
    recipe = toy("scan", "trials.pack=1")
    counter, (first, second, *_) = ProgressCounter(recipe), plan(recipe, ()).packs
    for pack, step in ((first, 7), (second, 3)):
        counter.started(pack)
        counter.reached(pack, step)
    assert counter.snapshot().steps == (3, 7)
    counter.started(first)
    assert counter.snapshot().steps == (3,)
    counter.committed(second, tables.rows_table(second.trials, {}), {}, here=True)
    assert counter.snapshot().steps == ()


@pytest.mark.parametrize(("running", "all_failed"), [(1, True), (2, False)])
def test_packs_that_still_run_may_be_well(toy: Toy, running: int, all_failed: bool) -> None:
    recipe = toy("scan", "trials.pack=1")
    counter, (first, second, *others) = ProgressCounter(recipe), plan(recipe, ()).packs
    for pack in others[:running]:
        counter.started(pack)
    for pack in (first, second):
        assert not counter.all_failed
        counter.committed(pack, tables.rows_table(pack.trials, {}), {}, here=True)
    assert counter.all_failed == all_failed
