"""A launch is removed from the disk and from MLflow; one that runs is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lblhep.errors import LaunchError
from lblhep.launch import launch
from lblhep.launch.directory import LaunchDirectory, launches
from lblhep.launch.removal import remove
from lblhep.recipe import Recipe
from lblhep.tracking.store import connect


def test_nothing_is_left_of_it_and_others_stay(toy: Callable[..., Recipe]) -> None:
    recipe = toy("scan")
    first, second = (launch(recipe, serial=True) for _ in range(2))
    remove(first.directory)
    assert launches(recipe.workspace) == [second.directory]
    assert not list(first.directory.parent.glob(".*"))
    client = connect(recipe.workspace)
    left = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    assert {run.data.tags["lblhep.launch"] for run in left} == {second.id}


def test_a_running_launch_is_refused(toy: Callable[..., Recipe]) -> None:
    running = launch(toy("scan"), serial=True)
    with LaunchDirectory(running.directory).held(), pytest.raises(LaunchError, match="another driver"):
        remove(running.directory)
    assert launches(running.directory.parents[2]) == [running.directory]
