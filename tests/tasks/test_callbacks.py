"""A fit that breaks off goes on from its last finished epoch, to the numbers that it would have come to."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from lblhep.launch import Launch, LaunchView, launch
from lblhep.launch.workers import execute
from lblhep.launch.workers.trainable import PackTrainable
from lblhep.recipe import Recipe
from lblhep.tasks.checkpoints import write_checkpoint
from lblhep.tracking.store import connect
from lblhep.trials import plan

BREAKS = '''
import os
import signal
from pathlib import Path

import torch
from lightning import LightningModule
from torch.utils.data import DataLoader, TensorDataset


class Wave:
    """y = sin 3x with noise, in three parts."""

    def __init__(self, *, rng=None):
        x = torch.from_numpy(rng.uniform(-1, 1, size=(150, 1)).astype("f4"))
        y = torch.sin(3 * x) + 0.1 * torch.from_numpy(rng.normal(size=(150, 1)).astype("f4"))
        self.parts = [TensorDataset(a, b) for a, b in zip(x.chunk(3), y.chunk(3))]

    def train_dataloader(self):
        return DataLoader(self.parts[0], batch_size=10, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.parts[1], batch_size=50)

    def test_dataloader(self):
        return DataLoader(self.parts[2], batch_size=50)


class Network(LightningModule):
    """Notes each epoch in its diary; in the epochs that `breaks` names it is interrupted, once each."""

    def __init__(self, *, diary, breaks=(), how="interrupt"):
        super().__init__()
        self.diary, self.breaks, self.how = Path(diary), breaks, how
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(1, 16), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(16, 1)
        )

    def loss(self, batch):
        return torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1])

    def on_train_epoch_start(self):
        with self.diary.open("a") as file:
            file.write(f"{self.current_epoch}\\n")

    def training_step(self, batch, index):
        if index == 2 and self.current_epoch in self.breaks:
            if self.diary.read_text().split().count(str(self.current_epoch)) == 1:
                if self.how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise KeyboardInterrupt
        loss = self.loss(batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        self.log("validation_loss", self.loss(batch))
        self.log("progress", float(self.global_step))

    def test_step(self, batch, index):
        self.log("test_loss", self.loss(batch))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
        steps = {"scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.999), "interval": "step"}
        return [optimizer], [{"scheduler": plateau, "monitor": "loss"}, decay, steps]


def mean(rows, arrays):
    return {"validation_loss": rows["validation_loss"].mean()}
'''

RECIPE = """
schema: lblhep/recipe@1
study: toy
seed: 5
datasets: {wave: {use: "experiments.toy.wave:Wave"}}
models: {network: {use: "experiments.toy.wave:Network", diary: DIARY}}
task: {use: "lblhep.tasks:FitLightning", max_epochs: 12, patience: 4}
report: {use: "experiments.toy.tasks:BriefReport"}
"""

SCAN = "trials: {kind: scan, expect: 1, axes: {epochs: {path: task.max_epochs, values: [12]}}}\n"
SEARCH = """
trials:
  kind: search
  points: 1
  space: {patience: {path: task.patience, choices: [4]}}
  objective: {metric: validation_loss, goal: minimize}
