"""The driver: from a recipe to a finished launch."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lblhep import components
from lblhep.atomic import remove_directory
from lblhep.errors import LaunchError
from lblhep.launch import data, packs
from lblhep.launch import directory as directories
from lblhep.launch import resume as resuming
from lblhep.launch.announce import announce
from lblhep.launch.bookkeeping import Books
from lblhep.launch.clearing import clear
from lblhep.launch.directory import LaunchDirectory
from lblhep.launch.ending import Ending
from lblhep.launch.execute import Context
from lblhep.launch.launchers import Serial
from lblhep.launch.ledger import Ledger
from lblhep.launch.progress import Launch, Progress
from lblhep.launch.search import read_again, read_told
from lblhep.launch.stopping import Signals, Terminated, sigterm_interrupts
from lblhep.launch.tally import Tally
from lblhep.local_ray import cluster_address
from lblhep.recipe import Search
from lblhep.tracking import own_uri, shown_uri
from lblhep.trials import Plan, plan
from lblhep.waiting import LIMIT

if TYPE_CHECKING:
    from lblhep.launch.launchers import Event, Launcher
    from lblhep.recipe import Recipe

Observe = Callable[[Progress], None]


def launch(
    recipe: Recipe,
    *,
    resume: str | bool = False,
    serial: bool = False,
    force: bool = False,
    observe: Observe = lambda progress: None,
    wait: float = LIMIT,
) -> Launch:
    """Run a recipe: all its packs, groups and its report; every trial into MLflow.

    Args:
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
    planned = None if isinstance(recipe.trials, Search) else plan(recipe, tuple(batches_over))
    data.check(recipe)
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
            return Driver(recipe, directory, planned, observe, wait).run(serial, resumed=bool(resume))
    except OSError as error:
        raise LaunchError(
            f"{error.filename or directory.path}: {error.strerror or error}; finished packs are kept. "
            f"Mend that, then go on with the same command and --resume {directory.id}"
        ) from error


class Driver:
    """One run of one launch, by whoever holds its lock."""

    def __init__(
        self,
        recipe: Recipe,
        directory: LaunchDirectory,
        planned: Plan | None,
        observe: Observe,
        wait: float,
    ) -> None:
        self._recipe, self._directory, self._observe, self._wait = recipe, directory, observe, wait
        self._packs = {} if planned is None else resuming.kept_partition(planned, directory)
        self._groups = () if planned is None else planned.groups
        self._tally = Tally(recipe)

    def run(self, serial: bool, resumed: bool) -> Launch:
        """Run what is missing, then finish.  The first snapshot is told once nothing hinders the start."""
        damage = clear(self._directory) if resumed else []
        ledger = self._open_ledger(fresh=not resumed)
        books = Books(self._recipe, self._directory.path, self._packs, self._groups, self._tally, ledger)
        with sigterm_interrupts() as signals:
            ending = Ending(self._recipe, self._directory, books, self._tell, signals.ignore)
            try:
                for line in damage:
                    self._tell(line)
                return self._to_an_end(serial, resumed, ending, books, signals)
            except BaseException:  # of the disk, Ray, an observer: the launch must not look alive
                ending.broken_off()
                raise

    def _to_an_end(
        self, serial: bool, resumed: bool, ending: Ending, books: Books, signals: Signals
    ) -> Launch:
        """One of the two ends that a launch is meant to have."""
        try:
            self._note_store(books)
            if warning := announce(self._recipe, self._directory.id, "started", self._tally.snapshot()):
                self._tell(warning)
            self._tell("starting" if serial else _starting_ray())
            with self._launcher(serial, books) as launcher:
                signals.listen()
                self._run_packs(launcher, books, resumed)
            return ending.finished()
        except KeyboardInterrupt as stop:
            return ending.interrupted(signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)

    def _note_store(self, books: Books) -> None:
        """Write down where the launch is logged; a store other than before has it anew, from the packs."""
        store, own = shown_uri(self._recipe.workspace), own_uri(self._recipe.workspace)
        logged, before = self._directory.info["run_id"], self._directory.info.get("store") or own
        stated = None if store == own else store  # the workspace may be copied, and its store with it
        self._directory.update(state="running", run_id=books.ledger.run_id, store=stated)
        if logged is not None and before != store:
            self._tell(f"logged into {store} from now on, before into {before}")

    def _open_ledger(self, fresh: bool) -> Ledger:
        try:
            return Ledger(self._recipe, self._directory, self._wait)
        except BaseException:  # Ctrl-C too: it may wait for a server
            if fresh:  # nothing has run yet: leave nothing behind
                remove_directory(self._directory.path)
            raise

    def _launcher(self, serial: bool, books: Books) -> Launcher:
        context = Context(self._recipe, self._directory.path)
        if serial:
            return Serial(context, written=lambda: self._look(books))
        from lblhep.launch.tune import RayTune

        return RayTune(context, self._wait)

    def _run_packs(self, launcher: Launcher, books: Books, resumed: bool) -> None:
        """All that is not committed yet; groups are combined as they become complete.

        If all fails from the start, the others are not tried: they would cost hours to say the same.  Who
        resumes such a launch has been told, and wants them tried.
        """
        there = packs.committed(self._directory.path)
        if self._packs:
            there &= self._packs.keys()
        for pack in sorted(there):
            books.pack(pack, launcher, here=False)
        self._tell(launcher.notice or "the first packs are starting")
        events = self._start(launcher, there)
        try:
            for stream in (events, launcher.combining()):
                for event in stream:
                    self._tell(books.event(event, launcher))
                    books.spectator.glance()
                    if self._tally.hopeless and not resumed:
                        return
        except KeyboardInterrupt:
            self._tell("stopping: packs that still run are given up")
            raise

    def _start(self, launcher: Launcher, there: set[str]) -> Iterator[Event]:
        """Packs of a scan, or points of a search, other than those that are there."""
        search = self._recipe.trials
        if not isinstance(search, Search):
            return launcher.scan([pack for pack in self._packs.values() if pack.id not in there])
        again = read_again(self._directory.path, there)
        new = [index for index in range(search.points) if index not in again and f"{index:06d}" not in there]
        told = read_told(self._directory.path, there)
        return launcher.search([*again, *new], told, list(again.values()))

    def _look(self, books: Books) -> None:
        """What a pack has logged that runs in this process."""
        books.spectator.look()
        self._tell()

    def _tell(self, message: str = "") -> None:
        self._observe(self._tally.snapshot(message))


def _starting_ray() -> str:
    """What is done first, in words."""
    address = cluster_address()
    return f"joining the Ray cluster at {address}" if address else "starting Ray"
