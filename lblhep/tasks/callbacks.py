"""``FitLightning`` gives its Trainer these callbacks: best weights, curves, and a state to go on from.

Importing this loads lightning and torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from lblhep.atomic import sha256_of, to_disk
from lblhep.tasks.checkpoints import write_checkpoint

if TYPE_CHECKING:
    from lblhep.tasks.protocols import Bench
    from lblhep.trials import Trial


class Best(ModelCheckpoint):  # type: ignore[misc]
    """Keeps the best weights, their checksum, and what was logged when they were the best."""

    def __init__(self, directory: Path, monitor: str, mode: str) -> None:
        super().__init__(directory, monitor=monitor, mode=mode, save_top_k=1, save_weights_only=True)
        self.best_metrics: Mapping[str, float] = {}
        self._best_sha256 = ""
        self._outdone: list[str] = []

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        super()._save_checkpoint(trainer, filepath)
        if filepath == self.best_model_path:
            self.best_metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
            to_disk(Path(filepath))
            to_disk(Path(filepath).parent)
            self._best_sha256 = sha256_of(Path(filepath))

    def weights(self) -> dict[str, Any]:
        """Read the best weights.  Raises ValueError if they are not what was written."""
        check_weights(self.state_dict())
        found: dict[str, Any] = torch.load(self.best_model_path, weights_only=True)["state_dict"]
        return found

    def _remove_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        """Leave the file for now: a fit that breaks off now goes on from a state in which these weights were
        the best."""
        self._outdone.append(filepath)

    def remove_outdone(self) -> None:
        """Remove the weights that are the best no more."""
        while self._outdone:
            Path(self._outdone.pop()).unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        kept = {"best_metrics": self.best_metrics, "best_sha256": self._best_sha256}
        return {**super().state_dict(), **kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.best_metrics = state_dict["best_metrics"]
        self._best_sha256 = state_dict["best_sha256"]


def check_weights(best: Mapping[str, Any]) -> None:
    """See that the best weights are those that the state of a ``Best`` names, if it names any.

    Raises:
        ValueError: they are not what was written.
        OSError: they cannot be read.
    """
    path = best["best_model_path"]
    if path and sha256_of(Path(path)) != best["best_sha256"]:
        raise ValueError(f"{path}: is not what was written: wrong checksum")


class Curves(Callback):  # type: ignore[misc]
    """Makes each epoch's logged metrics a point of the trial's curves.

    A fit that goes on logs again what it had logged: the bench, and a search's scheduler, see whole curves.
    """

    def __init__(self, trial: Trial, bench: Bench) -> None:
        self._trial, self._bench = trial, bench
        self._points: list[tuple[dict[str, float], int]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._log({k: float(v) for k, v in trainer.callback_metrics.items()}, trainer.current_epoch)

    def _log(self, metrics: dict[str, float], epoch: int) -> None:
        self._points.append((metrics, epoch))
        self._bench.log(self._trial, metrics, epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"points": self._points}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for metrics, epoch in state_dict["points"]:
            self._log(metrics, epoch)


class Continuation(Callback):  # type: ignore[misc]
    """Writes down the whole fit, between any two epochs, at ``path``; a fit that was read from there goes on.

    That is Trainer's own checkpoint (weights, optimizers, schedulers, counters, callbacks) and what it leaves
    out: torch's random streams, and the metrics logged last, which a scheduler may want.  It is made when an
    epoch begins, not when one ends, because Trainer moves its schedulers only after the hooks of the end.
    """

    def __init__(self, path: Path, best: Best) -> None:
        self._path, self._best = path, best
        self._found: dict[str, Any] | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._found is not None:
            self._go_on(trainer, self._found)
            self._found = None
        elif trainer.current_epoch > 0:
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        write_checkpoint(self._path, trainer.save_checkpoint)
        self._best.remove_outdone()

    def _go_on(self, trainer: Trainer, found: dict[str, Any]) -> None:
        trainer.callback_metrics.update(found["logged"])
        _set_streams(found["streams"])
        # Lightning takes the fit for one that broke off within an epoch: it would not shuffle anew, nor move
        # schedulers that follow a metric.  Its loops are told that they have caught up already.
        trainer.fit_loop.restarting = False
        trainer.fit_loop.on_iteration_done()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["lblhep"] = {"logged": dict(trainer.callback_metrics), "streams": _streams()}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._found = checkpoint["lblhep"]


def _streams() -> dict[str, Any]:
    """Return the states of torch's global generators: the CPU's, and each GPU's."""
    return {"cpu": torch.get_rng_state(), "gpu": torch.cuda.get_rng_state_all()}


def _set_streams(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["cpu"])
    torch.cuda.set_rng_state_all(states["gpu"])
