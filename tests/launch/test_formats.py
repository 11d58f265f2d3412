"""Launches of earlier formats, kept under data/, are read by every verb; resuming says what has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lblhep.cli import app
from lblhep.errors import LaunchError
from lblhep.launch import LaunchView, launch
from lblhep.launch.store.checksums import FORMAT, DamageError
from lblhep.launch.store.directory import launches_folder
from lblhep.recipe import Recipe
from lblhep.tracking.store import connect

FORMAT_1 = Path(__file__).parent / "data" / "format1"
FINISHED, SEARCH, UNFINISHED = sorted(path.name for path in FORMAT_1.iterdir())
SMALL = (
    "trials.pack=2",
    "trials.axes.window.range=[0, 2]",
    "trials.axes.fold.range=[0, 2]",
    "trials.expect=4",
)


@pytest.fixture
def recipe(toy: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The recipe of the kept scans, in a workspace that holds them all."""
    made = toy("scan", *SMALL)
    shutil.copytree(FORMAT_1, launches_folder(made.workspace))
    monkeypatch.chdir(made.workspace)
    return made


def call(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_list(recipe: Recipe) -> None:
    listed = call("list").stdout
    for name, state in ((FINISHED, "finished"), (SEARCH, "finished"), (UNFINISHED, "interrupted")):
        assert state in listed.partition(name)[2].partition("\n")[0]


def test_compare(recipe: Recipe) -> None:
    for name, rows in ((FINISHED, 2), (SEARCH, 2), (UNFINISHED, 1)):
        result = call("compare", "--json", name)
        assert result.exit_code == 0, result.output
        assert len(json.loads(result.stdout)) == rows
    found = json.loads(call("compare", "--json", SEARCH).stdout)[0]
    assert found["score"]["mean"] == pytest.approx(0.0039448666911518675, rel=1e-12)


@pytest.mark.parametrize("name", [FINISHED, SEARCH, UNFINISHED])
def test_report(recipe: Recipe, name: str) -> None:
    page = launches_folder(recipe.workspace) / name / "report" / "index.html"
    page.unlink(missing_ok=True)
    assert call("report", name).exit_code == 0
    assert page.read_text() == ("2 rows" if name == UNFINISHED else "4 rows")


@pytest.mark.parametrize("name", [FINISHED, SEARCH, UNFINISHED])
def test_what_trials_saved(recipe: Recipe, name: str) -> None:
    view = LaunchView(launches_folder(recipe.workspace) / name)
    for trial, noise in zip(view.rows["trial"], view.rows["noise"], strict=True):
        assert view.arrays(trial, "noise")["values"][0] == noise
    for group in view.groups["group"]:
        assert len(view.group_arrays(group)["spectrum"]) == 3


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        (FINISHED, "rows.parquet", None, b"PAR1 half"),
        (SEARCH, "curves.parquet", None, b""),
        (FINISHED, "groups/000000/metrics.json", b'"group"', b'"grope"'),
        (FINISHED, "groups/000000/metrics.json", b'"metrics"', b'"matrix"'),
        (SEARCH, "packs/000000/group/metrics.json", b'"key"', b'"keys"'),
        (SEARCH, "packs/000001/pack.json", b'"trials"', b'"trails"'),
    ],
)
def test_what_was_edited_is_named(
    recipe: Recipe, name: str, file: str, old: bytes | None, new: bytes
) -> None:
    directory = launches_folder(recipe.workspace) / name
    path = directory / file
    path.write_bytes(new if old is None else path.read_bytes().replace(old, new))
    with pytest.raises(DamageError, match=rf"{name}/{file}: "):
        read_all(directory)


def read_all(directory: Path) -> None:
    view = LaunchView(directory)
    assert len(view.rows) == len(view.rows["trial"])
    assert "group" in view.groups
    assert "trial" in view.curves
    for trial in view.rows["trial"]:
        view.arrays(trial, "noise")


def test_freeze(recipe: Recipe) -> None:
    again = recipe.workspace / "recipes" / "again.yaml"
    again.write_text(call("freeze", FINISHED).stdout)
    assert Recipe.read(again).digest() == recipe.digest()
    client = connect(recipe.workspace)
    run = client.create_run(client.create_experiment("old"))
    for tag, value in (("launch", SEARCH), ("trial", "000003")):  # as they were before ``lblhep.format``
        client.set_tag(run.info.run_id, f"lblhep.{tag}", value)
    again.write_text(call("freeze", run.info.run_id).stdout)
    frozen = Recipe.read(again)
    assert frozen.task.arguments["rate"] == 0.034078684008925136
    assert frozen.task.arguments["fold"] == 1


def test_rm(recipe: Recipe) -> None:
    client = connect(recipe.workspace)
    experiment = client.create_experiment("old")
    run = client.create_run(experiment)
    client.set_tag(run.info.run_id, "lblhep.launch", FINISHED)
    assert call("rm", "-y", FINISHED).exit_code == 0
    assert not (launches_folder(recipe.workspace) / FINISHED).exists()
    assert not client.search_runs([experiment])


def test_resuming_says_that_the_code_changed(recipe: Recipe) -> None:
    changed = rf"the code changed since launch {UNFINISHED} began: (experiments/toy/tasks.py, )?lblhep/"
    with pytest.raises(LaunchError, match=changed):
        launch(recipe, serial=True, resume=True)
    before = LaunchView(launches_folder(recipe.workspace) / FINISHED).rows
    resumed = launch(recipe, serial=True, resume=UNFINISHED, force=True)
    assert resumed.state == "finished"
    assert LaunchView(resumed.directory).rows.equals(before)


def test_the_format_is_stated(recipe: Recipe) -> None:
    made = launch(recipe, serial=True)
    files = ["launch.json", "packs/000000/pack.json", "groups/000000/metrics.json"]
    assert {json.loads((made.directory / file).read_text())["format"] for file in files} == {FORMAT}
    client = connect(recipe.workspace)
    assert client.get_run(made.run_id).data.tags["lblhep.format"] == str(FORMAT)
