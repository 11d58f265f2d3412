"""What the harness itself costs for each trial, against a minimal MLflow run measured beside it.

The task does nothing; the rest is as in a real launch: Ray Tune, commits, groups, a run per trial.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lblhep.launch import launch
from lblhep.tracking.store import connect

pytestmark = pytest.mark.ray


def minimal_run_seconds(
    workspace: Path, runs: int = 40, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The least one can log of a trial: create a run, one batch of four params and two metrics, end it."""
    from mlflow.entities import Metric, Param

    client = connect(workspace)
    experiment = client.create_experiment("minimal")
    params = [Param(name, "1") for name in ("window", "fold", "subfold", "init")]
    begin = 0.0
    for number in range(runs + 5):
        if number == 5:  # warm
            begin = clock()
        run_id = client.create_run(experiment).info.run_id
        metrics = [Metric(name, 0.5, 1000, 0) for name in ("loss", "auc")]
        client.log_batch(run_id, metrics=metrics, params=params)
        client.set_terminated(run_id)
    return (clock() - begin) / runs


def harness_seconds(toy, trials: int, pack: int) -> float:
    """Wall clock per trial from the end of the first pack to the end of the launch."""
    windows = trials // 25
    size = [f"trials.axes.window.range=[0, {windows}]", "trials.axes.fold.range=[0, 25]"]
    started: list[float] = []

    def observe(progress) -> None:
        if progress.done and not started:
            started.append(time.perf_counter())

    outcome = launch(toy("scan", *size, f"trials.expect={trials}", f"trials.pack={pack}"), observe=observe)
    assert outcome.state == "finished"
    return (time.perf_counter() - started[0]) / (trials - pack)


@pytest.mark.benchmark
def test_cost_of_a_trial(toy, ray_session: None, capsys: pytest.CaptureFixture[str]):
    """At most 1.5 times a minimal MLflow run by MLflow's client, with the launch's fixed end (3 to 4 s)."""
    minimal = minimal_run_seconds(toy("scan").workspace)
    packed = harness_seconds(toy, trials=800, pack=25)
    single = harness_seconds(toy, trials=50, pack=1)
    with capsys.disabled():
        print(
            f"\na minimal MLflow run {1e3 * minimal:.1f} ms; the harness, all logged: "
            f"{1e3 * packed:.1f} ms a trial in packs of 25 ({packed / minimal:.2f}x), "
            f"{1e3 * single:.1f} ms in packs of 1 ({single / minimal:.2f}x)"
        )
    assert packed < 1.5 * minimal
    assert packed < single


def driver_seconds(toy, trials: int, pack: int) -> float:
    """Return the CPU seconds of the driver for a whole launch, the lesser of two: noise only adds to them."""
    size = [f"trials.axes.window.range=[0, {trials // 25}]", "trials.axes.fold.range=[0, 25]"]
    recipe = toy("scan", *size, f"trials.expect={trials}", f"trials.pack={pack}")
    taken = []
    for _ in range(2):
        begin = time.process_time()
        assert launch(recipe).state == "finished"
        taken.append(time.process_time() - begin)
    return min(taken)


@pytest.mark.slow("launches through Ray, whose difference is what a trial costs")
def test_cpu_of_another_trial(toy, ray_session: None):
    """What 75 more trials in packs of 25, or 25 trials in as many packs, take more than one pack of 25 does.

    It is the CPU time of the driver, which commits and logs: other programs disturb it little, and what every
    launch takes cancels.  A trial in a pack takes 0.15 of a minimal run by MLflow's client, one in a pack
    of its own two or three of them.  In a pack that is logged by MLflow's client, run by run, it takes two.
    """
    minimal = minimal_run_seconds(toy("scan").workspace, runs=20, clock=time.process_time)
    one_pack = driver_seconds(toy, trials=25, pack=25)
    packed = (driver_seconds(toy, trials=100, pack=25) - one_pack) / 75
    single = (driver_seconds(toy, trials=25, pack=1) - one_pack) / 24
    print(f"minimal {1e3 * minimal:.1f} ms, in packs of 25 {1e3 * packed:.1f} ms, of 1 {1e3 * single:.1f} ms")
    assert packed < 0.5 * minimal
    assert packed < single / 3
    assert single < 5 * minimal
