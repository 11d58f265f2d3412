"""What a task returns is one outcome for each trial under names of its own; all else fails, and says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lblhep.errors import LaunchError
from lblhep.launch import Launch, LaunchView, launch
from lblhep.launch.store import packs
from lblhep.launch.store.directory import create
from lblhep.launch.workers import execute
from lblhep.launch.workers import search_space as searching
from lblhep.recipe import Recipe
from lblhep.trials import point_pack

Toy = Callable[..., Recipe]

ODD = """

class Odd(Nap):
    \"\"\"Its trials 000001 and 000002 return what `how` says.\"\"\"

    def __init__(self, *, how, **arguments):
        super().__init__(**arguments)
        self.how = how

    def run(self, trials, bench):
        for row in super().run(trials, bench):
            if row.trial not in ("000001", "000002"):
                yield row
            elif self.how == "twice":
                yield from (row, Failure(row.trial, "or not", ""))
            elif self.how == "never":
                continue
            elif self.how == "foreign":
                yield Row("000099", row.metrics)
            elif self.how == "text":
                yield Row(row.trial, {"score": "good"})
            elif self.how == "None":
                yield None
            else:
                yield Row(row.trial, {self.how: 1.0})


class Resumes(Nap):
    \"\"\"Tells how often its checkpoint has seen it; stops the first time, with Ctrl-C.\"\"\"

    def run(self, trials, bench):
        seen = bench.checkpoint / "seen"
        times = len(seen.read_text()) if seen.exists() else 0
        seen.write_text("x" * (times + 1))
        marker = Path(__file__).with_name("stopped")
        if not marker.exists():
            marker.touch()
            raise KeyboardInterrupt
        return [Row(trial.id, {"score": float(times)}) for trial in trials]


def mean(rows, arrays):
    return {"score": rows["score"].mean()}
"""


def append(recipe: Recipe, text: str) -> None:
    with (recipe.workspace / "experiments" / "toy" / "tasks.py").open("a") as file:
        file.write(text)


def errors(outcome: Launch) -> dict[str, str]:
    return {f.trial: f.error for f in packs.read_failures(outcome.directory, "000000")}


@pytest.mark.parametrize(
    ("how", "failed", "message"),
    [
        ("twice", 2, "the task returned 2 outcomes for this trial"),
        ("never", 2, "the task returned neither a Row nor a Failure for this trial"),
        ("text", 2, "could not convert string to float"),
        ("window", 2, "the metric 'window' is called like an axis of the recipe"),
        ("name", 2, "a metric cannot be called 'name'"),
        ("status", 2, "a metric cannot be called 'status'"),
        ("foreign", 3, "the task returned an outcome of trial '000099', not of its pack"),
        ("None", 3, "the task returned a NoneType, neither a Row nor a Failure"),
    ],
)
def test_one_outcome_for_each_trial_of_the_pack(toy: Toy, how: str, failed: int, message: str) -> None:
    recipe = toy("scan", "task.use=experiments.toy.tasks:Odd", f"task.how='{how}'")
    append(recipe, ODD)
    outcome = launch(recipe, serial=True)
    found = errors(outcome)
    assert len(found) == failed == outcome.progress.failed
    assert message in found["000001"]
    rows = LaunchView(outcome.directory).rows
    assert list(rows.columns) == ["trial", "name", "window", "fold", "score", "noise", "status"]
    assert rows["window"].tolist() == sorted(list(range(4)) * 3)


def test_a_group_metric_does_not_take_an_axis_place(toy: Toy) -> None:
    recipe = toy("scan", "groups.use=experiments.toy.tasks:combine_window")
    append(recipe, "\n\ndef combine_window(rows, arrays):\n    return {'window': 1.0}\n")
    outcome = launch(recipe, serial=True)
    assert "the metric 'window' is called like an axis" in outcome.problems[0]


def test_a_logged_metric_does_not_take_the_step_place(toy: Toy) -> None:
    recipe = toy("scan", "task.use=experiments.toy.tasks:Steps")
    append(
        recipe,
        "\n\nclass Steps(Nap):\n    def run(self, trials, bench):\n"
        "        bench.log(trials[0], {'step': 1.0}, 0)\n        return super().run(trials, bench)\n",
    )
    assert "a metric cannot be called 'step'" in errors(launch(recipe, serial=True))["000000"]


def test_a_gpu_that_torch_does_not_find(toy: Toy) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(LaunchError, match=r"resources\.gpu: each pack asks for 1, but torch finds no GPU"):
        launch(toy("scan", "resources.gpu=1"), serial=True)


class TestCheckpoint:
    """``score`` counts the earlier attempts that the checkpoint has seen."""

    def stopped(self, toy: Toy, kind: str) -> Launch:
        append(toy(kind), ODD)
        outcome = launch(self.recipe(toy, kind), serial=True)
        assert outcome.state == "interrupted"
        return outcome

    def recipe(self, toy: Toy, kind: str, *overrides: str) -> Recipe:
        few = ["trials.points=2"] if kind == "search" else []
        use = ["task.use=experiments.toy.tasks:Resumes", "groups.use=experiments.toy.tasks:mean"]
        return toy(kind, *use, *few, *overrides)

    def first_score(self, outcome: Launch) -> float:
        assert not list((outcome.directory / "checkpoints").iterdir())
        return float(LaunchView(outcome.directory).rows["score"][0])

    def test_is_taken_up(self, toy: Toy) -> None:
        self.stopped(toy, "scan")
        assert self.first_score(launch(self.recipe(toy, "scan"), serial=True, resume=True)) == 1

    def test_is_not_another_points(self, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
        """A search that was killed gives the point's number to what the sampler proposes then."""
        self.stopped(toy, "search")
        real = searching.sampler
        monkeypatch.setattr(searching, "sampler", lambda recipe, search, past=0: real(recipe, search, 99))
        again = self.recipe(toy, "search")
        assert self.first_score(launch(again, serial=True, resume=True)) == 0

    def test_is_dropped_with_a_point_that_is_pruned(self, toy: Toy) -> None:
        recipe = toy("search")
        directory = create(recipe, None).path
        (directory / "checkpoints" / "000000-of-this-point").mkdir(parents=True)
        pack = point_pack(recipe, 0, {"rate": 0.1, "window": 0})
        execute.record_pruned(execute.LaunchContext(recipe, directory), pack, {0: 0.5})
        assert not list((directory / "checkpoints").iterdir())

    @pytest.mark.parametrize("what", ["code", "recipe"])
    def test_is_not_another_codes_or_recipes(self, toy: Toy, what: str) -> None:
        first = self.stopped(toy, "scan")
        changed = self.recipe(toy, "scan", *(["task.rate=0.2"] if what == "recipe" else []))
        if what == "code":
            append(changed, "# a change\n")
            execute._code.cache_clear()  # as a new process finds it
        assert self.first_score(launch(changed, serial=True, resume=first.id, force=True)) == 0
