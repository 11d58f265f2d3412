"""Problems that need the components, the data cards or the axis values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lblhep.recipe import Recipe
from lblhep.validate import problems

CARD = """\
schema: lblhep/card@1
name: events
title: Events
licence: CC0
citation: none
columns:
  mass: {unit: GeV, role: observable, description: a mass}
  process: {unit: "1", role: truth, description: what it is}
  weight: {unit: "1", role: weight, description: its weight}
sources:
  files: [{path: events.parquet, sha256: null}]
"""

PARTS = """
class Data:
    derived_features = {"ratio": ["mass"], "scaled": ["mass", "energy"]}
    def __init__(self, data, rng, *, features: list[str], fold: int = 0, cut: float = 0.0): ...

class Model:
    def __init__(self, n_features: int, *, width: int = 3): ...

class Task:
    batches_over = ("fold",)
    def __init__(self, *, epochs: int = 1, optimizer=None): ...
    def run(self, trials, bench): ...

class Report:
    def render(self, launch, out): ...

class Particular(Report):
    def __init__(self, *, fold: int = 9):
        if fold < 0:
            raise ValueError("fold is negative")
        self.fold = fold
    def refuses(self, recipe):
        folds = recipe.trials.axes["fold"].points
        if self.fold == 7:
            raise KeyError("folds")
        return {} if self.fold in folds else {"fold": f"{self.fold} is not among {[*folds]}"}

class NoCall: ...

