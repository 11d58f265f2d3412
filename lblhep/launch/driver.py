"""The driver: from a recipe to a finished launch."""

from __future__ import annotations

import math
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep import components
from lblhep.errors import LaunchError, LblhepError
from lblhep.launch import commit, packs, tables
from lblhep.launch import directory as directories
from lblhep.launch import resume as resuming
from lblhep.launch.directory import LaunchDirectory
from lblhep.launch.execute import Context
from lblhep.launch.progress import Launch, Progress
from lblhep.launch.stopping import Terminated, sigterm_interrupts
from lblhep.recipe import Search
from lblhep.trials import Group, Pack, Plan, plan, point_group, point_pack

if TYPE_CHECKING:
    from lblhep.launch.launchers import Event, Launcher
    from lblhep.launch.ledger import Ledger
    from lblhep.recipe import Recipe

Observe = Callable[[Progress], None]


def launch(
    recipe: Recipe,
    *,
    resume: str | bool = False,
    serial: bool = False,
    force: bool = False,
    observe: Observe = lambda progress: None,
) -> Launch:
    """Run a recipe: all its packs, groups and its report; every trial into MLflow.

    Args:
        resume: go on with an earlier launch: its id, or True for the newest unfinished one of this recipe.
            Finished packs are not run again; failed ones are.
        serial: run in this process, without Ray.
        force: resume although recipe, code or data changed; the launch is marked as mixed.
        observe: called with a snapshot at every event, and a few times a second in between.

    Returns:
        How it ended; Ctrl-C and SIGTERM are ends like any other (state ``interrupted``).

    Raises:
        LaunchError: it cannot start, be resumed, or be written to.
        TrackingError: the MLflow store cannot be used.  If it gives out half-way, the launch ends first.
        ComponentError: the task or a search's sampler or scheduler does not load.
    """
    components.on_path(recipe.workspace)
    batches_over = getattr(components.load(recipe.task.use), "batches_over", ())
    planned = None if isinstance(recipe.trials, Search) else plan(recipe, tuple(batches_over))
    if resume:
        directory = resuming.find(recipe, None if resume is True else resume)
        changes = resuming.changes(recipe, directory)
        if not force:
            resuming.refuse(changes)
    else:
        cut = None if planned is None else {pack.id: [t.id for t in pack.trials] for pack in planned.packs}
        directory, changes = directories.create(recipe, cut), {}
    try:
        with directory.held():
            if changes:  # for ever: packs of both may be in it from now on
                directory.update(mixed=sorted({*directory.info.get("mixed", []), *changes}))
            return Driver(recipe, directory, planned, observe).run(serial, resumed=bool(resume))
    except OSError as error:
        raise LaunchError(
            f"{error.filename or directory.path}: {error.strerror or error}; finished packs are kept. "
            f"Mend that, then go on with the same command and --resume {directory.id}"
        ) from error


