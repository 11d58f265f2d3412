"""What the harness itself costs for each trial, against a minimal MLflow run measured beside it.

The task does nothing; the rest is as in a real launch: Ray Tune, commits, groups, a run per trial.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lblhep.launch import launch
from lblhep.tracking.store import connect

pytestmark = pytest.mark.ray


def minimal_run_seconds(workspace: Path, runs: int = 40) -> float:
    """The least one can log of a trial: create a run, one batch of four params and two metrics, end it."""
    from mlflow.entities import Metric, Param

    client = connect(workspace)
    experiment = client.create_experiment("minimal")
    params = [Param(name, "1") for name in ("window", "fold", "subfold", "init")]
    begin = 0.0
    for number in range(runs + 5):
        if number == 5:  # warm
            begin = time.perf_counter()
        run_id = client.create_run(experiment).info.run_id
        metrics = [Metric(name, 0.5, 1000, 0) for name in ("loss", "auc")]
        client.log_batch(run_id, metrics=metrics, params=params)
        client.set_terminated(run_id)
    return (time.perf_counter() - begin) / runs


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


@pytest.mark.parametrize(
    ("packed_trials", "single_trials", "times_minimal"),
    [
        # Times a minimal MLflow run by MLflow's client; the launch's fixed end (3 to 4 s) is counted in.
        pytest.param(800, 50, 1.5, marks=pytest.mark.benchmark),
        (100, 25, 10.0),  # in every run of the tests
    ],
)
def test_cost_of_a_trial(
    packed_trials: int,
    single_trials: int,
    times_minimal: float,
    toy,
    ray_session: None,
    capsys: pytest.CaptureFixture[str],
):
    minimal = minimal_run_seconds(toy("scan").workspace, runs=40 if packed_trials == 800 else 5)
    packed = harness_seconds(toy, trials=packed_trials, pack=25)
    single = harness_seconds(toy, trials=single_trials, pack=1)
    with capsys.disabled():
        print(
            f"\na minimal MLflow run {1e3 * minimal:.1f} ms; the harness, all logged: "
            f"{1e3 * packed:.1f} ms a trial in packs of 25 ({packed / minimal:.2f}x), "
            f"{1e3 * single:.1f} ms in packs of 1 ({single / minimal:.2f}x)"
        )
    assert packed < times_minimal * minimal
    assert packed < single
