"""The files by which a worker tells the driver of its curves, and what one sees of them in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from lblhep.launch import LaunchView, Progress, launch
from lblhep.launch.live_curves import LiveReader
from lblhep.launch.workers import listeners
from lblhep.launch.workers.listeners import LiveWriter
from lblhep.recipe import Recipe
from lblhep.tracking.store import connect

LONG = '''

class Long(Nap):
    """Logs two steps a second; its worker is killed once, after 11 of them."""

    def run(self, trials, bench):
        mark = bench.checkpoint / "been here"
        for epoch in range(self.epochs):
            time.sleep(0.5)
            bench.log(trials[0], {"score": 0.1 * epoch}, epoch)
            if epoch == 10 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return [Row(trials[0].id, {"score": 1.0, "noise": 0.0})]
'''


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time.monotonic says."""
    now = [0.0]
    monkeypatch.setattr(listeners.time, "monotonic", lambda: now[0])
    return now


def test_a_write_every_few_seconds_on_average(tmp_path: Path, clock: list[float]) -> None:
    reader, writes = LiveReader(tmp_path / "live" / "pack"), []
    writer = LiveWriter(tmp_path / "live" / "pack", lambda: writes.append(clock[0]))
    for second in (1.0, 4.0, 6.0, 7.0, 11.0, 100.0, 100.1):
        clock[0] = second
        writer("a", {"score": second}, int(10 * second))
        if second == 4:
            assert reader.new() == {}
    assert writes == [
        6,
        11,
        100,
        100.1,
    ]  # after an epoch of 89 s, its second point does not wait for the next
    points = reader.new()["a"]
    assert [point.metrics["score"] for point in points] == [1, 4, 6, 7, 11, 100, 100.1]
    assert reader.new() == {}


def test_half_a_line_is_left_out(tmp_path: Path, clock: list[float]) -> None:
    """One that is being written is read later; one whose writer was killed never."""
    path = tmp_path / "pack"
    reader = LiveReader(path)
    path.write_text('["a", 0, 1.0, {"score": 0.5}]\n["a", 1, 2.0, {"sc')
    assert [point.step for point in reader.new()["a"]] == [0]
    writer = LiveWriter(path, lambda: None)
    clock[0] = 10
    writer("a", {"score": float("nan")}, 2)
    assert [point.step for point in reader.new()["a"]] == [2]


@pytest.mark.ray
@pytest.mark.slow("a curve is written once its pack has lasted seconds")
def test_a_curve_is_seen_within_ten_seconds(toy: Callable[..., Recipe], ray_session: None) -> None:
    """While the trial trains, and again each step once after its worker's death; progress names the step."""
    size = ["trials.axes.window.range=[0, 1]", "trials.axes.fold.range=[0, 1]", "trials.expect=1"]
    recipe = toy("scan", *size, "task.use=experiments.toy.tasks:Long", "task.epochs=12", "groups=null")
    tasks = recipe.workspace / "experiments" / "toy" / "tasks.py"
    tasks.write_text(tasks.read_text() + LONG)
    client = connect(recipe.workspace)
    seen: dict[str, list[tuple[float, int]]] = {}
    told: list[tuple[int, ...]] = []

    def look(progress: Progress) -> None:
        """Note when a step was first seen, for each run of the trial."""
        assert len(progress.steps) <= progress.running
        told.extend([] if progress.done else [progress.steps])
        experiment = client.get_experiment_by_name("toy")
        if experiment is None or progress.done:
            return
        for run in client.search_runs([experiment.experiment_id], "tags.`lblhep.trial` = '000000'"):
            found = seen.setdefault(run.info.run_id, [])
            for point in client.get_metric_history(run.info.run_id, "curve/score")[len(found) :]:
                found.append((time.time() - point.timestamp / 1000, point.step))

    outcome = launch(recipe, observe=look)
    assert outcome.state == "finished"
    ((run_id, found),) = seen.items()
    assert len(found) >= 9
    assert max(told) >= (9,)
    restarted = [steps for steps, then in pairwise(told) if steps and not then]
    assert restarted in ([(9,)], [(10,)]), "the step of a worker that died is its pack's no more"
    assert max(delay for delay, _ in found) < 10
    steps = [(point.step, point.value) for point in client.get_metric_history(run_id, "curve/score")]
    table = LaunchView(outcome.directory).curves
    assert steps == list(zip(table["step"], table["score"], strict=True))
    assert [step for step, _ in steps] == list(range(12))
