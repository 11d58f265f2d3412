"""A network's training must not depend on what it is packed with, and must equal an ordinary torch loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from lblhep.nn import EpochLosses, MLPEnsemble, TrainingResult, TrainingSet, train_ensemble, trainer
from lblhep.nn import data as data_module

SIZES = (3, 16, 16, 1)
Make = Callable[..., TrainingSet]


def train(data: Sequence[TrainingSet], seeds: Sequence[int], **settings: Any) -> TrainingResult:
    settings = {"learning_rate": 3e-3, "max_epochs": 8, "batch_size": 64} | settings
    return train_ensemble(MLPEnsemble.initialised(SIZES, seeds), data, seeds=seeds, **settings)


@pytest.fixture
def unequal(training_set: Make) -> list[TrainingSet]:
    """100 networks whose epochs have 5 to 12 steps, most with a partial last one."""
    return [training_set(first=7 * i, rows=300 + (i * 53) % 450) for i in range(100)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clip_norm": 0.1},
        {"weight_decay": 0.3},
        {"batch_size": 5000},
    ],
    ids=["plain", "clipped", "decayed", "one batch"],
)
def test_alone_together_and_in_a_torch_loop_are_equal(
    unequal: list[TrainingSet],
    train_alone: Callable[..., list[float]],
    table: SimpleNamespace,
    settings: dict[str, float],
) -> None:
    together = train(unequal, range(100), **settings)
    logits = together.ensemble.predict(table.features)
    for i in (0, 1, 42, 99):
        alone = train([unequal[i]], [i], **settings)
        assert alone.best_epoch[0] == together.best_epoch[i]
        loop_settings = {"batch_size": 64} | settings
        decay = loop_settings.pop("weight_decay", None)
        if decay is not None:
            loop_settings |= {"weight_decay": decay, "optimizer": torch.optim.AdamW}
        network = alone_network(unequal[i], i)
        losses = train_alone(
            network, unequal[i], seed=i, epochs=int(alone.best_epoch[0]) + 1, lr=3e-3, **loop_settings
        )
        np.testing.assert_allclose(losses, together.validation_loss[: len(losses), i], rtol=1e-4)
        with torch.no_grad():
            expected = network(table.features)[:, 0]
        for found in (alone.ensemble.predict(table.features)[0], logits[i]):
            assert (found - expected).abs().max() < 1e-3
            assert roc_auc_score(table.label, found) == pytest.approx(
                roc_auc_score(table.label, expected), abs=1e-3
            )


def alone_network(data: TrainingSet, seed: int) -> torch.nn.Module:
    ensemble = MLPEnsemble.initialised(SIZES, [seed])
    assert data.scale is not None
    ensemble.mean[0], ensemble.std[0] = data.scale
    return ensemble.network(0)


def test_tiles_and_blocks_do_not_show(
    unequal: list[TrainingSet], monkeypatch: pytest.MonkeyPatch, table: SimpleNamespace
) -> None:
    whole = train(unequal[:10], range(10), patience=2)
    monkeypatch.setattr(trainer, "_TILE_BYTES", 200_000)
    monkeypatch.setitem(data_module._BLOCK_BYTES, "cpu", 10_000)
    pieces = train(unequal[:10], range(10), patience=2)
    np.testing.assert_allclose(whole.train_loss, pieces.train_loss, rtol=1e-4)
    difference = whole.ensemble.predict(table.features) - pieces.ensemble.predict(table.features)
    assert difference.abs().max() < 1e-3


def test_learning_rates_and_tables_are_per_network(training_set: Make, table: SimpleNamespace) -> None:
    one = training_set()
    other = replace(one, features=table.features.flip(0).contiguous())
    together = train([one, other, one], [3, 3, 3], learning_rate=[1e-3, 1e-3, 1e-2])
    for i, (data, rate) in enumerate([(one, 1e-3), (other, 1e-3), (one, 1e-2)]):
        alone = train([data], [3], learning_rate=rate)
        np.testing.assert_allclose(together.train_loss[:, i], alone.train_loss[:, 0], rtol=1e-4)
    assert len({*together.train_loss[-1]}) == 3


def test_each_network_stops_at_its_own_time_with_its_best_weights(
    training_set: Make, table: SimpleNamespace
) -> None:
    data = [training_set(first=100 * i, rows=60) for i in range(12)]
    result = train(data, range(12), learning_rate=2e-2, max_epochs=60, patience=4, batch_size=16)
    assert len({*result.epochs}) > 3, "networks of this toy stop at different epochs"
    assert result.validation_loss.shape == (result.epochs.max(), 12)
    for i, one in enumerate(data):
        losses = result.validation_loss[: result.epochs[i], i]
        assert np.isfinite(losses).all()
        assert np.isnan(result.validation_loss[result.epochs[i] :, i]).all()
        assert result.best_epoch[i] == losses.argmin()
        assert result.best_loss[i] == losses.min()
        assert result.epochs[i] in (result.best_epoch[i] + 1 + 4, 60)
        logits = result.ensemble.predict(table.features[one.validation])[i]
        weight = one.validation_weight / one.validation_weight.mean()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, one.validation_label, weight)
        assert float(loss) == pytest.approx(losses.min(), rel=1e-4)


def test_a_failing_network_is_reported_and_hurts_no_other(training_set: Make) -> None:
    good = training_set()
    features = good.features.clone()
    features[100] = torch.nan
    broken = replace(good, features=features, scale=None)
    result = train([good, broken, good], [0, 1, 2])
    assert result.failed.tolist() == [False, True, False]
    assert result.epochs.tolist() == [8, 1, 8]
    assert result.best_epoch[1] == -1
    assert torch.isfinite(result.ensemble.parameters).all(), "initial weights where no epoch was sound"
    undisturbed = train([good, good, good], [0, 1, 2])
    np.testing.assert_array_equal(result.train_loss[:, [0, 2]], undisturbed.train_loss[:, [0, 2]])


def test_an_infinite_learning_rate_fails_after_the_first_step(training_set: Make) -> None:
    result = train([training_set()] * 2, [0, 1], learning_rate=[1e38, 1e-3])
    assert result.failed.tolist() == [True, False]


def test_without_validation_rows_the_last_weights_are_kept(training_set: Make) -> None:
    one = training_set()
    bare = TrainingSet(one.features, one.train, one.train_label, one.train_weight, scale=one.scale)
    result = train([bare, one], [0, 1], patience=1, max_epochs=5)
    assert result.best_epoch[0] == 4
    assert np.isnan(result.validation_loss[:, 0]).all()
    assert not result.failed.any()


def test_epochs_are_reported_as_they_end(training_set: Make) -> None:
    seen: list[EpochLosses] = []
    result = train(
        [training_set(rows=200), training_set(rows=400)], [0, 1], on_epoch=seen.append, max_epochs=3
    )
    assert [one.epoch for one in seen] == [0, 1, 2]
    for one in seen:
        np.testing.assert_array_equal(one.validation_loss, result.validation_loss[one.epoch, one.networks])


def test_the_same_pack_gives_the_same_bits(unequal: list[TrainingSet]) -> None:
    first, second = (train(unequal[:7], range(7)) for _ in range(2))
    assert torch.equal(first.ensemble.parameters, second.ensemble.parameters)


def test_the_ensemble_that_goes_in_is_left_as_it_was(training_set: Make) -> None:
    ensemble = MLPEnsemble.initialised(SIZES, [0])
    before = ensemble.parameters.clone()
    train_ensemble(ensemble, [training_set()], seeds=[0], learning_rate=1e-2, max_epochs=1, batch_size=64)
    assert torch.equal(ensemble.parameters, before)
    assert torch.equal(ensemble.mean, torch.zeros(1, 3))


def test_the_scale_of_weights_does_not_matter(training_set: Make) -> None:
    one = training_set()
    heavy = replace(one, train_weight=1000 * one.train_weight, validation_weight=7 * one.validation_weight)
    result = train([one, heavy], [0, 0])
    np.testing.assert_allclose(result.validation_loss[:, 0], result.validation_loss[:, 1], rtol=1e-4)


def test_input_that_does_not_fit_is_refused(training_set: Make) -> None:
    one = training_set()
    with pytest.raises(ValueError, match="2 networks, 1 training sets"):
        train([one], [0, 1])
    with pytest.raises(ValueError, match="3 features, tables of"):
        train([TrainingSet(one.features[:, :2], one.train, one.train_label, one.train_weight)], [0])
    with pytest.raises(ValueError, match="one type"):
        train([replace(one, features=one.features.double())], [0])
    with pytest.raises(ValueError, match="batch_size"):
        train([one], [0], batch_size=0)
    with pytest.raises(ValueError, match="patience"):
        train([one], [0], patience=0)
    with pytest.raises(ValueError, match="outside"):
        replace(one, train=one.train + 1990)
    with pytest.raises(ValueError, match="one length"):
        replace(one, train_label=one.train_label[1:])
    with pytest.raises(ValueError, match="positive"):
        replace(one, train_weight=-one.train_weight)
    with pytest.raises(ValueError, match="without training rows"):
        TrainingSet(one.features, one.train[:0], one.train_label[:0], one.train_weight[:0])
