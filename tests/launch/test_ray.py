"""Under Ray Tune: the same rows as serially, searches with samplers and schedulers, deaths of workers."""

from __future__ import annotations

import numpy as np
import optuna
import pandas as pd
import pytest

from lblhep.errors import LaunchError
from lblhep.launch import LaunchView, Progress, launch
from lblhep.launch.store import packs
from lblhep.tracking.store import connect

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


GRID = "{use: 'optuna.samplers:GridSampler', search_space: {rate: [0.01, 0.1], window: [0, 1]}}"


def test_ray_and_serial_give_the_same_bits(toy):
    serial = launch(toy("scan", "task.fail=['000004']"), serial=True)
    parallel = launch(toy("scan", "task.fail=['000004']"))
    first, second = LaunchView(serial.directory), LaunchView(parallel.directory)
    pd.testing.assert_frame_equal(first.rows, second.rows, check_exact=True)
    pd.testing.assert_frame_equal(first.groups, second.groups, check_exact=True)
    assert parallel.progress.failed == 1


def test_search_prunes_and_learns(toy):
    """Points that are pruned say so in their rows and packs, and their runs in MLflow are killed."""
    recipe = toy("search")
    outcome = launch(recipe)
    view = LaunchView(outcome.directory)
    assert len(view.rows) == 24
    pruned = outcome.progress.pruned
    assert pruned > 0
    assert (view.rows["status"] == "pruned").sum() == pruned
    assert len(view.groups) == 12 - pruned // 2
    assert outcome.progress.best is not None
    assert outcome.progress.best[1] == pytest.approx(view.groups["score"].max())
    abouts = [packs.read_about(outcome.directory, pack) for pack in packs.committed(outcome.directory)]
    assert all(about["curve"] for about in abouts if about.get("pruned"))
    client = connect(recipe.workspace)
    experiment = client.get_experiment_by_name("toy")
    runs = client.search_runs([experiment.experiment_id], f"tags.`lblhep.launch` = '{outcome.id}'")
    trials = [run for run in runs if "lblhep.trial" in run.data.tags]
    assert sum(run.info.status == "KILLED" for run in trials) == pruned
    assert {run.data.tags["lblhep.status"] for run in trials} == {"finished", "pruned"}


@pytest.mark.parametrize("max_t", [6, 3])
def test_a_point_that_trains_to_its_end_is_complete_whatever_max_t(toy, max_t: int):
    """The task has six epochs.  A rung at the last one comes too late; one half-way prunes some points."""
    recipe = toy("search", f"trials.scheduler.max_t={max_t}", f"trials.scheduler.grace_period={max_t}")
    outcome = launch(recipe)
    rows = LaunchView(outcome.directory).rows
    complete = (rows["status"] == "finished").sum()
    assert complete + outcome.progress.pruned == 24
    assert complete == 24 if max_t == 6 else 0 < complete < 24


@pytest.mark.slow("a search through Ray, twice")
def test_search_goes_on_where_it_stopped(toy):
    def interrupt(progress: Progress) -> None:
        if progress.done >= 8:
            raise KeyboardInterrupt

    stopped = launch(toy("search"), observe=interrupt)
    assert stopped.state == "interrupted"
    before = LaunchView(stopped.directory).rows
    resumed = launch(toy("search"), resume=True)
    after = LaunchView(resumed.directory).rows
    assert resumed.id == stopped.id
    assert len(after) == 24
    kept = after[after["trial"].isin(before["trial"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[before.columns], before)


def test_a_killed_worker_is_tried_once_more(toy):
    use = "task.use=experiments.toy.tasks:DiesOnce"
    outcome = launch(toy("scan", use, "trials.pack=1", "groups=null"))
    assert outcome.state == "finished"
    assert outcome.progress.done == 12


@pytest.mark.slow("Ray starts a process anew for a worker that died, twice")
def test_a_worker_that_always_dies_costs_its_pack(toy):
    use = ("task.use=experiments.toy.tasks:DiesOnce", "task.always=true")
    outcome = launch(toy("scan", *use, "trials.pack=1", "groups=null"))
    assert (outcome.state, outcome.exit_code, outcome.progress.failed) == ("failed", 1, 1)
    rows = LaunchView(outcome.directory).rows.set_index("trial")
    assert rows.loc["000002", "status"] == "failed"
    assert np.isfinite(rows["score"].drop("000002")).all()
    assert "worker failed twice" in packs.read_failures(outcome.directory, "000002")[0].error


@pytest.mark.slow("a launch through Ray which ends while its workers start")
def test_a_pack_that_cannot_be_written_says_so(toy):
    """The worker's OSError ends the launch as the driver's own would: file, reason, how to go on."""

    def spoil(progress: Progress) -> None:
        folders = list((recipe.workspace / "mlruns" / "launches").glob("*/packs"))
        if progress.message.startswith("the first packs") and folders[0].is_dir():
            folders[0].rmdir()
            folders[0].write_text("a file where the folder should be")

    recipe = toy("scan")
    with pytest.raises(LaunchError, match=r"/packs.*: (Not a directory|File exists).*--resume"):
        launch(recipe, observe=spoil)


def test_a_grid_that_is_through_ends_the_search(toy):
    outcome = launch(toy("search", "trials.scheduler=null", f"trials.sampler={GRID}"))
    assert outcome.state == "finished"
    assert 4 <= len(LaunchView(outcome.directory).groups) <= 5  # one may be under way when the last ends
    assert outcome.progress.done == outcome.progress.total


def test_a_scheduler_that_pauses_points(toy):
    """HyperBand stops none while it fills a bracket; a point that went on after a pause is as any other."""
    use = "{use: 'ray.tune.schedulers:HyperBandScheduler', max_t: 4, reduction_factor: 2}"
    outcome = launch(toy("search", f"trials.scheduler={use}"))
    assert outcome.state == "finished"
    view = LaunchView(outcome.directory)
    assert len(view.rows) == 24
    finished = view.rows[view.rows["status"] == "finished"]
    steps = view.curves[view.curves["trial"].isin(finished["trial"])].groupby("trial")["step"].apply(tuple)
    assert set(steps) == {tuple(range(6))}


def test_optuna_sees_a_point_at_the_tasks_own_steps(toy, monkeypatch: pytest.MonkeyPatch):
    """A resumed search tells the same steps."""
    steps: list[int] = []
    monkeypatch.setattr(optuna.trial.Trial, "report", lambda self, value, step: steps.append(step))
    recipe = toy("search", "trials.points=8")
    source = recipe.workspace / "experiments" / "toy" / "tasks.py"
    source.write_text(source.read_text().replace("(epoch + 1)}, epoch)", "(epoch + 1)}, 100 * epoch)"))
    outcome = launch(recipe)
    abouts = [packs.read_about(outcome.directory, pack) for pack in packs.committed(outcome.directory)]
    ends = [about["curve"][-1][0] for about in abouts if about.get("pruned")]
    assert ends
    assert set(ends) <= set(steps) <= set(range(0, 600, 100))
