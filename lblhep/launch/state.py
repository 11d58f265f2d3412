"""While a launch runs, its state counts and logs each committed pack, and completes groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.launch.store import packs, tables
from lblhep.launch.workers.launcher import Combined, Done, Exhausted, Started

if TYPE_CHECKING:
    from lblhep.launch.live_curves import LiveCurves
    from lblhep.launch.mlflow_log import MlflowLog
    from lblhep.launch.progress import ProgressCounter
    from lblhep.launch.workers.launcher import Event, Launcher
    from lblhep.trials import Group, Plan


class LaunchState:
    """Keeps what the driver knows of one launch.

    Args:
        path: the launch's directory.
        plan: its packs and groups; each group of a scan is combined once its last trial is there.
        counter: counts trials.
        log: logs packs and groups in MLflow.
        curves: logs what packs write while they run.
    """

    def __init__(
        self, path: Path, plan: Plan, counter: ProgressCounter, log: MlflowLog, curves: LiveCurves
    ) -> None:
        self._path, self._plan = path, plan
        self._counter, self._log, self._curves = counter, log, curves
        self._groups = {group.id: group for group in plan.groups}
        self._pack_of = {trial.id: pack.id for pack in plan.packs for trial in pack.trials}
        self._missing = {group.id: set(group.trials) for group in plan.groups}
        self._combined_before = packs.committed_groups(path)
        self.reasons: Counter[str] = Counter()
        """Why trials failed (the first line of each error), and how many did."""
        self.problems: list[str] = []
        """What went wrong without stopping the launch: groups that could not be combined, the report."""

    def take_event(self, event: Event, launcher: Launcher) -> str:
        """Take up what the launcher says.  Returns what there is to tell of it, mostly nothing."""
        if isinstance(event, Started):
            # In this order: what is left of a worker that died is logged, and then no step of the pack.
            self._curves.start(event.pack, self._plan.groups_of(event.pack))
            self._counter.started(event.pack)
        elif isinstance(event, Done):
            self._curves.stop(event.pack)
            return self.record_pack(event.pack, launcher, here=True)
        elif isinstance(event, Combined):
            return self._take_group(event.group, event.error)
        elif isinstance(event, Exhausted):
            self._counter.reduce_total(event.trials)
            return f"the sampler has no more points: {event.missing} fewer than trials.points={event.asked}"
        return ""

    def record_pack(self, pack_id: str, launcher: Launcher, *, here: bool) -> str:
        """Record a committed pack: count it, log it, have the groups combined that it completes.

        Args:
            pack_id: the pack's id.
            launcher: combines the groups.
            here: whether this driver ran it; else it was found on resuming.

        Returns:
            What there is to tell of it, mostly nothing.
        """
        rows, about = tables.read_rows(self._path, pack_id), packs.read_about(self._path, pack_id)
        pack = self._plan.pack_of(pack_id, about.get("point"))
        group_of = self._plan.groups_of(pack)
        self._counter.committed(pack, rows, about, here)
        self._log.log_pack(pack, rows, group_of, about.get("seconds", 0.0))
        if (point := self._plan.point_of(pack)) is not None:
            self._log_point(point, about)
        for trial, group in group_of.items():
            self._combine_if_complete(trial, group, launcher, here)
        failures = packs.read_failures(self._path, pack_id)
        self.reasons.update((failure.error.splitlines() or [""])[0] for failure in failures)
        if failures and here:
            return f"trial {failures[0].trial} failed: {failures[0].error}"
        return "; ".join(about.get("notices", ())) if here else ""

    def _log_point(self, point: Group, about: Mapping[str, Any]) -> None:
        """Log a search's point: it is a group, which the worker has combined already."""
        if packs.group_directory(self._path, point.id).is_dir():
            self._log.log_group(point, None)
        else:
            self._log.log_group(point, "pruned" if about.get("pruned") else "failed")

    def _combine_if_complete(self, trial: str, group: Group, launcher: Launcher, here: bool) -> None:
        """Combine the group of a trial that has come in, if it was the last that the group waited for."""
        if group.id not in self._missing:
            return
        self._missing[group.id].discard(trial)
        if self._missing[group.id]:
            return
        if group.id in self._combined_before and not here:
            self._log.log_group(group, None)
        else:
            launcher.combine(group, {member: self._pack_of[member] for member in group.trials})

    def _take_group(self, group_id: str, error: str | None) -> str:
        self._log.log_group(self._groups[group_id], error)
        if error is not None:
            self.problems.append(error)
        return error or ""
