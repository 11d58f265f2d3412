"""Trials, packs and groups of every kind of recipe."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lblhep.recipe import Recipe, cells
from lblhep.recipe.writing import to_yaml
from lblhep.trials import Plan, is_batched, plan, point_group, point_pack, scan_plan

AXES: dict[str, Any] = {
    "window": {"path": "datasets.d.window", "range": [2, 5]},
    "fold": {"path": "datasets.d.fold", "range": [0, 2]},
    "init": {"path": "models.m.init", "values": [7, 8]},
}


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """A recipe with the given trials and groups."""

    def recipe(trials: dict[str, Any], by: list[str] | None = None) -> Recipe:
        values: dict[str, Any] = {
            "schema": "lblhep/recipe@1",
            "study": "study",
            "datasets": {"d": {"use": "a:b", "window": 0, "fold": 0, "features": ["x"]}},
            "models": {"m": {"use": "a:b", "init": 0, "layers": {"use": "a:b"}}},
            "task": {"use": "a:b", "lr": 0.1},
            "trials": trials,
        }
        if by is not None:
            values["groups"] = {"use": "a:b", **({"by": by} if by else {})}
        file = tmp_path / "recipe.yaml"
        file.write_text(to_yaml(values))
        return Recipe.read(file)

    return recipe


def scan(expect: int, pack: int = 1, **axes: Any) -> dict[str, Any]:
    return {"kind": "scan", "expect": expect, "pack": pack, "axes": axes or AXES}


def sizes(planned: Plan) -> list[int]:
    return [len(pack.trials) for pack in planned.packs]


def test_a_single_trial(recipe: Callable[..., Recipe]) -> None:
    planned = plan(recipe({"kind": "single"}, by=[]), ())
    [trial], [pack], [group] = planned.trials, planned.packs, planned.groups
    assert (trial.id, trial.name, trial.point) == ("000000", "study", {})
    assert pack.trials == (trial,)
    assert (group.key, group.trials) == ({}, ("000000",))


def test_trials_are_in_row_major_order_of_half_open_ranges(recipe: Callable[..., Recipe]) -> None:
    trials = plan(recipe(scan(12)), ()).trials
    assert [tuple(trial.point.values()) for trial in trials[:5]] == [
        (2, 0, 7),
        (2, 0, 8),
        (2, 1, 7),
        (2, 1, 8),
        (3, 0, 7),
    ]
    assert trials[-1].point == {"window": 4, "fold": 1, "init": 8}
    assert (trials[-1].id, trials[-1].name) == ("000011", "window=4 fold=1 init=8")
    assert trials[-1].recipe.models["m"].arguments["init"] == 8


def test_packs_mix_only_what_the_task_batches_over(recipe: Callable[..., Recipe]) -> None:
    base = recipe(scan(12, pack=100))
    assert sizes(plan(base, ())) == [1] * 12
    assert sizes(plan(base, ("fold", "init"))) == [4, 4, 4]
    assert sizes(plan(base, ("window", "fold", "init"))) == [12]
    planned = plan(base, ("window", "init"))  # the fold lies between the two: its packs interleave
    assert [trial.point["fold"] for trial in planned.packs[1].trials] == [1] * 6
    assert [trial.id for trial in planned.packs[0].trials[:4]] == ["000000", "000001", "000004", "000005"]


def test_every_trial_is_in_one_pack(recipe: Callable[..., Recipe]) -> None:
    planned = plan(recipe(scan(12, pack=5)), ("fold", "init", "window"))
    assert sorted(trial.id for pack in planned.packs for trial in pack.trials) == [
        trial.id for trial in planned.trials
    ]
    assert sizes(planned) == [4, 4, 4]  # not 5, 5, 2
    assert [pack.id for pack in planned.packs] == ["000000", "000001", "000002"]


def test_groups_share_what_they_are_by(recipe: Callable[..., Recipe]) -> None:
    groups = plan(recipe(scan(12), by=["fold", "window"]), ()).groups
    assert [tuple(group.key.values()) for group in groups][:3] == [(0, 2), (1, 2), (0, 3)]
    assert list(groups[0].key) == ["fold", "window"]
    assert groups[1].trials == ("000002", "000003")
    assert len(plan(recipe(scan(12), by=[]), ()).groups) == 1
    assert plan(recipe(scan(12)), ()).groups == ()


def test_values_may_be_lists_and_mappings(recipe: Callable[..., Recipe]) -> None:
    features = {"path": "datasets.d.features", "values": [["x"], ["x", "y"]]}
    layers = {"path": "models.m.layers", "values": [{"use": "torch.nn:ReLU"}, {"use": "torch.nn:Tanh"}]}
    hunt = {"path": "datasets.d", "values": [{"window": 1, "fold": 1}, {"window": 2}]}
    base = recipe(scan(8, pack=4, features=features, layers=layers, hunt=hunt), by=["features"])
    planned = plan(base, ("window", "fold"))
    assert planned.trials[6].name == "features=['x', 'y'] layers=Tanh window=1 fold=1"
    assert [group.key for group in planned.groups] == [{"features": ["x"]}, {"features": ["x", "y"]}]
    assert planned.groups[0].name == "features=['x']"
    assert planned.trials[6].recipe.datasets["d"].arguments["fold"] == 1
    # An axis that sets several arguments is batched if all of them are.
    assert sizes(planned) == [2, 2, 2, 2]
    assert sizes(plan(base, ("window",))) == [1] * 8
    assert is_batched(base.trials.axes["hunt"], ("fold", "window"))  # type: ignore[union-attr]


SEARCH = {
    "kind": "search",
    "points": 3,
    "space": {"lr": {"path": "task.lr", "log_uniform": [0.001, 1.0]}},
    "replicates": {
        "fold": {"path": "datasets.d.fold", "range": [0, 2]},
        "init": {"path": "models.m.init", "range": [0, 3]},
    },
    "objective": {"metric": "auc", "goal": "maximize"},
}


def test_a_search_point_is_a_pack_of_all_replicates(recipe: Callable[..., Recipe]) -> None:
    base = recipe(SEARCH, by=[])
    pack = point_pack(base, 2, {"lr": 0.1234567})
    assert pack.id == "000002"
    assert [trial.id for trial in pack.trials] == [f"{index:06d}" for index in range(12, 18)]
    assert pack.trials[1].name == "lr=0.123457 fold=0 init=1"
    assert pack.trials[1].recipe.task.arguments["lr"] == 0.1234567
    group = point_group(pack)
    assert (group.id, group.key, len(group.trials)) == ("000002", {"lr": 0.1234567}, 6)
    assert group.name == "lr=0.123457"


def test_scans_and_searches_are_not_taken_for_each_other(recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(ValueError, match="a search has no plan"):
        scan_plan(recipe(SEARCH, by=[]), ())
    with pytest.raises(ValueError, match="a scan has no points"):
        point_pack(recipe(scan(12)), 0, {})
    with pytest.raises(ValueError, match="a pack of a scan is not a point"):
        point_group(plan(recipe(scan(12)), ()).packs[0])


def test_packs_travel_light(recipe: Callable[..., Recipe]) -> None:
    pack = plan(recipe(scan(12, pack=12)), ("window", "fold", "init")).packs[0]
    assert pack.trials[0].recipe is pack.trials[0].recipe
    copy = pickle.loads(pickle.dumps(pack))
    assert copy == pack
    assert copy.trials[3].recipe.digest() == pack.trials[3].recipe.digest()
    assert len(pickle.dumps(pack)) < 20_000  # bytes: the base recipe once


def test_planning_validates_no_trial(recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes 20,000 trials cheap to plan: a trial's recipe is made by the worker that runs it."""
    axes = {
        "window": {"path": "datasets.d.window", "range": [0, 200]},
        "fold": {"path": "datasets.d.fold", "range": [0, 20]},
        "init": {"path": "models.m.init", "range": [0, 5]},
    }
    base = recipe(scan(20_000, pack=25, **axes), by=["window"])
    validated: list[Any] = []
    monkeypatch.setattr(Recipe, "at", lambda recipe, point: validated.append(point))
    planned = plan(base, ("fold", "init"))
    assert (len(planned.packs), len(planned.groups)) == (800, 200)
    assert not validated
    _ = planned.trials[7].recipe
    assert validated == [planned.trials[7].point]


def test_a_mapping_valued_axis_shows_its_arguments_as_columns():
    point = {"hunt": {"window": 4, "method": "cwola"}, "init": 0, "model": {"use": "a:B"}}
    assert cells(point) == {"window": 4, "method": "cwola", "init": 0, "model": {"use": "a:B"}}
