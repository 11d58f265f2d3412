"""Profiles and the command line: what they may set, and where their faults are said to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lblhep.recipe import Recipe, Scan

Read = Callable[..., Recipe]
Faults = Callable[..., list[str]]


def test_the_order_is_file_profile_command_line(read: Read, sample: str) -> None:
    assert read(sample).task.arguments["max_epochs"] == 60
    assert read(sample, profile="smoke").task.arguments["max_epochs"] == 2
    recipe = read(sample, profile="smoke", overrides=["task.max_epochs=3", "task.max_epochs=4"])
    assert recipe.task.arguments["max_epochs"] == 4


def test_values_are_yaml_1_2(read: Read, sample: str) -> None:
    overrides = [
        "task.optimizer.lr=2e-4",
        "title=no",
        "models.classifier.hidden=[8]",
        "datasets.dijets.card=",
    ]
    recipe = read(sample, overrides=overrides)
    assert recipe.task.arguments["optimizer"].arguments["lr"] == 2e-4
    assert recipe.title == "no"
    assert recipe.models["classifier"].arguments["hidden"] == [8]
    assert recipe.datasets["dijets"].card is None


def test_a_value_may_hold_equals_signs(read: Read, sample: str) -> None:
    assert read(sample, overrides=["title=a=b"]).title == "a=b"


def test_a_profile_adds_an_axis(read: Read, sample: str) -> None:
    recipe = read(sample, profile="full")
    assert isinstance(recipe.trials, Scan)
    assert list(recipe.trials.axes) == ["window", "fold", "init", "pseudo"]
    assert recipe.groups is not None
    assert recipe.groups.by == ("pseudo", "window")
    assert recipe.groups.arguments == {"efficiencies": [1, 0.1]}


def test_a_profile_replaces_a_section(read: Read, sample: str) -> None:
    recipe = read(sample, profile="tune", overrides=["trials.points=3"])
    assert recipe.trials.kind == "search"
    assert recipe.trials.total == 15
    assert recipe.groups is not None
    assert recipe.groups.by == ()


def test_sections_need_not_be_written(read: Read) -> None:
    least = "schema: lblhep/recipe@1\nstudy: s\ntask: {use: 'a:b'}\ntrials: {kind: single}\n"
    recipe = read(least, overrides=["resources.cpu=2", "tracking.experiment=x", "models={}", "task.lr=1"])
    assert (recipe.resources.cpu, recipe.tracking.experiment) == (2, "x")
    assert recipe.task.arguments == {"lr": 1}  # whether the task takes it, ``validate`` asks


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("tasks.lr=1", "tasks.lr: names nothing: the recipe has no `tasks`; did you mean `task`?"),
        ("tasks=1", "tasks: is not known; did you mean `task`?"),
        ("resources.cpus=2", "resources.cpus: is not known; did you mean `cpu`?"),
        ("resources.cpu=two", "resources.cpu: must be an integer, not the text 'two'"),
        ("datasets.dijet.fold=1", "datasets.dijet.fold: names nothing: datasets has no `dijet`;"),
        ("task.optimzer.lr=1", "task.optimzer.lr: names nothing: task has no `optimzer`;"),
        ("models.classifier.hidden.0=1", "goes through models.classifier.hidden, which is a list;"),
        ("seed.x=1", "goes through seed, which is the value 2018;"),
        (
            "trials.axes.windw.range=[0, 1]",
            "names nothing: trials.axes has no `windw`; did you mean `window`?",
        ),
        ("trials.axes.x={path: task.max_epoch, values: [1]}", "did you mean `max_epochs`?"),
        ("trials.pac=3", "trials.pac: is not known; did you mean `pack`?"),
        ("trials.expect=3", "trials.expect: is 3, but there are 200 trials: 8 window x 5 fold x 5 init"),
        ("task.max_epochs", "'task.max_epochs' is no override; write it as a.b.c=value"),
        ("=3", "'=3' is no override"),
        ("..=3", "..: names nothing"),
        ("task.optimizer.lr=[1", "task.optimizer.lr: not YAML"),
        ("task={a: 1, a: 2}", "task: the key is given twice"),
    ],
)
def test_faults_of_the_command_line(faults: Faults, sample: str, override: str, problem: str) -> None:
    found = faults(sample, overrides=[override])
    assert len(found) == 1
    assert found[0].startswith("command line: ")
    assert problem in found[0]


def test_faults_of_a_profile_stand_at_its_lines(faults: Faults, sample: str) -> None:
    text = sample + "  bad:\n    task.max_epoch.x: 3\n    trials.expect: many\n"
    line = len(text.splitlines()) - 1
    assert faults(text, profile="bad") == [
        f"recipe.yaml:{line}:5: task.max_epoch.x: names nothing: task has no `max_epoch` (profile bad); "
        "did you mean `max_epochs`?",
        f"recipe.yaml:{line + 1}:5: trials.expect: must be an integer, not the text 'many' (profile bad)",
    ]


def test_a_range_beside_values_is_explained(faults: Faults, sample: str) -> None:
    text = sample.replace("datasets.dijets.window, range: [0, 8]", "datasets.dijets.window, values: [1, 2]")
    [problem] = faults(text, profile="smoke")
    assert "trials.axes.window.range: stands beside `values`" in problem
    assert "(profile smoke)" in problem


def test_a_profile_builds_on_another(read: Read, sample: str) -> None:
    """Its own overrides come last, wherever ``extends`` stands; what it does not name is the other's."""
    recipe = read(
        sample + "  more:\n    trials.expect: 200\n    trials.axes.pseudo.range: [0, 5]\n    extends: full\n",
        profile="more",
    )
    assert recipe.trials.expect == 200
    assert list(recipe.groups.by) == ["pseudo", "window"]
    assert list(recipe.trials.axes["pseudo"].points) == [0, 1, 2, 3, 4]


def test_a_profile_must_build_on_one_that_there_is(faults: Faults, sample: str) -> None:
    text = sample + "  more: {extends: ful}\n  a: {extends: b}\n  b: {extends: a}\n"
    text += "  c: {extends: b}\n  none: {extends: }\n"
    line = len(text.splitlines())
    assert faults(text, profile="more") == [
        f"recipe.yaml:{line - 4}:10: profiles.more.extends: there is no profile `ful`; did you mean `full`?"
    ]
    circle = f"recipe.yaml:{line - 3}:7: profiles.a.extends: extends itself: a -> b -> a"
    for entry in "abc":
        assert faults(text, profile=entry) == [circle], "from wherever it is entered, so that it is said once"
    assert "profiles.none.extends: there is no profile `None`" in faults(text, profile="none")[0]


def test_an_unknown_profile(faults: Faults, sample: str) -> None:
    [problem] = faults(sample, profile="ful")
    assert problem.endswith("profiles: there is no profile `ful`; did you mean `full`?")
    assert "no profiles" in faults(sample.split("profiles:")[0], profile="full")[0]


def test_all_faults_of_all_sources_come_together(faults: Faults, sample: str) -> None:
    text = sample.replace("seed: 2018", "sed: 2018\nstudy: x") + "  bad: {x.y: 1}\n"
    found = faults(text, profile="bad", overrides=["title=[]", "nothing"])
    assert [problem.split(":")[0] for problem in found] == ["recipe.yaml"] * 3 + ["command line"] * 2


def test_what_an_axis_sets_cannot_be_overridden_without_effect(faults: Faults, sample: str) -> None:
    (fault,) = faults(sample, overrides=["datasets.dijets.window=3"])
    assert "the axis `window` sets it in every trial" in fault
    assert "trials.axes.window.range" in fault
