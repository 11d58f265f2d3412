"""A scan, serially: what it leaves on disk, how failures stay where they belong, how it is resumed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lblhep import components
from lblhep.errors import CardError, LaunchError
from lblhep.launch import Launch, LaunchView, Progress, launch
from lblhep.launch.store import commit, packs

CARD = """
schema: lblhep/card@1
name: naps
title: Naps
licence: CC0-1.0
citation: none
columns:
  length: {unit: "1", role: observable, description: how long}
sources:
  files:
    - {path: naps.csv, sha256: null}
"""


def view(outcome: Launch) -> LaunchView:
    return LaunchView(outcome.directory)


def test_rows_groups_and_arrays(toy):
    seen: list[Progress] = []
    outcome = launch(toy("scan", "task.epochs=2"), serial=True, observe=seen.append)
    assert outcome.state == "finished"
    assert outcome.exit_code == 0
    found = view(outcome)
    assert list(found.rows.columns) == ["trial", "name", "window", "fold", "score", "noise", "status"]
    assert found.rows["trial"].tolist() == [f"{i:06d}" for i in range(12)]
    assert (found.rows["status"] == "finished").all()
    assert found.groups["window"].tolist() == [0, 1, 2, 3]
    assert len(found.curves) == 24
    expected = sum(found.arrays(f"{i:06d}", "noise")["values"] for i in range(3))
    np.testing.assert_array_equal(found.group_arrays("000000")["spectrum"], expected)
    assert seen[-1].done == seen[-1].total == 12
    assert seen[-1].best == ("score", pytest.approx(-0.23), "window=0 fold=2")


def test_random_streams_follow_the_declared_arguments_only(toy):
    """``noise`` depends on the window, which the task declares, and not on the fold."""
    rows = view(launch(toy("scan"), serial=True)).rows
    assert (rows.groupby("window")["noise"].nunique() == 1).all()
    assert rows["noise"].nunique() == 4


def test_same_packs_give_the_same_bits(toy):
    first, second = (view(launch(toy("scan"), serial=True)).rows for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_failing_trial_leaves_its_pack_alone(toy):
    outcome = launch(toy("scan", "task.fail=['000004']"), serial=True)
    assert (outcome.state, outcome.exit_code, outcome.progress.failed) == ("failed", 1, 1)
    rows = view(outcome).rows.set_index("trial")
    assert rows["status"].value_counts().to_dict() == {"finished": 11, "failed": 1}
    assert np.isnan(rows.loc["000004", "score"])


def test_an_exception_fails_its_pack_and_keeps_the_traceback(toy):
    outcome = launch(toy("scan", "task.crash=['000003']"), serial=True)
    assert outcome.progress.failed == 3
    assert "all its trials failed" in outcome.problems[0]
    failures = packs.read_failures(outcome.directory, "000001")
    assert [f.trial for f in failures] == ["000003", "000004", "000005"]
    assert failures[0].error == "RuntimeError: the task is broken"
    assert "Traceback" in failures[0].traceback


def test_resume_runs_what_is_missing(toy, tmp_path: Path):
    diary = tmp_path / "diary"
    recipe = toy("scan", f"task.diary={diary}")
    outcome = launch(recipe, serial=True)
    undisturbed = view(outcome).rows
    shutil.rmtree(outcome.directory / "packs" / "000002")
    shutil.rmtree(outcome.directory / "groups" / "000002")
    diary.unlink()
    resumed = launch(recipe, serial=True, resume=outcome.id)
    assert diary.read_text().split() == ["000006"]
    pd.testing.assert_frame_equal(view(resumed).rows, undisturbed, check_exact=True)
    assert len(view(resumed).groups) == 4


def test_resume_tries_failures_again(toy, tmp_path: Path):
    marker = tmp_path / "mended"
    recipe = toy(
        "scan",
        f"task={{use: 'experiments.toy.tasks:Mended', marker: {marker}, window: 0, fold: 0, rate: 0.1}}",
    )
    assert launch(recipe, serial=True).progress.failed == 6
    marker.touch()
    assert launch(recipe, serial=True, resume=True).state == "finished"


def test_resume_refuses_another_recipe_and_other_code(toy):
    recipe = toy("scan")
    with pytest.raises(LaunchError, match="no unfinished launch to resume"):
        launch(recipe, serial=True, resume=True)
    first = launch(recipe, serial=True)
    with pytest.raises(LaunchError, match=rf"no launch 'nowhere'.*newest: {first.id}"):
        launch(recipe, serial=True, resume="nowhere")
    with pytest.raises(LaunchError, match="differs from this one"):
        launch(toy("scan", "seed=4"), serial=True, resume=first.id)
    source = recipe.workspace / "experiments" / "toy" / "tasks.py"
    source.write_text(source.read_text() + "\n# a change\n")
    with pytest.raises(LaunchError, match=r"code changed since .*experiments/toy/tasks.py"):
        launch(recipe, serial=True, resume=first.id)
    assert launch(recipe, serial=True, resume=first.id, force=True).state == "finished"
    assert view(first).info["mixed"] == ["code"]
    assert launch(toy("scan", "seed=4"), serial=True, resume=first.id, force=True).state == "finished"
    assert view(first).info["mixed"] == ["code", "recipe"]


def test_resume_refuses_other_data(toy):
    file = toy("scan").file
    file.write_text(file.read_text() + "datasets: {naps: {use: 'a:b', card: naps}}\n")
    recipe = toy("scan")
    cards = recipe.workspace / "data_cards"
    (cards / "naps.yaml").write_text(CARD)
    (cards / "naps.csv").write_text("length\n1\n")
    first = launch(recipe, serial=True)
    assert launch(recipe, serial=True, resume=first.id).state == "finished"
    (cards / "naps.yaml").write_text(CARD.replace("CC0-1.0", "CC-BY-4.0"))
    assert launch(recipe, serial=True, resume=first.id).state == "finished"
    (cards / "naps.csv").write_text("length\n2\n")
    with pytest.raises(LaunchError, match=r"data of these cards changed since .*: naps.*--force"):
        launch(recipe, serial=True, resume=first.id)
    assert "mixed" not in view(first).info
    assert launch(recipe, serial=True, resume=first.id, force=True).state == "finished"
    assert view(first).info["mixed"] == ["data"]


def test_one_driver_at_a_time(toy):
    from lblhep.launch.store.directory import LaunchDirectory

    recipe = toy("scan")
    first = launch(recipe, serial=True)
    with (
        LaunchDirectory(first.directory).held(),
        pytest.raises(LaunchError, match=r"another driver \(process \d+"),
    ):
        launch(recipe, serial=True, resume=first.id)


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(toy):
    recipe = toy("scan")

    def interrupt(progress: Progress) -> None:
        if progress.done == 6:
            raise KeyboardInterrupt

    outcome = launch(recipe, serial=True, observe=interrupt)
    assert (outcome.state, outcome.exit_code) == ("interrupted", 130)
    assert f"--resume {outcome.id}" in outcome.message
    assert len(view(outcome).rows) == 6
    resumed = launch(recipe, serial=True, resume=True)
    assert (resumed.id, resumed.state) == (outcome.id, "finished")


def test_sigterm_is_as_clean_an_end_as_ctrl_c(toy):
    recipe = toy("scan")
    before = signal.getsignal(signal.SIGTERM)

    def terminate(progress: Progress) -> None:
        if progress.done == 6:
            signal.raise_signal(signal.SIGTERM)

    outcome = launch(recipe, serial=True, observe=terminate)
    assert (outcome.state, outcome.exit_code) == ("interrupted", 143)
    assert f"--resume {outcome.id}" in outcome.message
    assert view(outcome).info["state"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is before
    assert launch(recipe, serial=True, resume=True).state == "finished"


def test_the_kept_partition_is_used(toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A resumed launch keeps the packs it was cut into, whatever the task would batch by now."""
    recipe = toy("scan", f"task.diary={tmp_path / 'diary'}")
    outcome = launch(recipe, serial=True)
    rows = view(outcome).rows
    shutil.rmtree(outcome.directory / "packs" / "000001")
    (tmp_path / "diary").unlink()
    monkeypatch.setattr(components.load(recipe.task.use), "batches_over", ())
    resumed = launch(recipe, serial=True, resume=outcome.id)
    assert packs.read_about(resumed.directory, "000001")["trials"] == ["000003", "000004", "000005"]
    assert (tmp_path / "diary").read_text().split() == ["000003"]
    pd.testing.assert_frame_equal(view(resumed).rows, rows, check_exact=True)


