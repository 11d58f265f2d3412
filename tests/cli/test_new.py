"""``lblhep new``: a study that is clean, valid, and runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lblhep import components
from lblhep.launch import LaunchView


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


def test_a_feature_that_is_no_column_is_found(call: Any, folder: Path) -> None:
    call("new", "features")
    checked = call("validate", "recipes/features.yaml", "datasets.jets.features=[mass, tau12]")
    assert checked.exit_code == 2
    assert "datasets.jets.features[1]: `tau12` is no column of features-jets" in checked.stderr


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
@pytest.mark.slow("the numbers that the study's README states need its default profile: 48 networks")
def test_it_runs_through_ray(call: Any, folder: Path, ray_session: Any) -> None:
    """Workers find the new study's components; the numbers say what the study's README says."""
    call("new", "wide")
    result = call("run", "recipes/wide.yaml")
    assert result.exit_code == 0, result.output
    assert "48 of 48 trials" in result.stdout
    [launch] = (folder / "mlruns/launches").glob("wide-*")
    groups = pd.read_parquet(launch / "groups.parquet").set_index("hidden")
    # One hidden unit cannot select a window in mass; 16 can. Their AUCs have errors of 0.01 and 0.001.
    assert groups.loc[16, "mean_auc"] > groups.loc[1, "mean_auc"] + 0.1
    # No network beats the likelihood ratio but by chance; 16 units come within 0.005 (measured 0.002).
    view = LaunchView(launch)
    jets = view.sample("jets").columns(["mass", "tau21", "is_w"])
    ratio = components.load("experiments.wide.producers:likelihood_ratio")
    limit = roc_auc_score(jets["is_w"], ratio(jets["mass"], jets["tau21"]))
    assert limit - 0.005 < groups.loc[16, "mean_auc"] < limit + 3 * groups.loc[16, "error"]
    # The error, by hand: six independent means of two initialisations.
    means = view.rows.pivot_table(index="pseudo_experiment", columns="hidden", values="auc")
    assert means.shape == (6, 4)
    assert np.allclose(groups["error"], means.std(ddof=1) / 6**0.5)
    assert f"likelihood ratio&#x27;s is {limit:.4f}" in (launch / "report/index.html").read_text()


def test_pseudo_experiments_share_no_jet(workspace: Path) -> None:
    """Their standard error is right only if they are independent."""
    components.on_path(workspace)
    jets = components.load("experiments.sample.datasets:LabelledJets")
    number = np.arange(10_000)

    class Numbered:  # each jet's label is its number
        __len__ = number.__len__

        def columns(self, names: list[str]) -> dict[str, Any]:
            return dict.fromkeys(names, number)

    def drawn(pseudo_experiment: int) -> set[int]:
        rng = np.random.default_rng(1)
        one = jets(Numbered(), rng, features=["mass"], n_train=1000, pseudo_experiment=pseudo_experiment)
        assert (len(one.y_train), len(one.y_test)) == (1000, 3000)
        return {*one.y_train, *one.y_test}

    assert len(drawn(0) | drawn(1)) == 8000
    with pytest.raises(ValueError, match="pseudo-experiment 2 needs jets 8000 to 11999, the card has 10000"):
        drawn(2)


def test_its_smoke_profile_runs_serially(call: Any, folder: Path) -> None:
    call("new", "small")
    result = call("run", "recipes/small.yaml", "--profile", "smoke", "--serial")
    assert result.exit_code == 0, result.output
    assert "2 of 2 trials" in result.stdout
