"""A recipe that uses every section, and the means to read variations of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lblhep.recipe import Recipe

SAMPLE = """\
schema: lblhep/recipe@1
study: cwola
title: Weakly supervised dijet bump hunt
seed: 2018
datasets:
  dijets:
    use: experiments.cwola.datasets:DijetWindow
    card: dijets-pythia8
    features: [mj1_over_mjj, tau21_j1]
    n_signal: 600
    pseudo_experiment: 0
    window: 4
    fold: 0
models:
  classifier: {use: "experiments.cwola.models:Classifier", hidden: [64, 32], init: 0}
task:
  use: experiments.cwola.tasks:TrainEnsemble
  optimizer: {use: "torch.optim:Adam", lr: 1e-3}
  max_epochs: 60
metrics:
  validation_auc: {use: "experiments.cwola.metrics:ValidationAuc", goal: maximize}
trials:
  kind: scan
  expect: 200
  pack: 25
  axes:
    window: {path: datasets.dijets.window, range: [0, 8]}
    fold: {path: datasets.dijets.fold, range: [0, 5]}
    init: {path: models.classifier.init, range: [0, 5]}
groups: {by: [window], use: "experiments.cwola.metrics:CombineFolds", efficiencies: [1, 0.1]}
report: {use: "experiments.cwola.report:BumpHuntReport"}
resources: {cpu: 1, gpu: 0}
tracking: {experiment: cwola}
notify: {urls_env: LBLHEP_NOTIFY, on: [failed, finished]}
profiles:
  smoke: {task.max_epochs: 2, trials.axes.window.range: [4, 5], trials.expect: 25}
  full:
    trials.axes.init.range: [0, 1]
    trials.axes.pseudo: {path: datasets.dijets.pseudo_experiment, range: [0, 125]}
    trials.expect: 5000
    groups.by: [pseudo, window]
  tune:
    trials:
      kind: search
      points: 10
      space:
        lr: {path: task.optimizer.lr, log_uniform: [1e-4, 1e-1]}
        width: {path: models.classifier.hidden, choices: [[16], [32, 32]]}
      replicates: {fold: {path: datasets.dijets.fold, range: [0, 5]}}
      objective: {metric: auc, goal: maximize}
      sampler: {use: "optuna.samplers:TPESampler", multivariate: true}
      scheduler: {use: "ray.tune.schedulers:ASHAScheduler", grace_period: 2}
    groups: {use: "experiments.cwola.metrics:CombineFolds"}
"""


@pytest.fixture
def sample() -> str:
    """The text of a valid recipe."""
    return SAMPLE


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Recipe]:
    """``read(text, overrides=..., profile=...)`` of a file ``recipe.yaml``."""

    def read(text: str, **options: object) -> Recipe:
        file = tmp_path / "recipe.yaml"
        file.write_text(text, encoding="utf-8")
        return Recipe.read(file, **options)  # type: ignore[arg-type]

    return read


@pytest.fixture
def faults(read: Callable[..., Recipe], tmp_path: Path) -> Callable[..., list[str]]:
    """The problems of a text, as printed, without the folder."""

    def faults(text: str, **options: object) -> list[str]:
        from lblhep.errors import RecipeError

        with pytest.raises(RecipeError) as caught:
            read(text, **options)
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]

    return faults
