"""Stop the training network by network, and say what it returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lblhep.annotations import Floats, Integers, Mask
from lblhep.nn.ensemble import MLPEnsemble


@dataclass(frozen=True)
class EpochLosses:
    """Holds one epoch's mean weighted losses of the networks still in training."""

    epoch: int
    networks: Integers  # (A,) their places in the ensemble
    train_loss: Floats  # (A,) mean over the epoch's minibatches, each before its step
    validation_loss: Floats  # (A,) after the epoch; NaN without validation rows


@dataclass(frozen=True)
class TrainingResult:
    """Holds P trained networks with the weights of their best epochs, and how they came there."""

    ensemble: MLPEnsemble
    best_epoch: Integers  # (P,) from 0; -1: none, initial weights
    best_loss: Floats  # (P,) validation loss at best_epoch; NaN without validation rows
    epochs: Integers  # (P,) epochs trained
    failed: Mask  # (P,) loss or weights became infinite or NaN: stopped there, best weights until then kept
    train_loss: Floats  # (epochs, P), NaN after a network has stopped
    validation_loss: Floats  # (epochs, P)


class EarlyStopping:
    """Keeps each network's best weights and says which networks go on."""

    def __init__(self, ensemble: MLPEnsemble, patience: int | None) -> None:
        count = len(ensemble)
        self._patience = patience
        self._best = ensemble.select(range(count))
        self._best_epoch = np.full(count, -1)
        self._best_loss = np.full(count, np.nan)
        self._epochs = np.zeros(count, dtype=np.int64)
        self._failed = np.zeros(count, dtype=bool)
        self._history: list[tuple[Floats, Floats]] = []

    def update(self, losses: EpochLosses, parameters: Tensor, has_validation: Mask) -> Mask:
        """Takes in an epoch that left weights (A, K); returns which of its networks go on (A,)."""
        networks = losses.networks
        sound = torch.isfinite(parameters).all(1).cpu().numpy() & np.isfinite(losses.train_loss)
        sound &= np.isfinite(losses.validation_loss) | ~has_validation
        best = self._best_loss[networks]
        # Without validation rows the newest weights are the best.
        better = sound & ~(losses.validation_loss >= best)
        improved = networks[better]
        self._best.parameters[improved] = parameters[torch.from_numpy(better)]
        self._best_epoch[improved] = losses.epoch
        self._best_loss[improved] = losses.validation_loss[better]
        self._epochs[networks] = losses.epoch + 1
        self._failed[networks] = ~sound
        self._record(losses)
        if self._patience is None:
            return sound
        return sound & (losses.epoch - self._best_epoch[networks] < self._patience)

    def _record(self, losses: EpochLosses) -> None:
        rows = np.full((2, len(self._best)), np.nan)
        rows[:, losses.networks] = losses.train_loss, losses.validation_loss
        self._history.append((rows[0], rows[1]))

    def result(self) -> TrainingResult:
        history = np.array(self._history).reshape(-1, 2, len(self._best))
        return TrainingResult(
            ensemble=self._best,
            best_epoch=self._best_epoch,
            best_loss=self._best_loss,
            epochs=self._epochs,
            failed=self._failed,
            train_loss=history[:, 0],
            validation_loss=history[:, 1],
        )
