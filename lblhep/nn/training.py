"""Train an ensemble of networks as one tensor program.

In every step each network sees its own minibatch; losses, clipping, Adam and early stopping know no other
network, so a network's result does not depend on what it is packed with, up to the order of float additions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from lblhep.nn.adam import Adam
from lblhep.nn.data import TrainingSet, on_device
from lblhep.nn.early_stopping import EarlyStopping, EpochLosses, TrainingResult
from lblhep.nn.ensemble import MLPEnsemble
from lblhep.nn.trainer import EnsembleTrainer


@torch.no_grad()
def train_ensemble(
    ensemble: MLPEnsemble,
    data: Sequence[TrainingSet],
    *,
    learning_rate: float | Sequence[float],
    max_epochs: int,
    batch_size: int,
    seeds: Sequence[int],
    patience: int | None = None,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    on_epoch: Callable[[EpochLosses], None] | None = None,
) -> TrainingResult:
    """Trains network i on data[i] by weighted binary cross-entropy; returns the best weights of each.

    Minibatches follow ``minibatch_order(seeds[i], epoch, ...)``; a last, smaller minibatch counts as a full
    step. A network stops ``patience`` epochs after the last improvement of its validation loss, and keeps
    the weights of its best epoch; without validation rows, those of its last. ``weight_decay`` is decoupled,
    as in ``torch.optim.AdamW``; ``clip_norm`` limits the norm of each network's whole gradient. A network
    whose loss or weights stop being finite is marked as failed and leaves; the others do not notice.

    Args:
        ensemble: networks with their initial weights, which stay as they are.
        data: of each network.
        learning_rate: of all networks, or of each.
        max_epochs: the most epochs that a network trains.
        batch_size: rows of a minibatch.
        seeds: of each network's minibatch orders.
        patience: a network stops so many epochs after its last improvement; never, if None.
        weight_decay: decoupled, as in ``torch.optim.AdamW``.
        clip_norm: limits the norm of each network's whole gradient; None does not.
        on_epoch: receives the losses of every epoch.

    Raises:
        ValueError: lengths, widths or settings do not fit.

    >>> x = torch.linspace(-1, 1, 40)[:, None]
    >>> rows, label = torch.arange(40), (x[:, 0] > 0).float()
    >>> data = TrainingSet(x, rows, label, torch.ones(40))
    >>> ensemble = MLPEnsemble.initialised([1, 8, 1], seeds=[1, 2])
    >>> options = {"learning_rate": 0.1, "max_epochs": 30, "batch_size": 20, "seeds": [1, 2]}
    >>> result = train_ensemble(ensemble, [data, data], **options)
    >>> bool((result.ensemble.predict(x)[:, -1] > 0).all())
    True
    """
    _check(ensemble, data, seeds)
    if min(max_epochs, batch_size, 1 if patience is None else patience) < 1:
        raise ValueError(
            f"max_epochs {max_epochs}, batch_size {batch_size}, patience {patience}: not positive"
        )
    data = on_device(data, ensemble.device)
    ensemble = _scaled(ensemble, data)
    rates = torch.tensor(
        np.broadcast_to(learning_rate, len(ensemble)), dtype=torch.float64, device=ensemble.device
    )
    adam = Adam.start(ensemble.parameters, rates, weight_decay, clip_norm)
    trainer = EnsembleTrainer(ensemble, data, seeds, batch_size, adam)
    stopping = EarlyStopping(ensemble, patience)
    for epoch in range(max_epochs):
        losses = trainer.train_epoch(epoch)
        go_on = stopping.update(
            losses, trainer.parameters, np.array([len(one.validation) > 0 for one in trainer.data])
        )
        if on_epoch is not None:
            on_epoch(losses)
        if not go_on.any():
            break
        if not go_on.all():
            trainer.keep(np.flatnonzero(go_on))
    return stopping.result()


def _scaled(ensemble: MLPEnsemble, data: Sequence[TrainingSet]) -> MLPEnsemble:
    """Return a copy of the networks that standardises as their data say; where these are silent, as
    before."""
    scaled = ensemble.select(range(len(ensemble)))
    for i, one in enumerate(data):
        if one.scale is not None:
            scaled.mean[i], scaled.std[i] = one.scale
    return scaled


def _check(ensemble: MLPEnsemble, data: Sequence[TrainingSet], seeds: Sequence[int]) -> None:
    if not len(ensemble) == len(data) == len(seeds) > 0:
        raise ValueError(
            f"{len(ensemble)} networks, {len(data)} training sets, {len(seeds)} seeds: not one of each"
        )
    widths = {one.features.shape[1] for one in data}
    if widths != {ensemble.sizes[0]}:
        raise ValueError(f"networks of {ensemble.sizes[0]} features, tables of {sorted(widths)}")
    types = {one.features.dtype for one in data} | {ensemble.parameters.dtype}
    if len(types) > 1:
        raise ValueError(
            f"features and weights must be of one type, not {', '.join(sorted(map(str, types)))}"
        )
