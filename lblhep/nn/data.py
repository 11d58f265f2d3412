"""Hold what a network is trained on, and feed minibatches to an ensemble.

Feature tables are never copied: networks refer to rows of a shared table, and the feed gathers the
minibatches of a few networks, many steps at a time, into one reused buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

_aten = torch.ops.aten
_BLOCK_BYTES = {"cpu": 2**26, "cuda": 2**30}  # features gathered at a time


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Holds one network's data: a feature table by reference, and the network's rows of it.

    Labels lie in [0, 1]. Weights are relative: each split's are scaled to mean 1. ``scale`` is (mean, std),
    each (F,), as fitted on the training rows; the trained network keeps it and standardises its input by it.

    >>> table, rows = torch.randn(10, 2), torch.arange(10)
    >>> data = TrainingSet(table, rows, torch.ones(10), torch.ones(10))
    >>> [len(part) for part in data.split("validation")]
    [0, 0, 0]
    """

    features: Tensor  # (N, F) float; share one object between networks
    train: Tensor  # (n,) int64 rows of features
    train_label: Tensor  # (n,) float
    train_weight: Tensor  # (n,) float
    validation: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    validation_label: Tensor = field(default_factory=lambda: torch.empty(0))
    validation_weight: Tensor = field(default_factory=lambda: torch.empty(0))
    scale: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2:
            raise ValueError(f"features {tuple(self.features.shape)}: expected (N, F)")
        if len(self.train) == 0:
            raise ValueError("a training set without training rows")
        for name in ("train", "validation"):
            rows, label, weight = self.split(name)
            if rows.ndim != 1 or label.shape != rows.shape or weight.shape != rows.shape:
                raise ValueError(f"{name}: rows, labels and weights must be vectors of one length")
            if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= len(self.features)):
                raise ValueError(f"{name}: a row outside the {len(self.features)} rows of features")
            if len(rows) and not float(weight.sum()) > 0:
                raise ValueError(f"{name}: the sum of the weights must be positive")

    def split(self, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows, labels and weights of the split ``train`` or ``validation``."""
        if name == "train":
            return self.train, self.train_label, self.train_weight
        return self.validation, self.validation_label, self.validation_weight


def minibatch_order(seed: int, epoch: int, rows: int) -> Tensor:
    """Return the order (rows,) in which a network sees its training rows: from its seed and the epoch
    alone.

    >>> sorted(minibatch_order(seed=1, epoch=0, rows=4).tolist())
    [0, 1, 2, 3]
    """
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, epoch)))
    return torch.from_numpy(stream.permutation(rows))


def on_device(data: Sequence[TrainingSet], device: torch.device) -> list[TrainingSet]:
    """Move the sets' tensors to ``device``; a tensor that several share is moved once."""
    moved: dict[int, Tensor] = {}

    def move(tensor: Tensor) -> Tensor:
        if id(tensor) not in moved:
            moved[id(tensor)] = tensor.to(device)
        return moved[id(tensor)]

    names = (
        "features",
        *(f"{split}{part}" for split in ("train", "validation") for part in ("", "_label", "_weight")),
    )
    return [
        replace(
            one,
            **{name: move(getattr(one, name)) for name in names},
            scale=one.scale and (move(one.scale[0]), move(one.scale[1])),
        )
        for one in data
    ]


@dataclass(frozen=True)
class Block:
    """Holds some consecutive steps of T networks, and room for what the networks say to them."""

    x: Tensor  # (T, S, B, F) standardised features
    label: Tensor  # (T, S, B)
    weight: Tensor  # (T, S, B) an event's weight in its minibatch's mean; 0 where padded
    logits: Tensor  # (T, S, B) zeros, to be filled in
    rows: Tensor  # (T, S) events in each minibatch

    def summed_loss(self) -> Tensor:
        """Return the weighted cross-entropy (T,) of ``logits``, summed over events; the block's content is
        used up."""
        agreement = self.label.mul_(self.logits)
        _aten.softplus.out(self.logits, out=self.logits)  # -log p = softplus(z) - label z
        per_step = self.logits.sub_(agreement).mul_(self.weight).sum(2)
        return (per_step * self.rows).sum(1)


class Feed:
    """Gathers blocks of minibatches into reused buffers; a block is overwritten by the next."""

    def __init__(self, networks: int, steps: int, batch: int, like: Tensor) -> None:
        """Reserve the buffers.

        Args:
            networks: the most networks that train together.
            steps: the most steps that an epoch has.
            batch: rows of a minibatch.
            like: a feature table of the same width and type on the same device.
        """
        features = like.shape[1]
        step_bytes = networks * batch * features * like.element_size()
        self.steps = max(1, min(steps, _BLOCK_BYTES.get(like.device.type, 2**26) // step_bytes))
        self.batch = batch
        shape = (networks, self.steps, batch)
        self._x = like.new_empty((*shape, features))
        self._label, self._weight, self._logits = (like.new_empty(shape) for _ in range(3))

    def gather(
        self,
        data: Sequence[TrainingSet],
        split: str,
        orders: Sequence[Tensor] | None,
        steps: slice,
        mean: Tensor,
        std: Tensor,
    ) -> Block:
        """Gather the minibatches of the given steps into the buffers, standardised.

        Args:
            data: of the T networks that train together.
            split: ``train`` or ``validation``.
            orders: the order of each network's rows; None keeps the order of ``data``.
            steps: which steps of the epoch.
            mean: of each network's features (T, F).
            std: of each network's features (T, F).
        """
        front = (slice(len(data)), slice(steps.stop - steps.start))
        lengths = torch.tensor([len(one.split(split)[0]) for one in data])
        rows = (lengths[:, None] - self.batch * torch.arange(steps.start, steps.stop)).clamp_(0, self.batch)
        x, label, weight, logits = (
            buffer[front] for buffer in (self._x, self._label, self._weight, self._logits)
        )
        for i, one in enumerate(data):
            window = slice(steps.start * self.batch, steps.stop * self.batch)
            chosen = window if orders is None else orders[i][window]
            self._fill(one, split, chosen, *(buffer[i].flatten(0, 1) for buffer in (x, label, weight)))
        block = Block(x, label, weight, logits.zero_(), rows.to(x))
        weight.div_(block.rows.clamp(1)[:, :, None])
        # One minibatch as one long row: broadcasting over a handful of features would be slow.
        wide = x.flatten(2)
        wide.sub_(mean.repeat(1, self.batch)[:, None]).div_(std.repeat(1, self.batch)[:, None])
        return block

    @staticmethod
    def _fill(
        one: TrainingSet, split: str, chosen: slice | Tensor, x: Tensor, label: Tensor, weight: Tensor
    ) -> None:
        """Writes the chosen positions of one network's split to the fronts of x (n, F) and two vectors."""
        rows, labels, weights = (
            column[chosen] if isinstance(chosen, slice) else column.index_select(0, chosen)
            for column in one.split(split)
        )
        filled = len(rows)
        torch.index_select(one.features, 0, rows, out=x[:filled])
        label[:filled] = labels
        whole = one.split(split)[2]
        torch.mul(weights, len(whole) / whole.sum(), out=weight[:filled])
        for buffer in (x, label, weight):
            buffer[filled:] = 0