def test_a_broken_report_or_combine_costs_a_line(toy):
    outcome = launch(toy("scan", "report={use: 'experiments.toy.tasks:BrokenReport'}"), serial=True)
    assert outcome.state == "failed"
    assert "the report failed: ValueError: no ink" in outcome.problems[0]
    outcome = launch(toy("scan", "groups.use=experiments.toy.tasks:broken_combine"), serial=True)
    assert len(outcome.problems) == 4
    assert "ZeroDivisionError" in outcome.problems[0]


@pytest.mark.parametrize("name", ["mlruns", "mlruns/launches"])
def test_a_file_where_launches_should_be_kept(toy, name: str):
    recipe = toy("scan")
    folder = recipe.workspace / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("a file where the folder should be")
    with pytest.raises(LaunchError, match=rf"workspace/{name}: is a file; .*move the file away$"):
        launch(recipe, serial=True)


def test_unwritable_mlruns(toy, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    recipe = toy("scan")
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(LaunchError, match=r"mlruns/launches: Permission denied; .*make it writable"):
        launch(recipe, serial=True)


def test_damaged_data_are_found_before_anything_runs(toy):
    file = toy("scan").file
    file.write_text(file.read_text() + "datasets: {naps: {use: 'a:b', card: naps}}\n")
    recipe = toy("scan")
    cards = recipe.workspace / "data_cards"
    (cards / "naps.yaml").write_text(CARD.replace("sha256: null", f"sha256: {'a' * 64}"))
    (cards / "naps.csv").write_text("length\n1\n")
    with pytest.raises(CardError, match=r"naps.csv: sha256 is .*the file is damaged"):
        launch(recipe, serial=True)
    assert not (recipe.workspace / "mlruns" / "launches").exists()


def test_full_disk_names_file_and_remedy(toy, monkeypatch: pytest.MonkeyPatch):
    recipe = toy("scan")

    def full(directory: Path, *arguments: object) -> None:
        raise OSError(28, "No space left on device", str(directory / "packs"))

    monkeypatch.setattr(commit, "commit_pack", full)
    with pytest.raises(
        LaunchError, match=r"packs: No space left on device; finished packs are kept.*--resume"
    ):
        launch(recipe, serial=True)
