"""Components are loaded from ``use:``, and what fails says why."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from lblhep.arguments import argument_faults
from lblhep.components import build, load, on_path
from lblhep.errors import ComponentError
from lblhep.recipe import Component

PARTS = """
from __future__ import annotations
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
import numpy as np
if TYPE_CHECKING:
    from nowhere import Unknown

class Model:
    def __init__(self, rng: np.random.Generator, *, hidden: Sequence[int], rate: float = 0.1,
                 mode: Literal["a", "b"] = "a", sizes: tuple[int, int] = (1, 2), name: str | None = None,
                 unknown: Unknown = None, optimizer: object = None) -> None:
        self.rng, self.hidden, self.rate, self.optimizer = rng, hidden, rate, optimizer

def metric(truth, score, *, cut: float = 0.5, **rest: Any):
    return sum(score) > cut, truth, rest

class Broken:
    def __init__(self) -> None:
        raise TypeError("of its own making")

@dataclass
class Unhashable:
    cut: float
    def __call__(self, *, x: int) -> float:
        return self.cut * x

unhashable = Unhashable(2.0)
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, own_modules: None) -> Path:
    """A workspace with ``experiments.parts_of_test``, on the path for one test."""
    study = tmp_path / "experiments" / "parts_of_test"
    study.mkdir(parents=True)
    (study / "parts.py").write_text(PARTS)
    (study / "fails.py").write_text("raise RuntimeError('out of luck')")
    (study / "ends.py").write_text("import sys\n\nsys.exit(3)")
    (study / "typo.py").write_text("x = = 1")
    (study / "needs.py").write_text("import a_package_that_is_absent")
    on_path(tmp_path)
    return tmp_path


def component(use: str, /, **arguments: Any) -> Component:
    return Component.model_validate({"use": use, **arguments})


def part(name: str, /, **arguments: Any) -> Component:
    return component(f"experiments.parts_of_test.parts:{name}", **arguments)


def test_the_workspace_comes_first_and_once(workspace: Path) -> None:
    on_path(workspace)
    assert sys.path[0] == str(workspace)
    assert sys.path.count(str(workspace)) == 1


def test_a_class_is_instantiated_with_what_it_names() -> None:
    model = build(part("Model", hidden=[3]), rng="stream", other=1)
    assert (model.rng, model.hidden, model.rate) == ("stream", [3], 0.1)


def test_the_recipe_goes_before_what_is_given() -> None:
    assert build(part("Model", hidden=[3], rate=0.2), rng=1, rate=0.3).rate == 0.2


def test_a_function_is_bound() -> None:
    bound = build(part("metric", cut=0.1, extra=1))
    assert isinstance(bound, functools.partial)
    assert bound([1], [0.2]) == (True, [1], {"extra": 1})


def test_an_inner_component_is_left_to_its_receiver() -> None:
    inner = build(part("Model", hidden=[3], optimizer={"use": "torch.optim:Adam"}), rng=1).optimizer
    assert isinstance(inner, Component)
    assert inner.use == "torch.optim:Adam"


def test_callables_without_hash_or_signature_load() -> None:
    assert build(part("unhashable", x=3))() == 6.0
    assert build(component("builtins:dict", a=1)) == {"a": 1}


def test_errors_of_the_component_itself_come_through() -> None:
    with pytest.raises(TypeError, match="of its own making"):
        build(part("Broken"))


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ("lblhep.recip:Recipe", "there is no module `lblhep.recip`; did you mean `recipe`?"),
        ("lblhep.recipe:Recip", "lblhep.recipe has no `Recip`; did you mean `Recipe`?"),
        ("experiments.part_of_test.parts:Model", "`experiments.part_of_test`; did you mean `parts_of_test`?"),
        ("experiments.parts_of_test.part:Model", "did you mean `parts`?"),
        ("experiments.parts_of_test.fails:Model", "failed: RuntimeError: out of luck ("),
        ("experiments.parts_of_test.fails:Model", "experiments/parts_of_test/fails.py:1)"),
        ("experiments.parts_of_test.ends:Model", "failed: SystemExit: 3 ("),
        ("experiments.parts_of_test.ends:Model", "experiments/parts_of_test/ends.py:3)"),
        ("experiments.parts_of_test.typo:Model", "invalid syntax (typo.py, line 1)"),
        ("experiments.parts_of_test.needs:X", "needs the package `a_package_that_is_absent`, which is not"),
        ("lblhep:__version__", "is a str, which cannot be called"),
        ("quite.absent:X", "there is no module `quite`"),
    ],
)
def test_what_does_not_load(use: str, says: str) -> None:
    with pytest.raises(ComponentError) as caught:
        load(use)
    assert says in str(caught.value)
    assert f"`{use}`" in str(caught.value)


