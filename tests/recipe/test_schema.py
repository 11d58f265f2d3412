"""What a recipe holds, its trials, its digest, and itself as YAML."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from lblhep.errors import RecipeError
from lblhep.recipe import Component, Recipe, Scan, Search

Read = Callable[..., Recipe]


def test_sections_arrive(read: Read, sample: str) -> None:
    recipe = read(sample)
    assert recipe.study == "cwola"
    assert recipe.datasets["dijets"].card == "dijets-pythia8"
    assert "card" not in recipe.datasets["dijets"].arguments
    assert recipe.metrics["validation_auc"].goal == "maximize"
    assert recipe.groups is not None
    assert recipe.groups.by == ("window",)
    assert recipe.groups.arguments == {"efficiencies": [1, 0.1]}
    assert isinstance(recipe.trials, Scan)
    assert recipe.trials.total == 200
    assert recipe.trials.axes_of_trial["init"] == "models.classifier.init"


def test_four_sections_suffice(read: Read) -> None:
    recipe = read("schema: lblhep/recipe@1\nstudy: s\ntask: {use: 'a:b'}\ntrials: {kind: single}")
    assert recipe.trials.total == 1
    assert (recipe.resources.cpu, recipe.resources.gpu, recipe.seed) == (1, 0, 0)
    assert recipe.groups is recipe.report is recipe.notify is None


def test_a_mapping_with_use_is_a_component(read: Read, sample: str) -> None:
    optimizer = read(sample).task.arguments["optimizer"]
    assert isinstance(optimizer, Component)
    assert (optimizer.use, optimizer.arguments) == ("torch.optim:Adam", {"lr": 1e-3})


def test_arguments_are_copies(read: Read, sample: str) -> None:
    recipe = read(sample)
    recipe.models["classifier"].arguments["hidden"].append(1)
    assert recipe.models["classifier"].arguments["hidden"] == [64, 32]


def test_it_is_frozen(read: Read, sample: str) -> None:
    with pytest.raises(ValidationError):
        read(sample).seed = 3


def test_the_workspace_is_the_nearest_with_cards(tmp_path: Path, sample: str) -> None:
    (tmp_path / "data_cards").mkdir()
    file = tmp_path / "deep" / "recipes" / "r.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(sample)
    assert Recipe.read(file).workspace == tmp_path
    assert Recipe.read(file).at({"fold": 1}).file == file


def test_at_fills_the_axes(read: Read, sample: str) -> None:
    recipe = read(sample)
    trial = recipe.at({"window": 7, "init": np.int64(3)})
    assert trial.datasets["dijets"].arguments["window"] == 7
    assert trial.models["classifier"].arguments["init"] == 3
    assert type(trial.models["classifier"].arguments["init"]) is int
    assert recipe.datasets["dijets"].arguments["window"] == 4
    assert trial.digest() != recipe.digest()
    assert pickle.loads(pickle.dumps(trial)).digest() == trial.digest()


def test_at_merges_mappings_and_replaces_components(read: Read, sample: str) -> None:
    axis = "trials.axes.window={path: datasets.dijets, values: [{window: 1, n_signal: 0}, {window: 2}]}"
    recipe = read(sample, overrides=[axis, "trials.expect=50"])
    arguments = recipe.at({"window": {"window": 1, "n_signal": 0}}).datasets["dijets"].arguments
    assert (arguments["window"], arguments["n_signal"], arguments["pseudo_experiment"]) == (1, 0, 0)
    axis = "trials.axes.window={path: task.optimizer, values: [{use: 'torch.optim:SGD', lr: 1}]}"
    recipe = read(sample, overrides=[axis, "trials.expect=25"])
    optimizer = recipe.at({"window": {"use": "torch.optim:SGD", "lr": 1}}).task.arguments["optimizer"]
    assert (optimizer.use, optimizer.arguments) == ("torch.optim:SGD", {"lr": 1})


def test_at_validates_again_and_names_the_axis(read: Read, sample: str, tmp_path: Path) -> None:
    axis = "    window: {path: datasets.dijets.card, values: [a, 3]}"
    text = sample.replace("    window: {path: datasets.dijets.window, range: [0, 8]}", axis)
    recipe = read(text.replace("expect: 200", "expect: 50"))
    assert recipe.at({"window": "a"}).datasets["dijets"].card == "a"
    with pytest.raises(RecipeError) as caught:
        recipe.at({"window": 3})
    line = text.splitlines().index(axis) + 1
    place = f"{tmp_path}/recipe.yaml:{line}:5: datasets.dijets.card"
    assert str(caught.value) == f"{place}: must be text, not 3 (axis window)"
    with pytest.raises(RecipeError, match=r"windo: is not an axis.*did you mean `window`"):
        recipe.at({"windo": 3})


def test_a_search(read: Read, sample: str) -> None:
    recipe = read(sample, profile="tune")
    assert isinstance(recipe.trials, Search)
    assert recipe.trials.total == 50
    assert recipe.trials.axes_of_trial == {
        "lr": "task.optimizer.lr",
        "width": "models.classifier.hidden",
        "fold": "datasets.dijets.fold",
    }
    assert recipe.trials.sampler is not None
    assert recipe.trials.sampler.arguments == {"multivariate": True}
    trial = recipe.at({"lr": np.float64(0.01), "width": [16], "fold": 2})
    assert trial.task.arguments["optimizer"].arguments == {"lr": 0.01}


def test_the_digest_covers_what_the_result_depends_on(read: Read, sample: str) -> None:
    digest = read(sample).digest()
    aside = ["title=x", "resources.cpu=2", "tracking.experiment=y", "notify.on=[failed]", "report.bins=3"]
    assert read(sample, overrides=aside).digest() == digest
    assert read(sample.replace("seed: 2018\n", "seed:   2018 # the year\n")).digest() == digest
    for change in ("seed=1", "task.max_epochs=61", "task.optimizer.lr=0.1", "groups.efficiencies=[1]"):
        assert read(sample, overrides=[change]).digest() != digest
    assert read(sample, profile="smoke").digest() != digest


def test_the_digest_does_not_see_defaults(read: Read) -> None:
    least = "schema: lblhep/recipe@1\nstudy: s\ntask: {use: 'a:b'}\ntrials: {kind: single}\n"
    assert read(least).digest() == read(least + "seed: 0\nmodels: {}\ngroups: null\n").digest()


@pytest.mark.parametrize("profile", [None, "smoke", "full", "tune"])
def test_its_yaml_reads_back(read: Read, sample: str, profile: str | None) -> None:
    recipe = read(sample, profile=profile, overrides=["title='no: 1e-3 # \"x\"'"])
    again = read(recipe.to_yaml())
    assert again.model_dump() == {**recipe.model_dump(), "profiles": {}}
    assert again.digest() == recipe.digest()
    assert again.to_yaml() == recipe.to_yaml()
    if profile is None:
        assert "  classifier: {use: experiments.cwola.models:Classifier, hidden: [64, 32], init: 0}" in (
            recipe.to_yaml().splitlines()
        )


def test_the_import_is_light() -> None:
    code = (
        "import pydantic, ruamel.yaml, sys; import lblhep.recipe;"
        "print(sorted({'torch', 'ray', 'mlflow', 'pandas', 'numpy', 'optuna'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