def combine(rows, arrays, *, quantile: float = 0.5): ...
"""

RECIPE = """\
schema: lblhep/recipe@1
study: validate_test
datasets: {d: {use: "experiments.validate_test.parts:Data", card: events, features: [mass, ratio], fold: 0}}
models: {m: {use: "experiments.validate_test.parts:Model", width: 2}}
task: {use: "experiments.validate_test.parts:Task", epochs: 2, optimizer: {use: "fractions:Fraction"}}
trials: {kind: scan, expect: 4, pack: 2, axes: {fold: {path: datasets.d.fold, range: [0, 4]}}}
groups: {use: "experiments.validate_test.parts:combine"}
report: {use: "experiments.validate_test.parts:Report"}
"""


@pytest.fixture
def workspace(tmp_path: Path, own_modules: None) -> Path:
    """A workspace with a card and a study."""
    (tmp_path / "data_cards").mkdir()
    (tmp_path / "data_cards" / "events.yaml").write_text(CARD)
    study = tmp_path / "experiments" / "validate_test"
    study.mkdir(parents=True)
    (study / "parts.py").write_text(PARTS)
    return tmp_path


@pytest.fixture
def found(workspace: Path) -> Callable[..., list[str]]:
    """The problems of the recipe with overrides, without the folder."""

    def found(*overrides: str, imports: bool = True) -> list[str]:
        file = workspace / "recipe.yaml"
        file.write_text(RECIPE)
        recipe = Recipe.read(file, overrides)
        return [str(each).replace(f"{workspace}/", "") for each in problems(recipe, imports=imports)]

    return found


def test_a_sound_recipe_has_none(found: Callable[..., list[str]]) -> None:
    assert found() == []
    assert found(imports=False) == []


CASES = [
    ("task.epoch=3", "command line: task.epoch: Task takes no such argument; did you mean `epochs`?"),
    ("task.epochs=many", "command line: task.epochs: must be an integer, not the text 'many'"),
    ("task.optimizer.nominator=1", "task.optimizer.nominator: Fraction takes no such argument; did you"),
    ("task.optimizer.use=torch.optm:Adam", "task.optimizer.use: `torch.optm:Adam`: there is no module"),
    ("task.use=experiments.validate_test.parts:Tusk", "parts has no `Tusk`; did you mean `Task`?"),
    ("task.use=fractions:Fraction", "task.use: Fraction is no task: a class with `run`"),
    (
        "task.optimizer.dataset=dd",
        "task.optimizer.dataset: the recipe has no dataset called `dd`; did you mean",
    ),
    ("task.model=n", "task.model: the recipe has no model called `n`"),
    ("report.use=experiments.validate_test.parts:combine", "combine is no report: a class with `render`"),
    ("groups.use=experiments.validate_test.parts:NoCall", "groups.use: NoCall has no `__call__`"),
    ("groups.quantil=0.5", "groups.quantil: combine takes no such argument; did you mean `quantile`?"),
    ("datasets.d.card=event", "datasets.d.card: there is no data_cards/event.yaml in"),
    ("datasets.d.features=[mass, process]", "datasets.d.features[1]: `process` is a column of role truth:"),
    (
        "datasets.d.features=[mass, mas]",
        "datasets.d.features[1]: `mas` is no column of events, nor a derived feature of its data set; did",
    ),
    (
        "datasets.d.features=[scaled]",
        "datasets.d.features[0]: `scaled` is computed from energy, which events lacks",
    ),
    (
        "trials.axes.fold={path: datasets.d.features, values: [[mass], [ratio], [tau12], [mass, ratio]]}",
        "trials.axes.fold: at ['tau12'], datasets.d.features[0] `tau12` is no column of events",
    ),
    ("datasets.d.features=[weight]", "datasets.d.features[0]: `weight` is a column of role weight:"),
    ("models.m.features=[process]", "models.m.features[0]: `process` is a column of role truth"),
    (
        "trials.axes.fold={path: task.epochs, range: [0, 4]}",
        "trials.pack: is 2, but no axis can share a pack",
    ),
    (
        "trials.axes.fold={path: datasets.d.fold, values: [0, 1, 2, x]}",
        "trials.axes.fold: at 'x', datasets.d.fold must be an integer, not the text 'x'",
    ),
    (
        "trials.axes.fold={path: datasets.d, values: [{fold: 0}, {fold: 1}, {fold: 2}, {fold: x}]}",
        "trials.axes.fold: at {'fold': 'x'}, datasets.d.fold must be an integer",
    ),
    (
        "trials.axes.fold={path: datasets.d.card, values: [events, a, b, c]}",
        "trials.axes.fold: at 'a', datasets.d.card there is no data_cards/a.yaml",
    ),
]


@pytest.mark.parametrize(("override", "problem"), CASES)
def test_problems(found: Callable[..., list[str]], override: str, problem: str) -> None:
    lines = found(override)
    assert any(problem in line for line in lines), lines


def test_a_report_may_refuse_a_recipe(found: Callable[..., list[str]]) -> None:
    """What its arguments lack in the recipe is a problem; so is a constructor that raises."""
    report = "report.use=experiments.validate_test.parts:Particular"
    assert found(report) == ["recipe.yaml:8:1: report.fold: 9 is not among [0, 1, 2, 3]"]
    assert found(report, "report.fold=3") == []
    assert found(report, imports=False) == []
    (raised,) = found(report, "report.fold=-1")
    assert "report" in raised
    assert "fold is negative" in raised
    (missed,) = found(report, "report.fold=7")  # a report that does not find what it needs
    assert "report: KeyError: 'folds'" in missed
    (other,) = found(report, "task.epochs=many")  # what is wrong elsewhere comes first
    assert "task.epochs" in other


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["task.optimizer.amsgrad=no"],
            "command line: task.optimizer.amsgrad: must be true or false, not the",
        ),
        (["task.optimizer.lr='1e-3'"], "command line: task.optimizer.lr: must be a number, not the text"),
        (
            ["trials.axes.fold={path: task.optimizer.amsgrad, values: [true, off]}"],
            "trials.axes.fold: at 'off', task.optimizer.amsgrad must be true or false, not the text 'off'",
        ),
        (
            [
                "trials={kind: search, points: 2, objective: {metric: m, goal: maximize}, "
                "space: {rate: {path: task.optimizer.lr, choices: [1e-3, '1e-2']}}}"
            ],
            "trials.space.rate: at '1e-2', task.optimizer.lr must be a number, not the text '1e-2'",
        ),
    ],
)
def test_text_for_a_number_of_another_package(workspace: Path, overrides: list[str], problem: str) -> None:
    """The text reaches a component inside another one: from the command line, an axis, a search space."""
    file = workspace / "recipe.yaml"
    adam = '"torch.optim:AdamW", lr: 1e-3, amsgrad: false'
    text = RECIPE.replace('"fractions:Fraction"', adam)
    file.write_text(text.replace("expect: 4, pack: 2", "expect: 2, pack: 1").replace("[0, 4]", "[0, 2]"))
    lines = [str(each) for each in problems(Recipe.read(file, overrides))]
    assert len(lines) == 1, lines
    assert problem in lines[0]
    file.write_text(file.read_text().replace("amsgrad: false", "amsgrad: no"))
    (in_the_file,) = problems(Recipe.read(file))
    assert str(in_the_file).startswith(f"{file}:5:")


def test_an_axis_names_models_that_there_are(workspace: Path) -> None:
    file = workspace / "recipe.yaml"
    text = RECIPE.replace('"fractions:Fraction"', '"fractions:Fraction", model: m')
    file.write_text(
        text.replace("datasets.d.fold, range: [0, 4]", "task.optimizer.model, values: [m, n, o, p]")
    )
    lines = [str(each) for each in problems(Recipe.read(file), imports=False)]
    assert len(lines) == 3
    assert "at 'n', task.optimizer.model the recipe has no model called `n`" in lines[0]


def test_problems_of_the_file_have_lines(workspace: Path) -> None:
    file = workspace / "recipe.yaml"
    file.write_text(RECIPE.replace("width: 2", "widht: 2"))
    [problem] = problems(Recipe.read(file))
    assert str(problem).startswith(f"{file}:4:60: models.m.widht: Model takes no such argument")


def test_a_model_may_get_the_rest_from_its_task(found: Callable[..., list[str]]) -> None:
    assert found("models.m.width=4") == []  # n_features is missing, but not for us to say


def test_without_imports_cards_are_still_read(found: Callable[..., list[str]]) -> None:
    assert found("task.epoch=3", imports=False) == []
    assert len(found("datasets.d.features=[process]", imports=False)) == 1


def test_a_faulty_card_shows_its_own_lines(found: Callable[..., list[str]], workspace: Path) -> None:
    (workspace / "data_cards" / "events.yaml").write_text(CARD.replace("licence: CC0", "license: CC0"))
    assert any(line.startswith("data_cards/events.yaml:4:1: license: is not known") for line in found())


def test_a_stray_init_is_pointed_out(found: Callable[..., list[str]], workspace: Path) -> None:
    (workspace / "experiments" / "__init__.py").touch()
    assert "experiments/__init__.py: hides the studies that come with lblhep; remove this file" in found(
        imports=False
    )


def test_a_search(found: Callable[..., list[str]]) -> None:
    space = "{width: {path: models.m.width, uniform: [0, 1]}}"
    search = (
        f"trials={{kind: search, points: 2, space: {space}, "
        "replicates: {e: {path: task.epochs, range: [0, 2]}}, objective: {metric: auc, goal: maximize}, "
        "sampler: {use: 'optuna.samplers:TPESampler', multvariate: true}}"
    )
    lines = found(search)
    assert any("trials.sampler.multvariate: TPESampler takes no such argument" in line for line in lines)
    assert any(
        "trials.replicates.e.path: `task.epochs` cannot differ inside a pack" in line for line in lines
    )
    assert any(
        "trials.space.width: at 0.0, models.m.width must be an integer, not 0.0" in line for line in lines
    )
