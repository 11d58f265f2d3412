"""Run one Lightning fit for each trial: for networks that do not train in batches of networks."""

from __future__ import annotations

import logging
import signal
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.tasks.protocols import Bench, Failure, Row

if TYPE_CHECKING:
    import numpy as np
    from lightning import Callback, LightningModule, Trainer

    from lblhep.tasks.callbacks import Best
    from lblhep.trials import Trial

IGNORED_WARNINGS = (
    "does not have many workers",
    "number of training batches",
    "and is not empty",
    "`srun` command is available",  # of every fit on a Slurm cluster; a trial is one process all the same
)
"""Warnings of Lightning's that are no news to who runs a trial."""


class FitLightning:
    """Fit a LightningModule (the recipe's model) to a LightningDataModule, or to a data set with dataloaders.

    The model is built with what the data set offers in its attribute ``offers`` (a mapping, such as
    ``{"n_features": 6}``).  The best weights by ``monitor`` are kept; the row holds that epoch's logged
    metrics and, if the data has a ``test_dataloader``, those of a single pass over it, beside
    ``epochs_trained``.

    A fit that breaks off (its worker dies, the launch is stopped or killed) goes on from its last finished
    epoch when its pack is tried again, to the numbers that it would have come to.  A module that keeps more
    than parameters and buffers saves it in its own ``on_save_checkpoint``, as tensors, numbers and text: a
    checkpoint with anything else in it is not read, since it could run code, and its fit begins anew.  A
    DataLoader's own ``generator`` starts anew.

    Args:
        model, dataset: names in the recipe; the only ones if not given.
        monitor: a metric that the module logs each epoch on validation data.
        goal: whether ``monitor`` is to be minimized or maximized.
        patience: stop after so many epochs without improvement; never, if None.
        trainer: further arguments of ``lightning.Trainer`` (``gradient_clip_val``, ``precision``, ...).  A
            trial is one process, also inside a Slurm job; ``plugins`` may name another cluster environment.
    """

    batches_over: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        model: str | None = None,
        dataset: str | None = None,
        max_epochs: int = 50,
        monitor: str = "validation_loss",
        goal: str = "minimize",
        patience: int | None = 10,
        trainer: dict[str, Any] | None = None,
    ) -> None:
        if goal not in ("minimize", "maximize"):
            raise ValueError(f"goal is {goal!r}, neither 'minimize' nor 'maximize'")
        self.model, self.dataset, self.monitor = model, dataset, monitor
        self.mode = goal[:3]
        self.max_epochs, self.patience, self.trainer = max_epochs, patience, trainer or {}

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """Fit one trial after another; one that fails leaves the others alone."""
        return [self._attempt(trial, bench) for trial in trials]

    def _attempt(self, trial: Trial, bench: Bench) -> Row | Failure:
        name = self.model or next(iter(trial.recipe.models))
        try:
            return Row(trial.id, self.fit(trial, bench, bench.generator(trial, f"models.{name}"))[1])
        except Exception as error:  # anything a user's module raises
            return Failure(trial.id, f"{type(error).__name__}: {error}", traceback.format_exc())

    def fit(
        self, trial: Trial, bench: Bench, rng: np.random.Generator, **given: Any
    ) -> tuple[LightningModule, dict[str, float]]:
        """Fit the trial's model; return it with its best weights, and what ``run`` puts into its row.

        Args:
            rng: gives torch's global stream its seed, from which Lightning and initial weights draw.
            given: offered to the model, beside what the data set offers.
        """
        import torch

        data = bench.dataset(trial, self.dataset)
        torch.manual_seed(int(rng.integers(2**63)))
        model: LightningModule = bench.model(trial, self.model, **getattr(data, "offers", {}), **given)
        unfinished = bench.checkpoint / f"{trial.id}.ckpt"
        trainer, best = self._trainer(trial, bench, unfinished)
        with warnings.catch_warnings():
            for known in IGNORED_WARNINGS:
                warnings.filterwarnings("ignore", message=f".*{known}.*")
            with _interruptible():
                begun = unfinished if _is_readable(unfinished, best) else None
                trainer.fit(model, **_loaders(data), ckpt_path=begun, weights_only=True)
            metrics = {**best.best_metrics, "epochs_trained": float(trainer.current_epoch)}
            model.load_state_dict(best.weights())
            if hasattr(data, "test_dataloader"):
                with _interruptible():
                    tested = trainer.test(model, data.test_dataloader(), verbose=False)
                metrics |= {key: float(value) for result in tested for key, value in result.items()}
        return model, metrics

    def _trainer(self, trial: Trial, bench: Bench, unfinished: Path) -> tuple[Trainer, Best]:
        from lightning import Trainer
        from lightning.pytorch.callbacks import EarlyStopping
        from lightning.pytorch.plugins.environments import LightningEnvironment

        from lblhep.tasks.callbacks import Best, Continuation, Curves

        for name in ("lightning.pytorch", "lightning.fabric"):
            logging.getLogger(name).setLevel(logging.ERROR)
        best = Best(bench.checkpoint / trial.id, self.monitor, self.mode)
        callbacks: list[Callback] = [Curves(trial, bench), best, Continuation(unfinished, best)]
        if self.patience is not None:
            callbacks.append(EarlyStopping(self.monitor, patience=self.patience, mode=self.mode))
        environment = LightningEnvironment()
        environment.set_global_rank(0)  # that of the process is its worker's number in the job
        settings: dict[str, Any] = {
            "plugins": [environment],
            "accelerator": "gpu" if bench.device.startswith("cuda") else "cpu",
            "devices": 1,
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        return Trainer(max_epochs=self.max_epochs, callbacks=callbacks, **(settings | self.trainer)), best


def _is_readable(checkpoint: Path, best: Best) -> bool:
    """Return whether a fit can go on from here: it and its best weights are as written, and run no code."""
    from lblhep.tasks.callbacks import check_weights
    from lblhep.tasks.checkpoints import read_checkpoint

    if not checkpoint.is_file():
        return False
    try:
        check_weights(read_checkpoint(checkpoint)["callbacks"][best.state_key])
    except Exception as error:  # a damaged pickle may raise anything; an earlier version wrote another form
        reason = str(error).partition("\n")[0]
        logging.getLogger(__name__).warning("%s: is not read, the fit begins anew (%s)", checkpoint, reason)
        return False
    return True


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C through: Lightning makes it the end of the process, and is deaf to another one."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, before)
        raise stop.__context__ from None


def _loaders(data: Any) -> dict[str, Any]:
    from lightning import LightningDataModule

    if isinstance(data, LightningDataModule):
        return {"datamodule": data}
    return {"train_dataloaders": data.train_dataloader(), "val_dataloaders": data.val_dataloader()}
