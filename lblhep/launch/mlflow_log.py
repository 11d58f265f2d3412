"""Log a launch in MLflow, and go on without it when the store gives out.

The packs on disk are the truth; MLflow is a copy for people to browse.  So a store that fails in the middle
of a launch does not stop it: logging ends, the launch goes on, and a later ``--resume`` logs what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.errors import TrackingError
from lblhep.launch.store import packs, tables
from lblhep.launch.store.checksums import FORMAT
from lblhep.launch.store.inputs import cards
from lblhep.recipe import Recipe, cells
from lblhep.tracking import (
    About,
    CurvePoint,
    DataInput,
    Tracker,
    TrialRecord,
    analyze,
    explained,
    was_locked,
)
from lblhep.trials import Group, Pack

if TYPE_CHECKING:
    import pandas as pd

    from lblhep.launch.store.directory import LaunchDirectory

RETRY_PAUSES_SECONDS = (0.5, 2.0, None)
"""Seconds to wait after each attempt to log into a store that is locked; the last attempt has none."""


class MlflowLog:
    """Logs packs, live curves and groups of one launch.

    Args:
        recipe: the launch's recipe.
        directory: the launch's directory.
        wait: seconds that a store on a server has to answer.

    Raises:
        TrackingError: the store cannot be used from the start.
    """

    def __init__(self, recipe: Recipe, directory: LaunchDirectory, wait: float) -> None:
        self._workspace, self._directory = recipe.workspace, directory.path
        self._tracker = Tracker.open(recipe.workspace, _about(recipe, directory), wait)
        self.run_id = self._tracker.run_id
        self.broken: TrackingError | None = None
        self._names: dict[str, str] = {}

    def log_pack(self, pack: Pack, rows: pd.DataFrame, group_of: Mapping[str, Group], seconds: float) -> None:
        """Log a committed pack's trials.

        Args:
            pack: the pack.
            rows: its rows, as they are committed.
            group_of: the group of each trial, by its id; trials without one stand below the launch itself.
            seconds: how long the pack ran.
        """
        self._note_names(group_of)
        ended = (self._directory / "packs" / pack.id / "rows.parquet").stat().st_mtime
        records = _records(self._directory, pack, rows, group_of, (ended - seconds, ended))

        def curve(trial: str) -> list[CurvePoint]:
            return _curve(self._directory, pack.id, trial, ended)

        self._attempt(lambda: self._tracker.log_trials(records, self._names, curve))

    def log_curves(
        self, pack: Pack, points: Mapping[str, Sequence[CurvePoint]], group_of: Mapping[str, Group]
    ) -> None:
        """Log points of the curves of a pack that is running.

        Args:
            pack: the pack.
            points: the points of each trial, by its id.
            group_of: the group of each trial, as for ``log_pack``.
        """
        self._note_names(group_of)
        for trial in pack.trials:
            if trial.id in points:
                record = TrialRecord(
                    id=trial.id,
                    name=trial.name,
                    group=group_of[trial.id].id if trial.id in group_of else None,
                    point=cells(trial.point),
                    metrics={},
                    status="running",
                    started=points[trial.id][0].at,
                    ended=None,
                )
                self._attempt(partial(self._tracker.log_curve, record, points[trial.id], self._names))

    def _note_names(self, group_of: Mapping[str, Group]) -> None:
        self._names |= {group.id: group.name for group in group_of.values()}

    def log_group(self, group: Group, error: str | None) -> None:
        """Log a group that was combined, or could not be for the reason ``error``."""
        metrics = {} if error is not None else packs.read_group(self._directory, group.id)["metrics"]
        status = "finished" if error is None else "failed"
        self._attempt(lambda: self._tracker.log_group(group.id, group.name, group.key, metrics, status))

    def finish(self, status: str, metrics: Mapping[str, float], artifacts: Iterable[Path]) -> None:
        """Close the launch's run with summary metrics, tables and report; make later searches quick."""

        def close() -> None:
            self._tracker.finish(status, metrics, artifacts)
            analyze(self._workspace)

        self._attempt(close)

    def _attempt(self, log: Callable[[], None]) -> None:
        """Log, again after a pause if the store is locked (MLflow itself has waited for 20 s each time)."""
        for pause in () if self.broken is not None else RETRY_PAUSES_SECONDS:
            try:
                with explained(self._workspace):
                    log()
                return
            except TrackingError as error:
                if pause is None or not was_locked(error):
                    self.broken = error
                    return
            time.sleep(pause)


def _records(
    directory: Path,
    pack: Pack,
    rows: pd.DataFrame,
    group_of: Mapping[str, Group],
    times: tuple[float, float],
) -> list[TrialRecord]:
    started, ended = times
    errors = {failure.trial: failure.error for failure in packs.read_failures(directory, pack.id)}
    metrics = [c for c in rows.columns if c not in ("trial", "name", "status", *cells(pack.trials[0].point))]
    by_id = {trial.id: trial for trial in pack.trials}
    return [
        TrialRecord(
            id=row["trial"],
            name=row["name"],
            group=group_of[row["trial"]].id if row["trial"] in group_of else None,
            point=cells(by_id[row["trial"]].point),
            metrics={name: row[name] for name in metrics} if row["status"] == "finished" else {},
            status=row["status"],
            started=started,
            ended=ended,
            error=errors.get(row["trial"], ""),
        )
        for row in rows.to_dict("records")
    ]


def _curve(directory: Path, pack: str, trial: str, at: float) -> list[CurvePoint]:
    """Return the curve of a trial of a committed pack.

    NaNs are left out: in the table they also mean that there is no value.  All points get the time ``at``,
    since the table does not say when they were logged.
    """
    table = tables.read_tables(directory, "curves", only=[pack])
    metrics = [str(name) for name in table if name not in ("trial", "step")]
    return [
        CurvePoint(int(row["step"]), {name: row[name] for name in metrics if row[name] == row[name]}, at)
        for row in table[table["trial"] == trial].to_dict("records")
    ]


def _about(recipe: Recipe, directory: LaunchDirectory) -> About:
    data = directory.info.get("data", {})
    inputs = [
        DataInput(card.name, data[card.name], f"data_cards/{card.file.name}")
        for card in cards(recipe)
        if card.name in data
    ]
    digests = {"recipe_digest": directory.info["recipe_digest"], "code_digest": directory.info["code_digest"]}
    tags = {f"lblhep.{name}": value for name, value in digests.items()}
    tags |= {"lblhep.study": recipe.study, "lblhep.format": str(FORMAT)}
    if "mixed" in directory.info:
        tags["lblhep.mixed"] = ", ".join(directory.info["mixed"])
    return About(
        launch=directory.id,
        # The experiment of the launch when it began: its runs stay together.  (Older launches lack it.)
        experiment=directory.info.get("experiment") or recipe.tracking.experiment or recipe.study,
        title=recipe.title,
        params={"study": recipe.study, "seed": recipe.seed, "kind": recipe.trials.kind}
        | digests
        | _flat(recipe),
        tags=tags,
        files=[directory.path / "recipe.yaml"],
        source=recipe.file.relative_to(recipe.workspace).as_posix(),
        inputs=inputs,
    )


def _flat(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of task, models and data sets under their dotted addresses."""
    flat: dict[str, Any] = {}

    def walk(address: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, below in value.items():
                walk(f"{address}.{key}", below)
        elif value is not None:
            flat[address] = value

    content = recipe.model_dump(mode="json", include={"task", "models", "datasets"})
    for section in ("task", "models", "datasets"):
        walk(section, content[section])
    return flat
