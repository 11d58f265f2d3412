"""Bookkeeping while a launch runs: each pack that lies committed is counted, logged, and completes groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.launch import packs, tables
from lblhep.launch.launchers import Combined, Done, Exhausted, Started
from lblhep.launch.live import Spectator
from lblhep.recipe import Search
from lblhep.trials import Group, Pack, point_group, point_pack

if TYPE_CHECKING:
    from lblhep.launch.launchers import Event, Launcher
    from lblhep.launch.ledger import Ledger
    from lblhep.launch.tally import Tally
    from lblhep.recipe import Recipe


class Books:
    """The driver's books of one launch.

    Args:
        path: the launch's directory.
        cut: the packs of a scan, by id; none for a search, where a pack says itself which point it is.
        groups: the groups of a scan, of which each is combined once its last trial is there.
    """

    def __init__(
        self,
        recipe: Recipe,
        path: Path,
        cut: Mapping[str, Pack],
        groups: Iterable[Group],
        tally: Tally,
        ledger: Ledger,
    ) -> None:
        self._recipe, self._path, self.tally, self.ledger = recipe, path, tally, ledger
        self.spectator = Spectator(path, ledger, tally)
        self._packs = cut
        self._pack_of = {trial.id: pack.id for pack in cut.values() for trial in pack.trials}
        self._groups = {group.id: group for group in groups}
        self._group_of = {trial: group for group in self._groups.values() for trial in group.trials}
        self._missing = {group.id: set(group.trials) for group in self._groups.values()}
        self._combined_before = packs.committed_groups(path)
        self.reasons: Counter[str] = Counter()
        """Why trials failed (the first line of each error) and how many did."""
        self.problems: list[str] = []
        """What went wrong without stopping the launch: groups that could not be combined, the report."""

    def event(self, event: Event, launcher: Launcher) -> str:
        """Take up what the launcher says.  Returns what there is to tell of it, mostly nothing."""
        if isinstance(event, Started):
            # In this order: what is left of a worker that died is logged, and then no step of the pack.
            self.spectator.started(event.pack, self._groups_of(event.pack))
            self.tally.started(event.pack)
        elif isinstance(event, Done):
            self.spectator.done(event.pack)
            return self.pack(event.pack, launcher, here=True)
        elif isinstance(event, Combined):
            return self._combined(event.group, event.error)
        elif isinstance(event, Exhausted):
            search = self._recipe.trials
            assert isinstance(search, Search)
            self.tally.fewer(event.missing * search.replicates_total)
            return f"the sampler has no more points: {event.missing} fewer than trials.points={search.points}"
        return ""

    def pack(self, pack_id: str, launcher: Launcher, *, here: bool) -> str:
        """Take up a committed pack: count it, log it, have the groups combined that it completes.

        Args:
            here: it was run by this driver, not found on resuming.
        """
        rows, about = tables.read_rows(self._path, pack_id), packs.read_about(self._path, pack_id)
        if isinstance(self._recipe.trials, Search):
            pack = point_pack(self._recipe, int(pack_id), about["point"])
        else:
            pack = self._packs[pack_id]
        group_of = self._groups_of(pack)
        self.tally.committed(pack, rows, about, here)
        self.ledger.pack(pack, rows, group_of, about.get("seconds", 0.0))
        if isinstance(self._recipe.trials, Search):
            self._log_point(point_group(pack), about)
        for trial, group in group_of.items():
            self._strike(trial, group, launcher, here)
        failures = packs.read_failures(self._path, pack_id)
        self.reasons.update((failure.error.splitlines() or [""])[0] for failure in failures)
        if failures and here:
            return f"trial {failures[0].trial} failed: {failures[0].error}"
        return "; ".join(about.get("notices", ())) if here else ""

    def _groups_of(self, pack: Pack) -> dict[str, Group]:
        """Trial id -> its group; a search's point is one."""
        if isinstance(self._recipe.trials, Search):
            point = point_group(pack)
            return dict.fromkeys(point.trials, point)
        return {t.id: self._group_of[t.id] for t in pack.trials if t.id in self._group_of}

    def _log_point(self, point: Group, about: Mapping[str, Any]) -> None:
        """A search's point is its group, combined by the worker already."""
        if packs.group_directory(self._path, point.id).is_dir():
            self.ledger.group(point, None)
        else:
            self.ledger.group(point, "pruned" if about.get("pruned") else "failed")

    def _strike(self, trial: str, group: Group, launcher: Launcher, here: bool) -> None:
        """One trial less to wait for; the last one sets its group going."""
        if group.id not in self._missing:
            return
        self._missing[group.id].discard(trial)
        if self._missing[group.id]:
            return
        if group.id in self._combined_before and not here:
            self.ledger.group(group, None)
        else:
            launcher.combine(group, {member: self._pack_of[member] for member in group.trials})

    def _combined(self, group_id: str, error: str | None) -> str:
        self.ledger.group(self._groups[group_id], error)
        if error is not None:
            self.problems.append(error)
        return error or ""