class Driver:
    """One run of one launch, by whoever holds its lock."""

    def __init__(
        self, recipe: Recipe, directory: LaunchDirectory, planned: Plan | None, observe: Observe
    ) -> None:
        from lblhep.launch.tally import Tally

        self._recipe, self._directory, self._observe = recipe, directory, observe
        self._search = recipe.trials if isinstance(recipe.trials, Search) else None
        self._packs = {} if planned is None else _kept_partition(planned, directory)
        groups = () if planned is None else planned.groups
        self._group_of = {trial: group for group in groups for trial in group.trials}
        self._groups = {group.id: group for group in groups}
        self._missing = {group.id: set(group.trials) for group in groups}
        self._pack_of = {trial.id: pack.id for pack in self._packs.values() for trial in pack.trials}
        self._tally = Tally(recipe)
        self._problems: list[str] = []

    def run(self, serial: bool, resumed: bool) -> Launch:
        """Run what is missing, then finish."""
        self._tell("opening the MLflow store")
        if resumed:
            self._clear()
        self._ledger = self._open_ledger(fresh=not resumed)
        self._directory.update(state="running", run_id=self._ledger.run_id)
        self._notify("started")
        with sigterm_interrupts() as listen:
            try:
                self._tell("starting" if serial else "starting Ray")
                with self._launcher(serial) as launcher:
                    listen()
                    self._run_packs(launcher)
                state = "failed" if self._tally.failed or self._problems else "finished"
                return self._finish(state)
            except KeyboardInterrupt as stop:
                return self._interrupted(signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)

    def _open_ledger(self, fresh: bool) -> Ledger:
        from lblhep.launch.ledger import Ledger

        try:
            return Ledger(self._recipe, self._directory)
        except LblhepError:
            if fresh:  # nothing has run yet: leave nothing behind
                shutil.rmtree(self._directory.path)
            raise

    def _clear(self) -> None:
        """Before a resumed launch goes on: what its end had written, and what failed, is made again."""
        commit.sweep(self._directory.path)
        for name in ("rows", "curves", "groups"):
            (self._directory.path / f"{name}.parquet").unlink(missing_ok=True)
        self._directory.forget_failures()

    def _launcher(self, serial: bool) -> Launcher:
        context = Context(self._recipe, self._directory.path)
        if serial:
            from lblhep.launch.launchers import Serial

            return Serial(context)
        from lblhep.launch.tune import RayTune

        return RayTune(context)

    def _run_packs(self, launcher: Launcher) -> None:
        """All that is not committed yet; groups are combined as they become complete."""
        from lblhep.launch.search import read_again, read_told

        there = packs.committed(self._directory.path)
        combined = packs.committed_groups(self._directory.path)
        for pack in sorted(there):
            self._committed(pack, launcher, combined, here=False)
        self._tell(launcher.notice or "the first packs are starting")
        if self._search is None:
            events = launcher.scan([pack for pack in self._packs.values() if pack.id not in there])
        else:
            again = read_again(self._directory.path, there)
            new = [i for i in range(self._search.points) if i not in again and f"{i:06d}" not in there]
            told = read_told(self._directory.path, there)
            events = launcher.search([*again, *new], told, list(again.values()))
        try:
            for stream in (events, launcher.combining()):
                for event in stream:
                    self._handle(event, launcher)
        except KeyboardInterrupt:
            self._tell("stopping: packs that still run are given up")
            raise

    def _handle(self, event: Event, launcher: Launcher) -> None:
        from lblhep.launch.launchers import Combined, Done, Started

        message = ""
        if isinstance(event, Started):
            self._tally.started(event.pack, event.trials)
        elif isinstance(event, Done):
            message = self._committed(event.pack, launcher, set(), here=True)
        elif isinstance(event, Combined):
            message = self._combined(event.group, event.error)
        self._tell(message)

    def _committed(self, pack_id: str, launcher: Launcher, combined: set[str], here: bool) -> str:
        """Take up a pack that lies committed on disk: count it, log it, see which groups it completes."""
        path = self._directory.path
        rows, about = tables.read_rows(path, pack_id), packs.read_about(path, pack_id)
        pack = self._pack(pack_id, about)
        self._tally.committed(pack, rows, about, here)
        if self._search is not None:
            group = point_group(pack)
            self._group_of |= dict.fromkeys(group.trials, group)
        self._ledger.pack(
            pack, rows, {t.id: self._group_of[t.id] for t in pack.trials if t.id in self._group_of}
        )
        if self._search is not None:
            self._log_point(group, about)
        for trial in pack.trials:
            self._strike(trial.id, launcher, combined)
        failures = packs.read_failures(path, pack_id)
        if failures and here:
            return f"trial {failures[0].trial} failed: {failures[0].error}"
        if here and math.isnan(about.get("objective", 0)):
            return f"point {pack_id} has no objective: that of a replicate is not a number"
        return ""

    def _pack(self, pack_id: str, about: Mapping[str, object]) -> Pack:
        if self._search is None:
            return self._packs[pack_id]
        return point_pack(self._recipe, int(pack_id), about["point"])  # type: ignore[arg-type]

    def _log_point(self, group: Group, about: Mapping[str, object]) -> None:
        """A search's point is its group, combined by the worker already."""
        if packs.group_directory(self._directory.path, group.id).is_dir():
            self._ledger.group(group, None)
        else:
            self._ledger.group(group, "pruned" if about.get("pruned") else "failed")

    def _strike(self, trial: str, launcher: Launcher, combined: set[str]) -> None:
        """One trial less to wait for; the last one sets its group going."""
        group = self._group_of.get(trial)
        if group is None or group.id not in self._missing:
            return
        self._missing[group.id].discard(trial)
        if self._missing[group.id]:
            return
        if group.id in combined:
            self._ledger.group(group, None)
        else:
            launcher.combine(group, {member: self._pack_of[member] for member in group.trials})

    def _combined(self, group_id: str, error: str | None) -> str:
        self._ledger.group(self._groups[group_id], error)
        if error is not None:
            self._problems.append(error)
        return error or ""

    def _finish(self, state: str) -> Launch:
        """Tables, report, MLflow, state: in this order, so that a kill in between can be resumed."""
        from lblhep.launch.view import LaunchView

        self._tell("writing tables and report")
        view = LaunchView(self._directory.path)
        written = []
        for name, table in (("rows", view.rows), ("groups", view.groups), ("curves", view.curves)):
            if len(table):
                written.append(self._directory.path / f"{name}.parquet")
                tables.write_table(table, written[-1])
        headline, page = self._render()
        state = "failed" if self._problems else state
        progress = self._tally.snapshot()
        counts = {"trials": progress.done, "failed": progress.failed, "pruned": progress.pruned}
        numbers = {name: value for name, value in headline.items() if isinstance(value, int | float)}
        artifacts = [*written, *([] if page is None else [page.parent])]
        self._ledger.finish(state, numbers | counts, artifacts)
        self._directory.update(state="failed" if self._ledger.broken else state, ended=time.time())
        self._notify(state, headline)
        if self._ledger.broken is not None:
            raise self._ledger.broken
        return self._outcome(state, headline=headline, report=page)

    def _render(self) -> tuple[Mapping[str, str | float], Path | None]:
        """The report; one that fails costs a line, not the launch."""
        from lblhep.launch.execute import failure
        from lblhep.launch.report import render
        from lblhep.launch.view import LaunchView

        out = self._directory.path / "report"
        try:
            headline = render(LaunchView(self._directory.path), out)
        except Exception as error:  # a study's own code
            record = failure("", error)
            (self._directory.path / "report-error.txt").write_text(record.traceback)
            again = f"lblhep report {self._directory.id}"
            self._problems.append(
                f"the report failed: {record.error}; its traceback is in report-error.txt ({again})"
            )
            return {}, None
        return headline, out / "index.html"

    def _interrupted(self, stopped_by: int) -> Launch:
        self._directory.update(state="interrupted")
        self._ledger.finish("interrupted", {}, ())
        self._notify("interrupted")
        how = f"go on with the same command and --resume (or --resume {self._directory.id})"
        message = f"stopped; all finished packs are kept: {how}"
        return self._outcome("interrupted", message=message, stopped_by=stopped_by)

    def _outcome(
        self,
        state: str,
        headline: Mapping[str, str | float] | None = None,
        report: Path | None = None,
        message: str = "",
        stopped_by: int = 0,
    ) -> Launch:
        again = f"to try what failed again: the same command with --resume {self._directory.id}"
        return Launch(
            id=self._directory.id,
            directory=self._directory.path,
            state=state,
            progress=self._tally.snapshot(),
            headline=headline or {},
            report=report,
            problems=tuple(self._problems),
            message=message or (again if state == "failed" else ""),
            tracking_uri=self._ledger.uri,
            run_id=self._ledger.run_id,
            stopped_by=stopped_by,
        )

    def _notify(self, event: str, headline: Mapping[str, str | float] | None = None) -> None:
        wanted = self._recipe.notify
        if wanted is None or event not in wanted.on:
            return
        from lblhep.notify import send

        progress = self._tally.snapshot()
        lines = [f"{progress.done} of {progress.total} trials done, {progress.failed} failed"]
        lines += [f"{name}: {value}" for name, value in (headline or {}).items()]
        warning = send(wanted.urls_env, f"{self._directory.id} {event}", "\n".join(lines + self._problems))
        if warning:
            self._tell(warning)

    def _tell(self, message: str = "") -> None:
        self._observe(self._tally.snapshot(message))


def _kept_partition(planned: Plan, directory: LaunchDirectory) -> dict[str, Pack]:
    """The packs as they were cut when the launch began, whatever the task would batch now."""
    trials = {trial.id: trial for trial in planned.trials}
    partition = directory.partition or {}
    if {trial for ids in partition.values() for trial in ids} != trials.keys():
        raise LaunchError(
            f"launch {directory.id} is of {sum(map(len, partition.values()))} trials, this recipe has "
            f"{len(trials)}: start anew without --resume"
        )
    return {pack: Pack(pack, tuple(trials[trial] for trial in ids)) for pack, ids in partition.items()}
