"""Pipelines: what is kept, and what makes it be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from lblhep.launch import LaunchView, launch
from lblhep.recipe import Recipe
from lblhep.tasks import pipeline as pipelines
from tests.conftest import forget_modules

STAGES = """
from pathlib import Path

import numpy as np

from experiments.toy.units import TWO

def note(where, line):
    with Path(where).open("a") as notes:
        notes.write(line + "\\n")

def draw(*, where, size, rng):
    note(where, "draw")
    return rng.normal(size=size)

class Scale:
    def __init__(self, *, where, factor):
        self.where, self.factor = where, factor
    def __call__(self, draw):
        note(self.where, "scale")
        return self.factor * draw * TWO / 2

def judge(scale, bench, trial, *, cut):
    bench.save(trial, "values", {"scaled": scale})
    return {"above": float((scale > cut).sum())}
"""

RECIPE = """
schema: lblhep/recipe@1
study: toy
task:
  use: lblhep.tasks:Pipeline
  stages:
    draw: {use: "experiments.toy.stages:draw", where: WHERE, size: 100}
    scale: {use: "experiments.toy.stages:Scale", where: WHERE, factor: 2.0}
    judge: {use: "experiments.toy.stages:judge", cut: 0.0}
trials:
  kind: scan
  expect: 3
  axes: {cut: {path: task.stages.judge.cut, values: [-1.0, 0.0, 1.0]}}
report: {use: "experiments.toy.tasks:BriefReport"}
"""


@pytest.fixture
def pipeline(toy, tmp_path: Path):
    workspace = toy("scan").workspace
    study = workspace / "experiments" / "toy"
    (study / "stages.py").write_text(STAGES)
    (study / "units.py").write_text("TWO = 2\n")
    (study / "models.py").write_text("class Model:\n    size = 1\n")
    (study / "other.py").write_text("")
    (workspace / "recipes" / "pipeline.yaml").write_text(RECIPE.replace("WHERE", str(tmp_path / "notes")))
    return toy


def notes(tmp_path: Path) -> list[str]:
    return (tmp_path / "notes").read_text().split()


def test_scanning_the_last_stage_runs_the_first_once(pipeline, tmp_path: Path):
    outcome = launch(pipeline("pipeline"), serial=True)
    assert outcome.state == "finished"
    assert notes(tmp_path) == ["draw", "scale"]
    above = LaunchView(outcome.directory).rows["above"].tolist()
    assert above == sorted(above, reverse=True)
    launch(pipeline("pipeline"), serial=True)  # another launch finds the products too
    assert notes(tmp_path) == ["draw", "scale"]


def test_a_changed_stage_is_made_again_with_what_follows(pipeline, tmp_path: Path):
    launch(pipeline("pipeline"), serial=True)
    launch(pipeline("pipeline", "task.stages.scale.factor=3.0"), serial=True)
    assert notes(tmp_path) == ["draw", "scale", "scale"]
    launch(pipeline("pipeline", "seed=7"), serial=True)
    assert notes(tmp_path)[3:] == ["draw", "scale"]


def launch_anew(recipe: Recipe) -> None:
    """Launch as a new process does, which imports the study as it is now."""
    forget_modules(recipe.workspace)
    pipelines._code.cache_clear()
    assert launch(recipe, serial=True).state == "finished"


def append(recipe: Recipe, file: str, line: str) -> None:
    with (recipe.workspace / "experiments" / "toy" / file).open("a") as source:
        source.write(line)


@pytest.mark.parametrize("file", ["stages.py", "units.py"])
def test_changed_code_makes_all_its_stages_again(pipeline, tmp_path: Path, file: str):
    """The file of the stages, or one that it imports; a comment is no change, nor is what nobody imports."""
    recipe = pipeline("pipeline")
    launch_anew(recipe)
    append(recipe, "other.py", "FIVE = 5\n")
    append(recipe, file, "# a comment\n")
    launch_anew(recipe)
    assert notes(tmp_path) == ["draw", "scale"]
    append(recipe, file, "THREE = 3\n")
    launch_anew(recipe)
    assert notes(tmp_path) == ["draw", "scale"] * 2


def test_a_changed_model_makes_the_stages_again_that_may_ask_for_it(pipeline, tmp_path: Path):
    file = pipeline("pipeline").file
    file.write_text(file.read_text() + 'models: {model: {use: "experiments.toy.models:Model"}}\n')
    recipe = pipeline("pipeline")
    draw = "def draw(*, where, size, bench): note(where, 'draw'); return size * np.ones(3)\n"
    append(recipe, "stages.py", draw)
    launch_anew(recipe)
    append(recipe, "models.py", "    depth = 2\n")
    launch_anew(recipe)
    assert notes(tmp_path) == ["draw", "scale", "draw", "scale"]


def test_a_failing_stage_fails_its_trial(pipeline):
    outcome = launch(pipeline("pipeline", "task.stages.draw.size=-1"), serial=True)
    assert outcome.progress.failed == outcome.progress.done > 0


@pytest.mark.parametrize("kept", [b"", b"x" * 100, None])
def test_a_damaged_product_is_made_again_with_a_line(pipeline, tmp_path: Path, kept: bytes | None):
    """Cut to nothing, something else, or with a flipped bit: it is not unpickled."""
    expected = LaunchView(launch(pipeline("pipeline"), serial=True).directory).rows
    entries = sorted((tmp_path / "workspace" / "mlruns" / "stages").glob("*.stage"))
    assert len(entries) == 2
    whole = [path.read_bytes() for path in entries]
    for path, content in zip(entries, whole, strict=True):
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:] if kept is None else kept)
    told: list[str] = []
    outcome = launch(pipeline("pipeline"), serial=True, observe=lambda now: told.append(now.message))
    assert outcome.state == "finished"
    columns = ["trial", "cut", "above", "status"]
    assert LaunchView(outcome.directory).rows[columns].equals(expected[columns])
    assert [path.read_bytes() for path in entries] == whole
    lines = [line for line in told if "is made again (ValueError: it is not what was written" in line]
    assert len(lines) == 1, "told once, by the pack that met it"


def test_a_killed_writer_leaves_no_draft_for_ever(tmp_path: Path):
    from lblhep.launch.workers import task_context

    cache = task_context.StageCache(tmp_path, print)
    assert cache.get("key", lambda: 1) == 1
    (entry,) = tmp_path.glob("*.stage")
    own, other = (tmp_path / f".draft-node-1-0123abcd-{name}" for name in (entry.name, "other.stage"))
    own.touch()
    other.touch()
    entry.unlink()
    assert cache.get("key", lambda: 2) == 2
    assert (own.exists(), other.exists()) == (False, True)


def test_what_cannot_be_unpickled_any_more_is_made_again(tmp_path: Path):
    """A newer version of a library may have moved the classes of a product."""
    import pickle

    from lblhep.launch.workers import task_context

    told: list[str] = []
    cache = task_context.StageCache(tmp_path, told.append)
    assert cache.get("key", lambda: 1) == 1
    (entry,) = tmp_path.glob("*.stage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickle, "dumps", lambda *arguments, **named: b"cno_such_module\nThing\n.")
        task_context._write(entry, None)
    assert cache.get("key", lambda: 2) == 2
    assert cache.get("key", lambda: 3) == 2
    assert "ModuleNotFoundError" in " ".join(told)
