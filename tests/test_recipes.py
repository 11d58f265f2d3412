"""Every shipped recipe runs: its ``smoke`` profile, through Ray, in a workspace of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lblhep.cli.validate import validate
from lblhep.launch import LaunchView, launch
from lblhep.recipe import Recipe
from lblhep.validate import problems

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The shipped recipes and data cards with their own ``mlruns``; the studies are the installed ones."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copytree(ROOT / "data_cards", tmp_path / "data_cards")
    return tmp_path


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_it_is_valid_with_every_profile(recipe: Path) -> None:
    validate(recipe)


def test_a_feature_that_a_study_does_not_know_is_found() -> None:
    """The bump hunt computes some features; a name that is none of them, and no column, is a problem."""
    recipe = Recipe.read(ROOT / "recipes/cwola.yaml", ["datasets.dijets.features=[m_j2_over_mjj, tau12]"])
    found = [str(problem) for problem in problems(recipe)]
    assert len(found) == 1
    assert "features[1]: `tau12` is no column of dijets-pythia8" in found[0]


@pytest.mark.ray
@pytest.mark.slow("a launch of up to 20 trials through Ray, with its data, its report and its figures")
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_its_smoke_profile_runs(recipe: Path, workspace: Path, ray_session: Any) -> None:
    outcome = launch(Recipe.read(workspace / "recipes" / recipe.name, profile="smoke"))
    failures = [path.read_text() for path in outcome.directory.glob("packs/*/failures.json")]
    assert outcome.exit_code == 0, (outcome.problems, failures)
    view = LaunchView(outcome.directory)
    assert set(view.rows["status"]) == {"finished"}
    assert len(view.rows) == view.recipe.trials.total <= 20
    assert outcome.report is not None
    assert outcome.report.is_file()
