"""FitLightning on a regression that has an answer: y = 2x - 1."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lblhep.launch import LaunchView, launch

LINE = '''
import torch
from lightning import LightningModule
from torch.utils.data import DataLoader, TensorDataset


class Line:
    """y = 2x - 1 with noise, in three parts."""

    def __init__(self, *, events=300, rng=None):
        x = torch.from_numpy(rng.uniform(-1, 1, size=(events, 1)).astype("f4"))
        y = 2 * x - 1 + 0.01 * torch.from_numpy(rng.normal(size=(events, 1)).astype("f4"))
        self.parts = [TensorDataset(a, b) for a, b in zip(x.chunk(3), y.chunk(3))]
        self.offers = {"n_features": 1}

    def train_dataloader(self):
        return DataLoader(self.parts[0], batch_size=20)

    def val_dataloader(self):
        return DataLoader(self.parts[1], batch_size=100)

    def test_dataloader(self):
        return DataLoader(self.parts[2], batch_size=100)


class Regression(LightningModule):
    def __init__(self, *, n_features, rate=0.1):
        super().__init__()
        self.layer, self.rate = torch.nn.Linear(n_features, 1), rate

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.layer(x), y)

    def training_step(self, batch, index):
        return self.loss(batch)

    def validation_step(self, batch, index):
        self.log("validation_loss", self.loss(batch))

    def test_step(self, batch, index):
        self.log("test_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.rate)
'''

RECIPE = """
schema: lblhep/recipe@1
study: toy
datasets: {line: {use: "experiments.toy.line:Line"}}
models: {regression: {use: "experiments.toy.line:Regression", rate: 0.1}}
task: {use: "lblhep.tasks:FitLightning", max_epochs: 60, patience: 3}
trials: {kind: scan, expect: 2, axes: {rate: {path: models.regression.rate, values: [0.1, 100.0]}}}
report: {use: "experiments.toy.tasks:BriefReport"}
"""


@pytest.fixture
def regression(toy):
    workspace = toy("scan").workspace
    (workspace / "experiments" / "toy" / "line.py").write_text(LINE)
    (workspace / "recipes" / "line.yaml").write_text(RECIPE)
    return toy("line")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*LeafSpec.*")
def test_fit_stops_early_and_keeps_the_best(regression):
    outcome = launch(regression, serial=True)
    view = LaunchView(outcome.directory)
    rows = view.rows.set_index("rate")
    assert rows.loc[0.1, "status"] == "finished"
    assert rows.loc[0.1, "test_loss"] < 5e-4  # the noise's variance is 1e-4
    curve = view.curves[view.curves["trial"] == "000000"]["validation_loss"]
    assert rows.loc[0.1, "validation_loss"] == curve.min()
    assert rows.loc[100.0, "epochs_trained"] < 60
    assert not list((outcome.directory / "checkpoints").iterdir())


JOB = {"JOB_ID": "7", "JOB_NAME": "tune", "NTASKS": "2", "PROCID": "1", "LOCALID": "1", "NODEID": "1"}


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*LeafSpec.*")
@pytest.mark.parametrize("job", [{}, JOB, JOB | {"NTASKS": "1", "PROCID": "0"}])
def test_where_slurm_is_installed_a_fit_is_one_process(
    regression, tmp_path: Path, job: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    """On a login node, where Lightning would warn, and in a job's step, where it would take part in it."""
    from lightning.fabric.utilities.rank_zero import rank_zero_only

    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text("#!/bin/sh\nexit 1\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(srun.parent), prepend=":")
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr(rank_zero_only, "rank", int(job.get("PROCID", 0)))
    outcome = launch(regression, serial=True)
    rows = LaunchView(outcome.directory).rows.set_index("rate")
    assert rows.loc[0.1, "status"] == "finished", outcome.reasons
    assert rows.loc[0.1, "test_loss"] < 5e-4
    assert rank_zero_only.rank == 0


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*LeafSpec.*")
@pytest.mark.parametrize("step", ["validation_step", "test_step"])
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_interrupts_the_launch(regression, step: str, number: int, exit_code: int):
    """Not the trial: Lightning would end the process, and no later Ctrl-C would be heard."""
    source = regression.workspace / "experiments" / "toy" / "line.py"
    stop = f"def {step}(self, batch, index):\n        import signal; signal.raise_signal({int(number)})\n"
    source.write_text(source.read_text().replace(f"def {step}(self, batch, index):\n", stop))
    before = signal.getsignal(signal.SIGINT)
    outcome = launch(regression, serial=True)
    assert (outcome.state, outcome.exit_code) == ("interrupted", exit_code)
    assert outcome.progress.done == 0
    assert signal.getsignal(signal.SIGINT) is before