def faults_of(component: Component, given: tuple[str, ...]) -> list[str]:
    return [str(fault) for fault in argument_faults(load(component.use), component.arguments, set(given))]


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        ({"hidden": [1, 2], "rate": 1, "sizes": [3, 4], "mode": "b", "name": None}, []),
        ({}, ["hidden: is missing: Model needs it"]),
        (
            {"hiden": [1]},
            ["hiden: Model takes no such argument; did you mean `hidden`?", "hidden: is missing"],
        ),
        ({"hidden": [1, "x"]}, ["hidden[1]: must be an integer, not the text 'x'"]),
        ({"hidden": [1], "rate": "0.1"}, ["rate: must be a number, not the text '0.1'"]),
        ({"hidden": [1], "mode": "c"}, ["mode: must be 'a' or 'b', not the text 'c'"]),
        ({"hidden": [1], "sizes": [1]}, ["sizes[1]: is missing"]),
        ({"hidden": [1], "name": 3}, ["name: must be text, not 3"]),
        ({"hidden": [1], "unknown": 3}, []),
        ({"hidden": {"use": "a:b"}}, []),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], faults: list[str]) -> None:
    found = faults_of(part("Model", **arguments), ("rng",))
    assert len(found) == len(faults)
    assert all(line.startswith(start) for line, start in zip(found, faults, strict=True)), found


ADAM = "torch.optim:AdamW"
FOREST = "sklearn.ensemble:RandomForestRegressor"


@pytest.mark.parametrize(
    ("use", "arguments", "faults"),
    [
        (
            ADAM,
            {"amsgrad": "no"},
            ["amsgrad: must be true or false, not the text 'no'; did you mean `false`"],
        ),
        (ADAM, {"amsgrad": "perhaps"}, ["amsgrad: must be true or false, not the text 'perhaps'"]),
        (ADAM, {"fused": "yes"}, ["fused: must be true or false, not the text 'yes'; did you mean `true`"]),
        # Annotated with a tensor besides, which pydantic cannot judge: the type of the default.
        (ADAM, {"lr": "1e-3"}, ["lr: must be a number, not the text '1e-3'; did you mean `1e-3`, without"]),
        (ADAM, {"lr": "fast"}, ["lr: must be a number, not the text 'fast'"]),
        (ADAM, {"betas": [0.9, "0.99"]}, ["betas[1]: must be a number, not the text '0.99'"]),
        (ADAM, {"eps": "1e-8"}, ["eps: must be a number, not the text '1e-8'; did you mean `1e-8`"]),
        (ADAM, {"lr": 1, "betas": [0.9, 1], "amsgrad": True, "foreach": None, "weight_decay": 0}, []),
        (ADAM, {"lr": {"use": "a:b"}}, []),
        # Without annotations: a word may be meant, a number or a truth value in quotes is not.
        (FOREST, {"max_features": "sqrt", "warm_start": True, "verbose": True, "max_samples": 0.5}, []),
        (FOREST, {"warm_start": "off"}, ["warm_start: must be true or false, not the text 'off'"]),
        (FOREST, {"n_estimators": "10"}, ["n_estimators: must be a number, not the text '10'"]),
        ("fractions:Fraction", {"numeratr": 1}, ["numeratr: Fraction takes no such argument; did you mean"]),
    ],
)
def test_arguments_of_other_packages_are_checked(
    use: str, arguments: dict[str, Any], faults: list[str]
) -> None:
    found = faults_of(component(use, **arguments), ("params",))
    assert len(found) == len(faults), found
    assert all(line.startswith(start) for line, start in zip(found, faults, strict=True)), found


def test_a_function_misses_nothing_and_takes_any_under_stars() -> None:
    assert faults_of(part("metric", cot=1), ()) == []
    assert faults_of(part("metric", cut="x"), ()) == ["cut: must be a number, not the text 'x'"]


def test_build_refuses_what_does_not_fit() -> None:
    with pytest.raises(ComponentError, match=r"hiden: Model takes no such argument; did you mean `hidden`\?"):
        build(part("Model", hiden=[1]), rng=1)
