"""Each fault of a file: at its line and column, in our words, with a hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lblhep.recipe.hints import plain_value

Faults = Callable[..., list[str]]

CASES = [
    ("seed: 2018", "sed: 2018", "1: sed: is not known; did you mean `seed`?"),
    ("seed: 2018", "seed: '2018'", "1: seed: must be an integer, not the text '2018'"),
    ("seed: 2018", "seed: true", "1: seed: must be an integer, not true"),
    ("seed: 2018", "seed: -1", "1: seed: must be at least 0, not -1"),
    ("seed: 2018", "seed: {a: 1}", "1: seed: must be an integer, not a mapping"),
    ("title: Weakly supervised dijet bump hunt", "title: 3", "1: title: must be text, not 3"),
    ("study: cwola", "study: my study", "1: study: must be made of 1 to 64 letters A-Z and a-z, digits,"),
    ("schema: lblhep/recipe@1", "schema: lblhep/recipe@2", "1: schema: must be 'lblhep/recipe@1', not the"),
    ("goal: maximize", "goal: maximise", "goal: must be 'maximize' or 'minimize', not the text 'maximise'"),
    ("on: [failed, finished]", "on: [failed, fished]", "notify.on[1]: must be 'started', 'interrupted',"),
    ("cpu: 1", "cpu: 0", "13: resources.cpu: must be at least 1, not 0"),
    ("cpu: 1", "cpus: 1", "13: resources.cpus: is not known; did you mean `cpu`?"),
    ("torch.optim:Adam", "torch.optim.Adam", "15: task.optimizer.use: must be an import path `module:Attr"),
    ("  dijets:\n", "  di.jets:\n", "3: datasets.di.jets: must be a word of letters, digits,"),
    (
        "  kind: scan",
        "  kind: scna",
        "3: trials.kind: must be one of 'single', 'scan', 'search', not 'scna';",
    ),
    ("  kind: scan\n", "", "1: trials.kind: is missing; one of single, scan, search"),
    ("  expect: 200\n", "", "1: trials.expect: is missing"),
    ("  expect: 200", "  expect: 20", "3: trials.expect: is 20, but there are 200 trials: 8 window x 5 fo"),
    ("  pack: 25", "  pack: 0", "3: trials.pack: must be at least 1, not 0"),
    ("  pack: 25", "  pakc: 25", "3: trials.pakc: is not known; did you mean `pack`?"),
    ("range: [0, 8]", "range: [8, 0]", "trials.axes.window.range: is empty: [8, 0] holds no integer"),
    ("range: [0, 8]", "range: [0, 8, 1]", "trials.axes.window.range: takes 2 entries, not 3"),
    ("range: [0, 8]", "range: [0, 8.5]", "trials.axes.window.range[1]: must be an integer, not 8.5"),
    ("range: [0, 8]", "range: 8", "trials.axes.window.range: must be a list, not 8"),
    (", range: [0, 8]", "", "trials.axes.window: has no values: give it `range: [first, end]` (end excl"),
    ("range: [0, 8]", "values: []", "trials.axes.window.values: needs at least 1 entries, not 0"),
    ("range: [0, 8]", "rnage: [0, 8]", "trials.axes.window.rnage: is not known; did you mean `range`?"),
    ("dijets.window,", "dijets.windw,", "`datasets.dijets.windw` names nothing: datasets.dijets has no `"),
    ("dijets.window,", "dijets.window.a,", "names nothing: `datasets.dijets.window` has no parts; let the"),
    ("datasets.dijets.window,", "trials.pack,", "`trials.pack` is not part of a trial; an axis varies one"),
    ("path: datasets.dijets.fold", "path: datasets.dijets.window", "`datasets.dijets.window` is varied by"),
    ("path: datasets.dijets.fold", "path: 'a b'", "path: must be a dotted address such as `datasets.name.a"),
    (
        "    fold: {path",
        "    step: {path",
        "trials.axes.step: `step` is a column that every table of results has",
    ),
    ("by: [window]", "by: [windw]", "groups.by[0]: `windw` is not an axis of this recipe; did you mean `win"),
    ("by: [window]", "by: [fold, fold]", "groups.by[1]: `fold` is given twice"),
    ("  smoke: {", "  smoke: [{", "not YAML: while parsing"),
]


@pytest.mark.parametrize(("old", "new", "problem"), CASES)
def test_a_fault_is_said_once_at_its_place(
    faults: Faults, sample: str, old: str, new: str, problem: str
) -> None:
    assert sample.count(old) >= 1
    found = faults(sample.replace(old, new, 1))
    mentioned = [line for line in found if problem in line]
    assert len(mentioned) == 1, found
    line = int(mentioned[0].split(":")[1])
    written = sample[: sample.index(old)].count("\n") + 1
    # A key that is gone is missed at the section that should hold it; broken YAML shows where it ends.
    assert new == "" or "not YAML" in problem or line == written


def test_columns_count_from_one(faults: Faults, sample: str) -> None:
    [problem] = faults(sample.replace("init: 0}", "init: 0, use: x}"))
    assert problem.startswith("recipe.yaml:15:")
    assert "the key is given twice, first on line 15" in problem


def test_every_fault_is_reported(faults: Faults, sample: str) -> None:
    text = sample
    for old, new in (
        ("seed: 2018", "sed: x"),
        ("max_epochs: 60", "max_epochs: {use: 3}"),
        ("  pack: 25", "  pack: x"),
        ("dijets.fold", "dijets.flod"),
        ("by: [window]", "by: [widow]"),
        ("gpu: 0", "gpu: -1"),
    ):
        text = text.replace(old, new, 1)
    found = faults(text)
    assert [problem.split(": ")[1] for problem in found] == [
        "sed",
        "task.max_epochs.use",
        "trials.pack",
        "trials.axes.fold.path",
        "groups.by[0]",
        "resources.gpu",
    ]


SEARCH_CASES = [
    ("[1e-4, 1e-1]", "[0, 1]", "trials.space.lr.log_uniform: needs positive bounds, not [0.0, 1.0]"),
    ("[1e-4, 1e-1]", "[1, .inf]", "trials.space.lr.log_uniform: needs two finite bounds"),
    ("log_uniform: [1e-4, 1e-1]", "choices: [1], uniform: [0, 1]", "trials.space.lr: has `uniform` and `ch"),
    (", log_uniform: [1e-4, 1e-1]", "", "trials.space.lr: has no prior: give one of uniform, log_uniform,"),
    ("points: 10", "points: 10\n      expect: 3", "trials.expect: is 3, but there are 50 trials: 10 points"),
    ("lr: {path: task", "fold: {path: task", "trials.replicates: and `space` both name fold"),
    (
        '    groups: {use: "exp',
        '    groups: {by: [fold], use: "exp',
        "groups.by: must be left out: in a sear",
    ),
    ('    groups: {use: "experiments.cwola.metrics:CombineFolds"}\n', "    groups: null\n", "no `groups`"),
]


@pytest.mark.parametrize(("old", "new", "problem"), SEARCH_CASES)
def test_faults_of_a_search(faults: Faults, sample: str, old: str, new: str, problem: str) -> None:
    head, _, tail = sample.partition("  tune:\n")
    assert old in tail
    found = faults(f"{head}  tune:\n{tail.replace(old, new, 1)}", profile="tune")
    assert any(problem in line for line in found), found


def test_an_axis_of_mappings_names_what_is_there(faults: Faults, sample: str) -> None:
    text = sample.replace(
        "window: {path: datasets.dijets.window, range: [0, 8]}",
        "window: {path: datasets.dijets, values: [{window: 1, fold: 2}, {windw: 3}]}",
    ).replace("expect: 200", "expect: 50")
    found = faults(text)
    assert len(found) == 2
    assert "values[1].windw: `datasets.dijets.windw` names nothing" in found[0]
    assert "fold.path: `datasets.dijets.fold` is varied by `window` as well" in found[1]


def test_a_silly_number_of_trials(faults: Faults, sample: str) -> None:
    text = sample.replace("range: [0, 8]", "range: [0, 1000000000000]")
    found = faults(text.replace("expect: 200", "expect: 25000000000000"))
    assert len(found) == 1
    assert "trials.axes: make more than 10,000,000 trials: 1000000000000 window x 5 fold x 5 init" in found[0]


def test_more_trials_than_can_be_counted_or_printed(faults: Faults, sample: str) -> None:
    text = sample.replace("range: [0, 8]", "range: [-1, 9223372036854775807]")
    (found,) = faults(text)
    assert "trials.axes: make more than 10,000,000 trials: 9223372036854775808 window x 5 fold" in found
    many = "".join(
        f"    a{n}: {{path: task.a{n}, range: [-9223372036854775807, 9223372036854775807]}}\n"
        for n in range(300)
    )
    arguments = "".join(f"  a{n}: 0\n" for n in range(300))
    text = sample.replace("  axes:\n", f"  axes:\n{many}", 1).replace("  max_epochs: 60\n", arguments)
    assert any("make more than" in line for line in faults(text))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ("[1, 2, 2, 16]", "values[2]: 2 is given twice, first as values[1]"),
        ("[1, 2, 1.0, 4]", "values[2]: 1.0 is given twice, first as values[0]"),
        (
            "[a, b, {x: 1, y: 2}, {y: 2, x: 1}]",
            "values[3]: {'y': 2, 'x': 1} is given twice, first as values[2]",
        ),
        ("[.nan, 1, 2, .nan]", "values[3]: nan is given twice, first as values[0]"),
    ],
)
def test_a_value_given_twice(faults: Faults, sample: str, values: str, problem: str) -> None:
    axis = "window: {path: datasets.dijets.window, "
    text = sample.replace(f"{axis}range: [0, 8]", f"{axis}values: {values}").replace(
        "expect: 200", "expect: 100"
    )
    line = text[: text.index(axis)].count("\n") + 1
    found = [each for each in faults(text) if "twice" in each]
    assert len(found) == 1
    assert found[0].startswith(f"recipe.yaml:{line}:")
    assert f"trials.axes.window.{problem}" in found[0]


def test_values_that_are_not_the_same(read: Any, sample: str) -> None:
    axis = "window: {path: datasets.dijets.window, "
    text = sample.replace(f"{axis}range: [0, 8]", f"{axis}values: [1, true, '1', 0, false, [1], [1.5], null]")
    assert read(text).trials.total == 200


@pytest.mark.parametrize(
    ("text", "meant"), [("1e-3", "`1e-3`"), ("nan", "`.nan`"), ("-inf", "`-.inf`"), ("No", "`false`")]
)
def test_a_hint_names_what_yaml_reads_as_a_number_or_truth_value(text: str, meant: str) -> None:
    assert meant in plain_value(text)


def test_text_that_reads_as_neither_has_no_hint() -> None:
    assert plain_value("sqrt") == ""
