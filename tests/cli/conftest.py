"""A workspace as ``lblhep new`` makes it, a launch stored in it, the command line called in this process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lblhep.cli import app
from lblhep.cli.new import study_files
from tests.conftest import forget_modules

Call = Callable[..., Result]


@pytest.fixture
def call() -> Call:
    """``call("list", "--all")`` -> exit code, stdout, stderr."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path: Path, own_modules: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def write_study(folder: Path) -> None:
    """Write the study ``sample``, as ``lblhep new`` does, into a workspace."""
    for path, text in study_files("sample").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@pytest.fixture
def workspace(folder: Path) -> Path:
    """A workspace with the study ``sample``."""
    write_study(folder)
    return folder


@pytest.fixture
def stored(workspace: Path, finished: Path) -> Path:
    """A finished launch of the study's smoke profile with invented AUCs: 0.7 and 0.9."""
    return Path(shutil.copytree(finished, workspace / finished.relative_to(finished.parents[2])))


@pytest.fixture
def made(folder: Path, sample_jets: Path) -> None:
    """The events of the study's data card, in the cache."""
    shutil.copytree(sample_jets, folder / "cache")


@pytest.fixture(scope="session")
def sample_jets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the events of the study's data card."""
    workspace = tmp_path_factory.mktemp("sample_jets")
    write_study(workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBLHEP_CACHE", str(workspace / "cache"))
        patch.setattr(sys, "path", [*sys.path])
        patch.chdir(workspace)
        made = CliRunner().invoke(app, ["data", "make", "sample-jets", "--serial"])
        assert made.exit_code == 0, made.output
    forget_modules(workspace)
    return workspace / "cache"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launch that the fixture ``stored`` copies."""
    import numpy as np

    from lblhep.launch.store import commit, tables
    from lblhep.launch.store.directory import create
    from lblhep.recipe import Recipe
    from lblhep.trials import plan

    workspace = tmp_path_factory.mktemp("finished")
    write_study(workspace)
    recipe = Recipe.read(workspace / "recipes/sample.yaml", profile="smoke")
    cut = plan(recipe, ("pseudo_experiment", "init"))
    launch = create(recipe, {pack.id: [trial.id for trial in pack.trials] for pack in cut.packs})
    for pack, auc in zip(cut.packs, (0.7, 0.9), strict=True):
        rows = tables.rows_table(pack.trials, {trial.id: {"auc": auc} for trial in pack.trials})
        commit.commit_pack(launch.path, pack.id, commit.PackResult(rows, about={"seconds": 2.0}))
    for group, auc in zip(cut.groups, (0.7, 0.9), strict=True):
        combined = {"mean_auc": auc, "error": np.nan, "mistag": np.linspace(0.01, 1, 91)}
        commit.commit_group(launch.path, group.id, group.key, combined)
    tables.read_tables(launch.path, "rows").to_parquet(launch.path / "rows.parquet")
    tables.read_tables(launch.path, "curves").to_parquet(launch.path / "curves.parquet")
    launch.list_tables(launch.path.glob("*.parquet"))
    launch.update(state="finished")
    return launch.path
