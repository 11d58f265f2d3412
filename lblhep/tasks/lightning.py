"""One Lightning fit for each trial: for networks that do not train in batches of networks."""

from __future__ import annotations

import logging
import signal
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lblhep.tasks.protocols import Bench, Failure, Row

if TYPE_CHECKING:
    from lightning import Callback, LightningModule, Trainer

    from lblhep.trials import Trial


class FitLightning:
    """Fit a LightningModule (the recipe's model) to a LightningDataModule, or to a data set with dataloaders.

    The model is built with what the data set offers in its attribute ``offers`` (a mapping, such as
    ``{"n_features": 6}``).  The best weights by `monitor` are kept; the row holds that epoch's logged metrics
    and, if the data has a ``test_dataloader``, those of a single pass over it, beside ``epochs_trained``.

    Args:
        model, dataset: names in the recipe; the only ones if not given.
        monitor: a metric that the module logs each epoch on validation data.
        goal: whether `monitor` is to be minimized or maximized.
        patience: stop after so many epochs without improvement; never, if None.
        trainer: further arguments of ``lightning.Trainer`` (``gradient_clip_val``, ``precision``, ...).
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
        try:
            return self._fit(trial, bench)
        except Exception as error:  # anything a user's module raises
            return Failure(trial.id, f"{type(error).__name__}: {error}", traceback.format_exc())

    def _fit(self, trial: Trial, bench: Bench) -> Row:
        import torch

        data = bench.dataset(trial, self.dataset)
        name = self.model or next(iter(trial.recipe.models))
        # Lightning's own code and torch's default initialisation draw from the global stream.
        torch.manual_seed(int(bench.generator(trial, f"models.{name}").integers(2**63)))
        model: LightningModule = bench.model(trial, name, **getattr(data, "offers", {}))
        trainer, best = self._trainer(trial, bench)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*number of training batches.*")
            with _interruptible():
                trainer.fit(model, **_loaders(data))
            metrics = {**best.best_metrics, "epochs_trained": float(trainer.current_epoch)}
            if hasattr(data, "test_dataloader"):
                with _interruptible():
                    tested = trainer.test(
                        model, data.test_dataloader(), ckpt_path=best.best_model_path, verbose=False
                    )
                metrics |= {key: float(value) for result in tested for key, value in result.items()}
        return Row(trial.id, metrics)

    def _trainer(self, trial: Trial, bench: Bench) -> tuple[Trainer, Any]:
        from lightning import Trainer
        from lightning.pytorch.callbacks import EarlyStopping

        for name in ("lightning.pytorch", "lightning.fabric"):
            logging.getLogger(name).setLevel(logging.ERROR)
        best = _best_checkpoint(self.monitor, self.mode, str(bench.checkpoint / trial.id))
        callbacks: list[Callback] = [_curves(trial, bench), best]
        if self.patience is not None:
            callbacks.append(EarlyStopping(self.monitor, patience=self.patience, mode=self.mode))
        settings: dict[str, Any] = {
            "accelerator": "gpu" if bench.device.startswith("cuda") else "cpu",
            "devices": 1,
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        return Trainer(max_epochs=self.max_epochs, callbacks=callbacks, **(settings | self.trainer)), best


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


def _best_checkpoint(monitor: str, mode: str, directory: str) -> Any:
    from lightning.pytorch.callbacks import ModelCheckpoint

    class Best(ModelCheckpoint):  # type: ignore[misc]
        """Keeps the best weights, and what was logged when they were the best."""

        best_metrics: Mapping[str, float] = {}

        def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
            super()._save_checkpoint(trainer, filepath)
            if filepath == self.best_model_path:
                self.best_metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}

    return Best(directory, monitor=monitor, mode=mode, save_top_k=1, save_weights_only=True)


def _curves(trial: Trial, bench: Bench) -> Any:
    from lightning import Callback

    class Curves(Callback):  # type: ignore[misc]
        """Each epoch's logged metrics become a point of the trial's curves."""

        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            bench.log(
                trial, {k: float(v) for k, v in trainer.callback_metrics.items()}, trainer.current_epoch
            )

    return Curves()
