"""kill -9 of the driver at random moments: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from lblhep.launch import Launch, LaunchView, launch
from lblhep.launch.store import packs
from lblhep.launch.store.directory import launches
from lblhep.recipe import Recipe
from lblhep.temporary import temporary_folder

pytestmark = pytest.mark.ray

DRIVER = """
import sys
from lblhep.launch import launch
from lblhep.recipe import Recipe
path, serial, *overrides = sys.argv[1:]
recipe = Recipe.read(path, overrides)
from lblhep.launch.store.directory import launches
sys.exit(launch(recipe, serial=serial == "serial", resume=bool(launches(recipe.workspace))).exit_code)
"""


def start(recipe: Recipe, how: str, overrides: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-c", DRIVER, str(recipe.file), how, *overrides]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_after(
    driver: subprocess.Popen[bytes],
    diary: Path,
    lines: int,
    delay: float,
    by: signal.Signals = signal.SIGKILL,
    child: str = "",
) -> float:
    """Kill the driver, or its child of that name, ``delay`` seconds after the diary has so many lines.

    Returns:
        The seconds from then to the driver's end.
    """
    deadline = time.monotonic() + 150  # Ray needs more than a minute to start where ten others compute
    while not diary.is_file() or len(diary.read_text().split()) < lines:
        assert driver.poll() is None, "the driver ended by itself"
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.02)
    time.sleep(delay)
    found = ["pgrep", "-P", str(driver.pid), "-x", child]
    os.kill(int(subprocess.check_output(found)) if child else driver.pid, by)
    begin = time.monotonic()
    driver.wait()
    return time.monotonic() - begin


def runs_per_trial(outcome: Launch) -> pd.Series:
    from lblhep.tracking.store import connect

    workspace = outcome.directory.parents[2]
    client = connect(workspace)
    experiment = client.get_experiment_by_name("toy")
    query = f"tags.`lblhep.launch` = '{outcome.id}'"
    found = client.search_runs([experiment.experiment_id], query, max_results=1000)
    trials = [run for run in found if "lblhep.trial" in run.data.tags]
    assert {run.info.status for run in trials} == {"FINISHED"}
    assert len(found) - len(trials) == 1 + 10  # the launch and its groups, once each
    return pd.Series([run.data.tags["lblhep.trial"] for run in trials]).value_counts()


@pytest.mark.slow("starts processes that import everything, and Ray, and kills them one after the other")
@pytest.mark.parametrize(("how", "kills"), [("serial", 3), ("ray", 1)])
def test_driver_killed_and_resumed(
    toy, tmp_path: Path, ray_session: None, how: str, kills: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    diary = tmp_path / "diary"
    overrides = ["trials.axes.window.range=[0, 10]", "trials.expect=30", "task.seconds=0.15"]
    undisturbed = launch(toy("scan", *overrides), serial=True)
    overrides.append(f"task.diary={diary}")
    recipe = toy("scan", *overrides)
    (undisturbed.directory / "launch.json").rename(tmp_path / "launch.json")  # not to be taken for ours

    ran: list[str] = []
    for _ in range(kills):
        driver = start(recipe, how, overrides)
        kill_after(driver, diary, len(ran) + random.randint(1, 2), random.uniform(0, 0.3))
        time.sleep(2.0 if how == "ray" else 0)  # its workers notice, or finish what they have
        directory = launches(recipe.workspace)[-1]
        again = set(ran) & set(diary.read_text().split()[len(ran) :])
        assert not again
        finished = [packs.read_about(directory, pack)["trials"][0] for pack in packs.committed(directory)]
        # A pack that was run but not committed is not finished, and may run again.
        ran = finished
        diary.write_text("".join(f"{trial}\n" for trial in finished))

    records = (tmp_path / "cache" / "temporary").glob("*.json")
    temporary = [Path(json.loads(record.read_text())["path"]) for record in records]
    assert len([path for path in temporary if path.exists()]) == (2 if how == "ray" else 0), (
        "Ray's and Tune's"
    )
    outcome = launch(recipe, serial=how == "serial", resume=True)
    assert outcome.state == "finished"
    lines = diary.read_text().split()
    assert len(lines) == len(set(lines)) == 10
    rows = LaunchView(outcome.directory).rows
    (tmp_path / "launch.json").rename(undisturbed.directory / "launch.json")
    expected = LaunchView(undisturbed.directory)
    pd.testing.assert_frame_equal(rows, expected.rows, check_exact=True)
    pd.testing.assert_frame_equal(LaunchView(outcome.directory).groups, expected.groups, check_exact=True)
    assert (runs_per_trial(outcome) == 1).all()
    assert len(runs_per_trial(outcome)) == 30
    with temporary_folder():
        assert not [path for path in temporary if path.exists()]


@pytest.mark.slow("starts a process that imports everything and starts a Ray of its own")
def test_sigterm_reaches_a_driver_that_started_its_own_ray(toy, tmp_path: Path):
    """Ray puts a handler of its own in place, which would end the process at once."""
    overrides = ["task.seconds=1", f"task.diary={tmp_path / 'diary'}"]
    recipe = toy("scan", *overrides)
    driver = start(recipe, "ray", overrides)
    kill_after(driver, tmp_path / "diary", 1, 0, by=signal.SIGTERM)
    assert driver.returncode == 143
    view = LaunchView(launches(recipe.workspace)[-1])
    assert view.info["state"] == "interrupted"
    assert len(view.rows) < 12


@pytest.mark.slow("starts a process that imports everything and Ray, and waits for the time limits of Ray")
@pytest.mark.parametrize("process", ["raylet", "gcs_server"])
def test_a_driver_outlives_its_ray(toy, tmp_path: Path, process: str):
    """Ray would end it from within, after seconds or a minute, and the launch would look killed."""
    overrides = ["task.seconds=1", f"task.diary={tmp_path / 'diary'}"]
    recipe = toy("scan", *overrides)
    driver = start(recipe, "ray", overrides)
    seconds = kill_after(driver, tmp_path / "diary", 1, 0, child=process)
    print(f"the driver ended {seconds:.1f} s after its {process}")
    assert seconds < 40, "10 s where nothing else runs"
    assert driver.returncode == 1
    assert LaunchView(launches(recipe.workspace)[-1]).info["state"] == "failed"
