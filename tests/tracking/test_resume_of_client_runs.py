"""A launch whose first half was logged by MLflow's client, as lblhep once did, is completed by inserts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from mlflow.entities import Run

from lblhep.launch import Progress, launch
from lblhep.recipe import Recipe
from lblhep.tracking.new_runs import ClientWriter, NewRun
from lblhep.tracking.store import connect

Toy = Callable[..., Recipe]


class OldWriter(ClientWriter):
    """Gives runs the tags that they had then."""

    def create(self, runs: Sequence[NewRun]) -> Any:
        for run in runs:
            tags = {n: v for n, v in run.tags.items() if n.startswith(("lblhep.", "mlflow.parent", NAME))}
            tags.pop("lblhep.format", None)
            yield self.client.create_run(self.experiment, start_time=run.ended or run.started, tags=tags)


NAME = "mlflow.runName"


def runs(recipe: Recipe) -> list[Run]:
    client = connect(recipe.workspace)
    experiment = client.get_experiment_by_name("toy")
    return list(client.search_runs([experiment.experiment_id]))


@pytest.mark.parametrize("whole", [True, False])
def test_one_run_for_each_trial(toy: Toy, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    """Each trial has one run, also if the driver was killed in the middle of it."""
    recipe = toy("scan")

    def stop(progress: Progress) -> None:
        if progress.done == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lblhep.tracking.tracker.writer", OldWriter)
        stopped = launch(recipe, serial=True, observe=stop)
    before = {run.info.run_id: run for run in runs(recipe)}
    old = [run for run in before.values() if "lblhep.trial" in run.data.tags]
    assert 0 < len(old) < 12
    if not whole:
        broken = old[0].info.run_id
        connect(recipe.workspace).update_run(broken, status="RUNNING")
    launch(recipe, serial=True, resume=stopped.id)
    after = {run.info.run_id: run for run in runs(recipe)}
    assert len(after) == 17
    trials = [run for run in after.values() if "lblhep.trial" in run.data.tags]
    assert sorted(run.data.tags["lblhep.trial"] for run in trials) == [f"{n:06d}" for n in range(12)]
    assert {run.info.status for run in after.values()} == {"FINISHED"}
    for run in old:
        again = after[run.info.run_id]
        assert again.data.to_dictionary() == run.data.to_dictionary()
        if whole:
            assert again.info == run.info
