"""Train a pack of classifiers together and score the events that none of them has seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from experiments.cwola.datasets import DijetWindow, Labelled
from lblhep.nn import MLPEnsemble, TrainingSet, train_ensemble
from lblhep.tasks import Bench, Failure, Row
from lblhep.trials import Trial


class TrainClassifiers:
    """Train one network, or boosted trees where the data set's method says so, for each trial of the pack.

    Adam with ``learning_rate`` and decoupled ``weight_decay``; minibatches of ``batch_size`` events; a
    network stops when its validation loss has not improved for ``patience`` epochs and keeps its best
    weights; ``clip_norm`` bounds each network's gradient.  Forests take scikit-learn's defaults with
    ``forest_iterations`` trees at most, of which those up to the best loss on the same validation fold count;
    each split sees half of the features, so that initialisations differ.
    """

    batches_over = ("pseudo_experiment", "masses", "window", "method", "n_signal", "fold", "subfold", "init")

    def __init__(
        self,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        batch_size: int = 2000,
        max_epochs: int = 60,
        patience: int | None = 10,
        clip_norm: float | None = None,
        forest_iterations: int = 100,
    ) -> None:
        """Take the settings of the training.

        Args:
            learning_rate: of Adam.
            weight_decay: decoupled, as in ``torch.optim.AdamW``.
            batch_size: rows of a minibatch.
            max_epochs: the most epochs of a network.
            patience: epochs without improvement after which a network stops; None lets it go on.
            clip_norm: limits the norm of a network's gradient; None does not.
            forest_iterations: the most trees of a boosted forest.

        Raises:
            ValueError: the learning rate, batch size or number of epochs is not positive.
        """
        if not learning_rate > 0:
            raise ValueError(f"learning_rate={learning_rate} must be positive")
        if batch_size < 1 or max_epochs < 1:
            raise ValueError(f"batch_size={batch_size} and max_epochs={max_epochs} must be at least 1")
        self.training = {
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "batch_size": batch_size,
            "max_epochs": max_epochs,
            "patience": patience,
            "clip_norm": clip_norm,
        }
        self.forest_iterations = forest_iterations

    def run(self, trials: Sequence[Trial], bench: Bench) -> Sequence[Row | Failure]:
        """Train the pack and return each trial's metrics.  Saved arrays: ``scores`` of each, and its fold's
        ``events`` once a pack."""
        windows = [bench.dataset(trial) for trial in trials]
        networks = [i for i, window in enumerate(windows) if window.method != "boosting"]
        rows: dict[int, Row | Failure] = {}
        if networks:
            pairs = [(trials[i], windows[i]) for i in networks]
            rows |= zip(networks, self._train_networks(pairs, bench), strict=True)
        for i, (trial, window) in enumerate(zip(trials, windows, strict=True)):
            if i not in rows:
                rows[i] = self._train_forest(trial, window, bench)
        _save_events(trials, windows, bench)
        return [rows[i] for i in range(len(trials))]

    def _train_networks(
        self, pairs: Sequence[tuple[Trial, DijetWindow]], bench: Bench
    ) -> list[Row | Failure]:
        trials, windows = zip(*pairs, strict=True)
        tables = {id(w.events): torch.from_numpy(w.events.features) for w in windows}
        models = [bench.model(trial) for trial in trials]
        seeds = [model.seed for model in models]
        sizes = models[0].sizes(windows[0].events.features.shape[1])
        result = train_ensemble(
            MLPEnsemble.initialised(sizes, seeds, device=bench.device),
            [_training_set(w, tables[id(w.events)]) for w in windows],
            seeds=seeds,
            on_epoch=_Log(trials, bench),
            **self.training,
        )
        rows: list[Row | Failure] = []
        for i, (trial, window) in enumerate(pairs):
            if result.failed[i]:
                rows.append(Failure(trial.id, f"the loss diverged in epoch {result.epochs[i]}", ""))
                continue
            logits = _logits(result.ensemble, i, window)
            extra = {"epochs": float(result.epochs[i]), "best_epoch": float(result.best_epoch[i])}
            rows.append(_scored(trial, window, torch.sigmoid(logits).numpy(), extra, bench))
        return rows

    def _train_forest(self, trial: Trial, window: DijetWindow, bench: Bench) -> Row:
        train, validation = window.train, window.validation
        table = window.events.features
        forest = HistGradientBoostingClassifier(
            max_iter=self.forest_iterations,
            max_features=0.5,
            early_stopping=True,
            random_state=int(bench.generator(trial, "models.classifier").integers(2**31)),
        )
        forest.fit(
            table[train.rows],
            train.label,
            sample_weight=train.weight,
            X_val=table[validation.rows],
            y_val=validation.label,
            sample_weight_val=validation.weight,
        )
        best = max(1, int(forest.validation_score_.argmax()))  # scores start with that of no tree
        stages = forest.staged_predict_proba(table[_scored_rows(window)])
        output = next(islice(stages, best - 1, None))[:, 1]
        extra = {"epochs": float(forest.n_iter_), "best_epoch": float(best)}
        return _scored(trial, window, output, extra, bench)


def _training_set(window: DijetWindow, table: torch.Tensor) -> TrainingSet:
    train, validation = window.train, window.validation
    inputs = window.events.features[train.rows]
    std = inputs.std(axis=0)
    scale = (torch.from_numpy(inputs.mean(axis=0)), torch.from_numpy(np.where(std > 0, std, 1).astype("f4")))
    parts = (train.rows, train.label, train.weight, validation.rows, validation.label, validation.weight)
    return TrainingSet(table, *map(torch.from_numpy, parts), scale=scale)


def _scored_rows(window: DijetWindow) -> NDArray[np.int64]:
    """Return the rows that a network is evaluated on: its validation events, then those of the test fold."""
    return np.concatenate([window.validation.rows, window.test_rows()])


def _logits(ensemble: MLPEnsemble, i: int, window: DijetWindow) -> torch.Tensor:
    table = torch.from_numpy(window.events.features[_scored_rows(window)])
    return ensemble.select([i]).predict(table)[0].cpu()


def _scored(
    trial: Trial, window: DijetWindow, output: NDArray[Any], extra: dict[str, float], bench: Bench
) -> Row:
    """Make the trial's row, from its outputs in [0, 1] on ``_scored_rows``; those of the test fold are saved.

    ``region_events`` and ``reference_events`` say how many of either class it was trained on.
    """
    validation: Labelled = window.validation
    n = len(validation.rows)
    auc = bench.metric(trial, "validation_auc")(validation.label, output[:n], validation.weight)
    loss = _cross_entropy(validation, output[:n].astype(np.float64))
    bench.save(trial, "scores", {"score": output[n:].astype(np.float32)})
    is_region = window.train.label == 1
    sizes = {"region_events": float(is_region.sum()), "reference_events": float((~is_region).sum())}
    return Row(trial.id, {"validation_loss": loss, "validation_auc": auc, **sizes, **extra})


def _cross_entropy(labelled: Labelled, output: NDArray[np.float64]) -> float:
    p = np.clip(np.where(labelled.label == 1, output, 1 - output), 1e-12, None)
    return float(-np.average(np.log(p), weights=labelled.weight))


class _Log:
    """Logs the curves of a pack.  ``validation_loss`` is that of the weights kept so far, as in the trial's
    row, so that a search judges a point that it stops as one that ends; ``epoch_loss`` is that of the epoch.
    """

    def __init__(self, trials: Sequence[Trial], bench: Bench) -> None:
        self.trials, self.bench = trials, bench
        self.best = [np.inf] * len(trials)

    def __call__(self, losses: Any) -> None:
        for i, train, epoch in zip(losses.networks, losses.train_loss, losses.validation_loss, strict=True):
            self.best[i] = min(self.best[i], float(epoch))
            curves = {"train_loss": train, "epoch_loss": epoch, "validation_loss": self.best[i]}
            self.bench.log(self.trials[i], curves, losses.epoch)


def _save_events(trials: Sequence[Trial], windows: Sequence[DijetWindow], bench: Bench) -> None:
    """Save the test folds' events, which all networks of a fold share, with the first trial of each."""
    saved: set[tuple[int, int, int, str]] = set()
    for trial, window in zip(trials, windows, strict=True):
        key = (id(window.events), window.window.index, window.fold, window.method)
        if key not in saved:
            saved.add(key)
            rows, events = window.test_rows(), window.events
            fields = ("event", "mjj", "process", "hunted")
            arrays = {name: getattr(events, name)[rows] for name in fields}
            bench.save(trial, "events", {"window": np.array(window.window.index), **arrays})
