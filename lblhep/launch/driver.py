"""The driver takes a recipe to a finished launch."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lblhep import components
from lblhep.atomic import remove_directory
from lblhep.errors import LaunchError
from lblhep.launch.finish import LaunchEnd, announce
from lblhep.launch.live_curves import LiveCurves
from lblhep.launch.mlflow_log import MlflowLog
from lblhep.launch.progress import Launch, Progress, ProgressCounter
from lblhep.launch.signals import Signals, Terminated, sigterm_interrupts
from lblhep.launch.state import LaunchState
from lblhep.launch.store import directory as directories
from lblhep.launch.store import inputs, packs
from lblhep.launch.store import resume as resuming
from lblhep.launch.store.directory import LaunchDirectory
from lblhep.launch.workers.execute import LaunchContext
from lblhep.launch.workers.launcher import Serial
from lblhep.launch.workers.search_space import read_failed_points, read_past_points
from lblhep.local_ray import cluster_address
from lblhep.tracking import own_uri, shown_uri
from lblhep.trials import Plan, ScanPlan, plan
from lblhep.waiting import WAIT_LIMIT_SECONDS

if TYPE_CHECKING:
    from lblhep.launch.workers.launcher import Event, Launcher
    from lblhep.recipe import Recipe

Observe = Callable[[Progress], None]


def launch(
    recipe: Recipe,
    *,
    resume: str | bool = False,
    serial: bool = False,
    force: bool = False,
    observe: Observe = lambda progress: None,
    wait: float = WAIT_LIMIT_SECONDS,
) -> Launch:
    """Run a recipe: all its packs, groups and its report; every trial into MLflow.

    Args:
        recipe: the recipe, with profile and overrides applied.
        resume: go on with an earlier launch: its id, or True for the newest unfinished one of this recipe.
            Finished packs are not run again; failed ones are.
        serial: run in this process, without Ray.
        force: resume although recipe, code or data changed; the launch is marked as mixed.
        observe: called with a snapshot at every event, and a few times a second in between.
        wait: seconds that a Ray cluster or an MLflow server has to answer.

    Returns:
        How it ended; Ctrl-C and SIGTERM are ends like any other (state ``interrupted``).

    Raises:
        LaunchError: it cannot start, be resumed, or be written to.
        TrackingError: the MLflow store cannot be used.  If it gives out half-way, the launch ends first.
        CardError: data are missing or damaged.
        ComponentError: the task or a search's sampler or scheduler does not load.
    """
    components.on_path(recipe.workspace)
    batches_over = getattr(components.load(recipe.task.use), "batches_over", ())
    planned = plan(recipe, tuple(batches_over))
    inputs.check_data(recipe)
    if resume:
        directory = resuming.find(recipe, None if resume is True else resume)
        changes = resuming.changes(recipe, directory)
        if not force:
            resuming.refuse(changes)
    else:
        directory, changes = directories.create(recipe, planned.partition), {}
    try:
        with directory.held():
            if changes:  # for ever: packs of both may be in it from now on
                directory.update(mixed=sorted({*directory.info.get("mixed", []), *changes}))
            return Driver(recipe, directory, planned, observe, wait).run(serial, resumed=bool(resume))
    except OSError as error:
        raise LaunchError(
            f"{error.filename or directory.path}: {error.strerror or error}; finished packs are kept. "
            f"Mend that, then go on with the same command and --resume {directory.id}"
        ) from error


class Driver:
    """Runs one launch once, for whoever holds its lock.

    Args:
        recipe: the launch's recipe.
        directory: the launch's directory.
        planned: the recipe's plan, as it would be cut today.
        observe: called with snapshots.
        wait: seconds that a Ray cluster or an MLflow server has to answer.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: LaunchDirectory,
        planned: Plan,
        observe: Observe,
        wait: float,
    ) -> None:
        self._recipe, self._directory, self._observe, self._wait = recipe, directory, observe, wait
        self._plan = resuming.kept_plan(planned, directory)
        self._counter = ProgressCounter(recipe)

    def run(self, serial: bool, resumed: bool) -> Launch:
        """Run what is missing, then finish.  The first snapshot is told once nothing hinders the start."""
        damage = resuming.clear(self._directory) if resumed else []
        self._log = self._open_log(fresh=not resumed)
        path = self._directory.path
        self._curves = LiveCurves(path, self._log, self._counter)
        self._state = LaunchState(path, self._plan, self._counter, self._log, self._curves)
        with sigterm_interrupts() as signals:
            end = LaunchEnd(
                self._recipe,
                self._directory,
                self._state,
                self._counter,
                self._log,
                self._tell,
                signals.ignore_signals,
            )
            try:
                for line in damage:
                    self._tell(line)
                return self._to_an_end(serial, resumed, end, signals)
            except BaseException:  # of the disk, Ray, an observer: the launch must not look alive
                end.broken_off()
                raise

    def _to_an_end(self, serial: bool, resumed: bool, end: LaunchEnd, signals: Signals) -> Launch:
        """Bring the launch to one of the two ends that it is meant to have."""
        try:
            self._note_store()
            if warning := announce(self._recipe, self._directory.id, "started", self._counter.snapshot()):
                self._tell(warning)
            self._tell("starting" if serial else _starting_ray())
            with self._launcher(serial) as launcher:
                signals.listen()
                self._run_packs(launcher, resumed)
            return end.finished()
        except KeyboardInterrupt as stop:
            return end.interrupted(signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)

    def _note_store(self) -> None:
        """Write down where the launch is logged; a store other than before has it anew, from the packs."""
        store, own = shown_uri(self._recipe.workspace), own_uri(self._recipe.workspace)
        logged, before = self._directory.info["run_id"], self._directory.info.get("store") or own
        stated = None if store == own else store  # the workspace may be copied, and its store with it
        self._directory.update(state="running", run_id=self._log.run_id, store=stated)
        if logged is not None and before != store:
            self._tell(f"logged into {store} from now on, before into {before}")

    def _open_log(self, fresh: bool) -> MlflowLog:
        try:
            return MlflowLog(self._recipe, self._directory, self._wait)
        except BaseException:  # Ctrl-C too: it may wait for a server
            if fresh:  # nothing has run yet: leave nothing behind
                remove_directory(self._directory.path)
            raise

    def _launcher(self, serial: bool) -> Launcher:
        context = LaunchContext(self._recipe, self._directory.path)
        if serial:
            return Serial(context, written=self._show_curves)
        from lblhep.launch.workers.tune import RayTune

        return RayTune(context, self._plan, self._wait)

    def _run_packs(self, launcher: Launcher, resumed: bool) -> None:
        """Run all that is not committed yet; groups are combined as they become complete.

        If all fails from the start, the others are not tried: they would cost hours to say the same.  Who
        resumes such a launch has been told, and wants them tried.
        """
        committed = packs.committed(self._directory.path)
        if self._plan.partition is not None:
            committed &= self._plan.partition.keys()
        for pack in sorted(committed):
            self._state.record_pack(pack, launcher, here=False)
        self._tell(launcher.notice or "the first packs are starting")
        events = self._start(launcher, committed)
        try:
            for stream in (events, launcher.combining()):
                for event in stream:
                    self._tell(self._state.take_event(event, launcher))
                    self._curves.poll()
                    if self._counter.all_failed and not resumed:
                        return
        except KeyboardInterrupt:
            self._tell("stopping: packs that still run are given up")
            raise

    def _start(self, launcher: Launcher, committed: set[str]) -> Iterator[Event]:
        """Start the packs of a scan, or points of a search, other than the committed ones."""
        if isinstance(self._plan, ScanPlan):
            return launcher.scan(self._plan.remaining(committed))
        path = self._directory.path
        again = read_failed_points(path, committed)
        new = [index for index in self._plan.remaining(committed) if index not in again]
        return launcher.search([*again, *new], read_past_points(path, committed), list(again.values()))

    def _show_curves(self) -> None:
        """Log what a pack has written that runs in this process."""
        self._curves.read()
        self._tell()

    def _tell(self, message: str = "") -> None:
        self._observe(self._counter.snapshot(message))


def _starting_ray() -> str:
    """Return what is done first, in words."""
    address = cluster_address()
    return f"joining the Ray cluster at {address}" if address else "starting Ray"