groups: {use: "experiments.toy.wave:mean"}
"""
DRIVER = """
import sys
from lblhep.launch import launch
from lblhep.launch.workers import listeners
from lblhep.recipe import Recipe
from lblhep.tasks.checkpoints import write_checkpoint
listeners.WRITE_INTERVAL_SECONDS = 0
launch(Recipe.read(sys.argv[1], sys.argv[2:]), serial=True)
"""

Read = Callable[..., Recipe]
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*LeafSpec.*")


@pytest.fixture
def wave(toy: Read, tmp_path: Path) -> Read:
    """A fit that notes its epochs in the file ``diary``."""
    workspace = toy("scan").workspace
    (workspace / "experiments" / "toy" / "wave.py").write_text(BREAKS)
    recipe = RECIPE.replace("DIARY", str(tmp_path / "diary"))
    (workspace / "recipes" / "wave.yaml").write_text(recipe + SCAN)
    (workspace / "recipes" / "waves.yaml").write_text(recipe + SEARCH)
    return toy


def tables(outcome: Launch) -> tuple[pd.DataFrame, pd.DataFrame]:
    assert not list((outcome.directory / "checkpoints").iterdir())
    view = LaunchView(outcome.directory)
    return view.rows, view.curves


def trained(diary: Path) -> list[int]:
    """The epochs that were begun since this was last asked."""
    lines = diary.read_text().split()
    diary.unlink()
    return [int(line) for line in lines]


def assert_same(outcome: Launch, expected: Launch) -> None:
    for found, wanted in zip(tables(outcome), tables(expected), strict=True):
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)


@pytest.mark.parametrize("every", [1, 3])
def test_an_interrupted_fit_comes_to_the_same_numbers(wave: Read, tmp_path: Path, every: int) -> None:
    """Interrupted twice; with ``every`` 3, between two validations, of which curves show the last."""
    diary, validate = tmp_path / "diary", f"task.trainer={{check_val_every_n_epoch: {every}}}"
    patient = "trials.axes.epochs.values=[12]", "task.patience=null"
    undisturbed = launch(wave("wave", validate, *patient), serial=True)
    assert trained(diary) == list(range(12))
    recipe = wave("wave", validate, *patient, "models.network.breaks=[4, 8]")
    assert [launch(recipe, serial=True, resume=n > 0).state for n in range(2)] == ["interrupted"] * 2
    outcome = launch(recipe, serial=True, resume=True)
    assert trained(diary) == [*range(5), *range(4, 9), *range(8, 12)]
    assert_same(outcome, undisturbed)
    assert tables(outcome)[1]["step"].tolist() == list(range(12))


def test_early_stopping_and_the_best_weights_go_on(wave: Read, tmp_path: Path) -> None:
    """The best epoch lies before the interruption: its weights are tested, its metrics are the row's."""
    longer = "trials.axes.epochs.values=[60]"
    undisturbed = launch(wave("wave", longer), serial=True)
    last = trained(tmp_path / "diary")[-1]
    assert last < 59
    curve = tables(undisturbed)[1]
    assert curve["validation_loss"].idxmin() == last - 4
    outcome = launch(wave("wave", longer, f"models.network.breaks=[{last - 1}]"), serial=True)
    assert outcome.state == "interrupted"
    assert_same(
        launch(wave("wave", longer, f"models.network.breaks=[{last - 1}]"), serial=True, resume=True),
        undisturbed,
    )
    assert trained(tmp_path / "diary")[-2:] == [last - 1, last]


def test_weights_are_kept_as_long_as_a_fit_may_go_on_from_them(wave: Read, tmp_path: Path) -> None:
    """Epoch 0's weights are no longer the best when epoch 1 is interrupted, but will be when it goes on."""
    often = ["task.trainer={val_check_interval: 2}", "task.monitor=progress", "task.goal=maximize"]
    breaks = "models.network.breaks=[1]"
    undisturbed = launch(wave("wave", *often), serial=True)
    trained(tmp_path / "diary")
    outcome = launch(wave("wave", *often, breaks), serial=True)
    kept = outcome.directory.glob("checkpoints/*/000000/*.ckpt")
    assert {path.name for path in kept} >= {"epoch=0-step=4.ckpt", "epoch=1-step=7.ckpt"}
    assert_same(launch(wave("wave", *often, breaks), serial=True, resume=True), undisturbed)


