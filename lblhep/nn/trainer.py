"""The networks that are still in training: their weights, optimiser state and data, and one epoch of them.

Networks are sorted by their number of steps an epoch, longest first: those that still have a minibatch in a
step are then the front of every buffer, and the others rest without any masking. On a CPU an epoch goes
through the pack tile by tile, a tile being as many networks as the cache holds; on a GPU the tile is the
whole pack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from lblhep.annotations import Floats, Integers
from lblhep.nn.adam import Adam
from lblhep.nn.backprop import Buffers, Passes
from lblhep.nn.data import Block, Feed, TrainingSet, minibatch_order
from lblhep.nn.early_stopping import EpochLosses
from lblhep.nn.ensemble import MLPEnsemble

_TILE_BYTES = 2**23  # measured: 1 MiB costs 15 to 45 % more, 16 MiB up to 15 %


class EnsembleTrainer:
    """Trains its networks in place; ``networks`` are their places in the ensemble that it was made from."""

    def __init__(
        self, ensemble: MLPEnsemble, data: Sequence[TrainingSet], seeds: Sequence[int], batch: int, adam: Adam
    ) -> None:
        """Sort the networks by their steps an epoch and reserve the buffers.

        Args:
            ensemble: networks to train.
            data: of each network.
            seeds: of each network's minibatch orders.
            batch: rows of a minibatch.
            adam: the optimiser's state of these networks.
        """
        lengths = np.array([len(one.train) for one in data])
        self.batch = min(batch, int(lengths.max()))
        self._shape = ensemble.sizes, ensemble.activation
        self._all = list(data), list(seeds)
        self.parameters, self.mean, self.std = ensemble.parameters, ensemble.mean, ensemble.std
        self.adam = adam
        self.networks: Integers = np.arange(len(data))
        self.keep(np.argsort(-self._steps(lengths), kind="stable"))
        tile = self._tile()
        self._buffers = Buffers(ensemble.sizes, tile, self.batch, self.parameters)
        self._gradient = self.parameters.new_empty((tile, self.parameters.shape[1]))
        self._feed = Feed(tile, int(self._steps(lengths).max()), self.batch, data[0].features)

    def keep(self, index: Integers) -> None:
        """Keep only the networks at ``index`` of those in training, in that order."""
        self.networks = self.networks[index]
        self.data, self.seeds = ([whole[i] for i in self.networks] for whole in self._all)
        rows = torch.from_numpy(index).to(self.parameters.device)
        self.parameters, self.mean, self.std = self.parameters[rows], self.mean[rows], self.std[rows]
        self.adam.keep(rows)

    def train_epoch(self, epoch: int) -> EpochLosses:
        """Train every network for one epoch, then evaluate it on its validation rows."""
        tile = self._tile()
        tiles = [slice(first, first + tile) for first in range(0, len(self.data), tile)]
        train = torch.cat([self._train(one, epoch) for one in tiles])
        validation = torch.cat([self._evaluate(one) for one in tiles])
        return EpochLosses(epoch, self.networks, _numpy(train), _numpy(validation))

    def _train(self, tile: slice, epoch: int) -> Tensor:
        """Train a tile of networks for one epoch and return their mean weighted losses (T,)."""
        data, parameters = self.data[tile], self.parameters[tile]
        lengths = np.array([len(one.train) for one in data])
        steps = self._steps(lengths)
        orders = [
            minibatch_order(seed, epoch, n).to(self.parameters.device)
            for seed, n in zip(self.seeds[tile], lengths, strict=True)
        ]
        schedule = self.adam.schedule(tile, int(steps[0]))
        loss = parameters.new_zeros(len(data))
        passes = self._passes(parameters)
        for block, window in self._blocks(tile, "train", orders, int(steps[0])):
            for s, step in enumerate(range(window.start, window.stop)):
                active = int((steps > step).sum())
                if active < len(passes):
                    passes = self._passes(parameters[:active])
                x = block.x[:active, s]
                block.logits[:active, s] = passes.forward(x)
                torch.sigmoid(passes.logits, out=passes.logit_gradient)
                passes.logit_gradient.sub_(block.label[:active, s]).mul_(block.weight[:active, s])
                gradient = passes.backward(x, self._gradient[:active])
                self.adam.step(passes.parameters, gradient, tile.start, schedule, step)
            loss += block.summed_loss()
        self.adam.steps[tile] += torch.from_numpy(steps).to(self.adam.steps)
        return loss / torch.from_numpy(lengths).to(loss)

    def _evaluate(self, tile: slice) -> Tensor:
        """Return the mean weighted validation losses (T,) of a tile of networks; NaN without validation
        rows."""
        data = self.data[tile]
        lengths = np.array([len(one.validation) for one in data])
        loss = self.parameters.new_zeros(len(data))
        passes = self._passes(self.parameters[tile])
        for block, window in self._blocks(tile, "validation", None, int(self._steps(lengths).max())):
            for s in range(window.stop - window.start):
                block.logits[:, s] = passes.forward(block.x[:, s])
            loss += block.summed_loss()
        return loss / torch.from_numpy(lengths).to(loss)

    def _blocks(
        self, tile: slice, split: str, orders: Sequence[Tensor] | None, steps: int
    ) -> Iterator[tuple[Block, slice]]:
        """Return the minibatches of ``steps`` steps, block by block, and which steps each block holds."""
        for first in range(0, steps, self._feed.steps):
            window = slice(first, min(first + self._feed.steps, steps))
            scale = self.mean[tile], self.std[tile]
            yield self._feed.gather(self.data[tile], split, orders, window, *scale), window

    def _passes(self, parameters: Tensor) -> Passes:
        return Passes(parameters, self._shape[1], self._buffers)

    def _steps(self, rows: Integers) -> Integers:
        return -(-rows // self.batch)

    def _tile(self) -> int:
        """Return how many networks go through an epoch together."""
        if self.parameters.device.type != "cpu":
            return len(self.data)
        sizes = self._shape[0]
        floats = self.batch * (sum(sizes) + 2 * max(sizes[1:])) + 4 * self.parameters.shape[1]
        return max(1, min(len(self.data), _TILE_BYTES // (floats * self.parameters.element_size())))


def _numpy(losses: Tensor) -> Floats:
    return losses.double().cpu().numpy()
