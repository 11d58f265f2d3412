"""`lblhep new`: a study that is clean, valid, and runs as it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def test_every_part_is_there(call: Any, folder: Path) -> None:
    result = call("new", "first")
    assert result.exit_code == 0, result.output
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    parts = ("datasets", "metrics", "models", "producers", "report", "tasks")
    assert made == {
        "recipes/first.yaml",
        "data_cards/first-jets.yaml",
        "mlruns/.gitignore",
        "experiments/first/README.md",
        *(f"experiments/first/{part}.py" for part in parts),
    }
    assert not any("mystudy" in (folder / name).read_text() for name in made)
    assert "lblhep run recipes/first.yaml" in result.stdout


def test_it_is_valid_and_lints(call: Any, folder: Path) -> None:
    call("new", "second")
    checked = call("validate", "recipes/second.yaml")
    assert checked.exit_code == 0, checked.output
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "110"]
    done = subprocess.run([*ruff, "--select", "E,F,W,B,UP,N"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(call: Any, folder: Path) -> None:
    call("new", "third")
    recipe = folder / "recipes/third.yaml"
    recipe.write_text("mine")
    result = call("new", "third")
    assert result.exit_code == 1
    assert "recipes/third.yaml" in result.stderr
    assert recipe.read_text() == "mine"
    assert call("new", "fourth").exit_code == 0, "a second study beside the first"


@pytest.mark.parametrize("name", ["9lives", "my-study", "class", "../up", "Up", ""])
def test_names_that_cannot_be_packages(name: str, call: Any, folder: Path) -> None:
    result = call("new", name)
    assert result.exit_code == 1
    assert "cannot name a study" in result.stderr
    assert list(folder.iterdir()) == []


def test_a_stray_init_is_refused(call: Any, folder: Path) -> None:
    (folder / "experiments").mkdir()
    (folder / "experiments/__init__.py").touch()
    result = call("new", "fifth")
    assert result.exit_code == 1
    assert "experiments/__init__.py" in result.stderr
    assert not (folder / "recipes").exists()


@pytest.mark.ray
def test_it_runs_through_ray(call: Any, folder: Path, ray_session: Any) -> None:
    """Workers find the new study's components; the numbers say what the study's README says."""
    call("new", "wide")
    result = call("run", "recipes/wide.yaml")
    assert result.exit_code == 0, result.output
    assert "24 of 24 trials" in result.stdout
    rows = json.loads(call("compare", "newest", "--json").stdout)
    auc = {row["hidden"]: row["mean_auc"] for row in rows}
    # One hidden unit cannot select a window in mass; 16 can. The trials of a width spread by about 0.01.
    assert auc[16] > auc[1] + 0.03
    assert list((folder / "mlruns/launches").glob("wide-*/report/index.html"))


def test_its_smoke_profile_runs_serially(call: Any, folder: Path) -> None:
    call("new", "small")
    result = call("run", "recipes/small.yaml", "--profile", "smoke", "--serial")
    assert result.exit_code == 0, result.output
    assert "2 of 2 trials" in result.stdout