@pytest.mark.slow("the driver that is killed is a process of its own, which imports everything")
def test_a_killed_driver_goes_on(wave: Read, tmp_path: Path) -> None:
    """Serially it is the worker too.  Its curve was live; the run of its trial is completed, not doubled."""
    undisturbed = launch(wave("wave"), serial=True)
    epochs = trained(tmp_path / "diary")
    breaks = ["models.network.breaks=[3]", "models.network.how=kill"]
    recipe = wave("wave", *breaks)
    driver = [sys.executable, "-W", "ignore", "-c", DRIVER, str(recipe.file), *breaks]
    assert subprocess.run(driver, stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL
    client = connect(recipe.workspace)
    ids = [client.get_experiment_by_name("toy").experiment_id]
    killed = client.search_runs(ids, "tags.`lblhep.status` = 'running'")[0].info
    assert [p.step for p in client.get_metric_history(killed.run_id, "curve/loss")] == [0, 1, 2]
    outcome = launch(recipe, serial=True, resume=True)
    assert trained(tmp_path / "diary") == [*range(4), *range(3, len(epochs))]
    assert_same(outcome, undisturbed)
    found = client.search_runs(
        ids, f"tags.`lblhep.launch` = '{outcome.id}' and tags.`lblhep.trial` = '000000'"
    )
    assert [(run.info.run_id, run.info.status) for run in found] == [(killed.run_id, "FINISHED")]
    assert [p.step for p in client.get_metric_history(killed.run_id, "curve/loss")] == epochs


def test_a_paused_point_goes_on(wave: Read, tmp_path: Path) -> None:
    """It tells the scheduler each epoch's value once, and trains no epoch from its beginning twice."""
    recipe, diary = wave("waves"), tmp_path / "diary"
    undisturbed = launch(recipe, serial=True)
    epochs = len(trained(diary))
    directory = undisturbed.directory
    for name in ("packs", "groups"):
        (directory / name).rename(directory / f"undisturbed-{name}")
    context, point = execute.LaunchContext(recipe, directory), {"pack": "000000", "params": {"patience": 0}}
    worker = PackTrainable.__new__(PackTrainable)  # as Tune makes it, without Tune
    worker.setup(point, context, plan(recipe, ()))
    told = [worker.step() for _ in range(3)]
    worker.save_checkpoint(str(tmp_path))
    worker.reset_config(point)  # another point's turn
    worker.load_checkpoint(str(tmp_path))
    while not told[-1].get("done"):
        told.append(worker.step())
    assert [result["step"] for result in told[:-1]] == list(range(epochs - 1))
    curve = LaunchView(directory).curves
    assert curve["step"].tolist() == list(range(epochs))
    assert [result["validation_loss"] for result in told[:-1]] == curve["validation_loss"].tolist()[:-1]
    assert trained(diary) == [*range(4), *range(3, epochs)]


def flip(path: Path) -> None:
    """One bit in the middle, which torch.load would not notice: it is that of a number."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("kept", ["an object", "half", "a flipped bit", "flipped weights"])
def test_a_checkpoint_that_is_not_read_costs_only_time(wave: Read, tmp_path: Path, kept: str) -> None:
    """It is a pickle, which could run code: one of more than tensors, numbers and text is not read."""
    diary = tmp_path / "diary"
    undisturbed = launch(wave("wave"), serial=True)
    epochs = trained(diary)
    recipe = wave("wave", "models.network.breaks=[4]")
    interrupted = launch(recipe, serial=True)
    assert interrupted.state == "interrupted"
    (checkpoint,) = interrupted.directory.glob("checkpoints/*/000000.ckpt")
    if kept == "half":
        checkpoint.write_bytes(checkpoint.read_bytes()[: checkpoint.stat().st_size // 2])
    elif kept == "a flipped bit":
        flip(checkpoint)
    elif kept == "flipped weights":
        for weights in checkpoint.with_suffix("").glob("*.ckpt"):
            flip(weights)
    else:
        content = torch.load(checkpoint, weights_only=True)
        payload = content | {"payload": Payload(tmp_path / "ran")}
        write_checkpoint(checkpoint, lambda draft: torch.save(payload, draft))
    outcome = launch(recipe, serial=True, resume=True)
    assert not (tmp_path / "ran").exists(), "nothing ran"
    assert trained(diary) == [*range(5), *epochs]
    assert_same(outcome, undisturbed)


class Payload:
    """Runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.path,)
