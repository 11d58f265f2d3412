"""A toy classification problem, and a plain torch loop to compare the ensemble with."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from lblhep.nn import TrainingSet, minibatch_order


@pytest.fixture(autouse=True)
def quick(one_thread: None) -> None:
    """Every test here."""


@pytest.fixture
def table() -> SimpleNamespace:
    """2,000 weighted events of two overlapping classes, with features that need standardising."""
    stream = torch.Generator().manual_seed(1)
    label = (torch.rand(2000, generator=stream) < 0.4).float()
    features = torch.randn(2000, 3, generator=stream) + label[:, None] * torch.tensor([1.0, 0.5, 0.0])
    features = features * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor([0.0, 50.0, -1.0])
    weight = 0.5 + torch.rand(2000, generator=stream)
    return SimpleNamespace(features=features, label=label, weight=weight)


@pytest.fixture
def training_set(table: SimpleNamespace) -> Callable[..., TrainingSet]:
    """training_set(first, rows, validation=rows): training rows from ``first`` on, then validation rows."""

    def make(first: int = 0, rows: int = 500, validation: int = 300) -> TrainingSet:
        train = torch.arange(first, first + rows)
        held = torch.arange(first + rows, first + rows + validation)
        inputs = table.features[train]
        return TrainingSet(
            table.features,
            train,
            table.label[train],
            table.weight[train],
            held,
            table.label[held],
            table.weight[held],
            scale=(inputs.mean(0), inputs.std(0)),
        )

    return make


def loss_of(network: nn.Module, features: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(network(features)[:, 0], label, weight)


@pytest.fixture
def train_alone() -> Callable[..., list[float]]:
    """Trains one module on one set the ordinary way; returns the validation loss after each epoch."""

    def train(
        network: nn.Module,
        data: TrainingSet,
        *,
        seed: int,
        epochs: int,
        batch_size: int,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        clip_norm: float | None = None,
        **settings: float,
    ) -> list[float]:
        steps = optimizer(network.parameters(), **settings)
        weight = data.train_weight / data.train_weight.mean()
        validation_weight = data.validation_weight / data.validation_weight.mean()
        losses = []
        for epoch in range(epochs):
            for batch in minibatch_order(seed, epoch, len(data.train)).split(batch_size):
                steps.zero_grad()
                loss_of(
                    network, data.features[data.train[batch]], data.train_label[batch], weight[batch]
                ).backward()
                if clip_norm is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
                steps.step()
            with torch.no_grad():
                validation = loss_of(
                    network, data.features[data.validation], data.validation_label, validation_weight
                )
            losses.append(float(validation))
        return losses

    return train
