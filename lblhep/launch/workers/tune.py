"""Launch every pack as a Ray Tune trial, on this machine or on a cluster (``RAY_ADDRESS``)."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from lblhep.errors import LaunchError
from lblhep.launch.workers import search_space as searching
from lblhep.launch.workers.execute import LaunchContext, combine_group
from lblhep.launch.workers.launcher import Combined, Done, Event, exhausted
from lblhep.launch.workers.search_space import PastPoint
from lblhep.local_ray import POLL_SECONDS, check_alive, cluster_address, died, ray_running
from lblhep.temporary import temporary_folder
from lblhep.trials import Group, Pack, Plan
from lblhep.waiting import WAIT_LIMIT_SECONDS

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # 0.7 s a trial, for files that nobody reads
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a search's point that failed has no objective
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # components may read files of the working directory
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints tables even when told to be silent
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}


class RayTune:
    """Runs Tune in a thread, so that the driver sees each pack's end as it comes.

    Args:
        context: the launch.
        plan: the launch's plan, which is shipped to the workers.
        wait: seconds that a Ray cluster has to answer.
    """

    notice = ""

    def __init__(self, context: LaunchContext, plan: Plan, wait: float = WAIT_LIMIT_SECONDS) -> None:
        self._context, self._plan, self._wait = context, plan, wait
        self._ray = ExitStack()
        self._events: queue.Queue[Event | BaseException] = queue.Queue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._combining = CombineThread(context, self._events.put, self._stop)
        self._uncombined = 0

    def __enter__(self) -> RayTune:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        ours = not ray.is_initialized() and not cluster_address()
        wanted = self._context.recipe.resources
        with ExitStack() as stack:
            stack.enter_context(ray_running(wait=self._wait, cpu=wanted.cpu, gpu=wanted.gpu))
            if ours:
                self._check_resources(ray.cluster_resources())
            self._ray = stack.pop_all()
        for name in ("ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return self

    def _check_resources(self, available: dict[str, float]) -> None:
        """Raise LaunchError for a CPU or GPU that is not there: Tune would wait for it for ever."""
        wanted = self._context.recipe.resources
        for name, amount in (("cpu", wanted.cpu), ("gpu", wanted.gpu)):
            have = available.get(name.upper(), 0)
            if amount > have:
                raise LaunchError(
                    f"resources.{name}: each pack asks for {amount:g}, this machine has {have:g}; "
                    f"try resources.{name}={have:g}"
                )

    def _check_alive(self) -> None:
        again = f"the same command and --resume {self._context.directory.name}"
        check_alive(f"finished packs are kept. Go on with {again}")

    def __exit__(self, *exception: object) -> None:
        with self._ray:
            self._stop.set()
            if died():  # nobody is left who could answer
                return
            if self._thread is not None:
                self._thread.join()
            self._combining.join()

    def scan(self, packs: Sequence[Pack]) -> Iterator[Event]:
        from ray import tune

        if packs:
            yield from self._run({"pack": tune.grid_search([pack.id for pack in packs])})

    def search(
        self, indices: Sequence[int], past: Sequence[PastPoint], again: Sequence[Mapping[str, Any]]
    ) -> Iterator[Event]:
        from lblhep.launch.workers.callbacks import PointSearch

        search = self._context.search
        assert search is not None
        if not indices:
            return
        scheduler = None if search.scheduler is None else searching.scheduler(search.scheduler)
        done = 0
        for event in self._run(
            {},
            num_samples=len(indices),
            search_alg=PointSearch(self._context.recipe, search, indices, past, again),
            scheduler=scheduler,
            metric=search.objective.metric,
            mode={"maximize": "max", "minimize": "min"}[search.objective.goal],
        ):
            done += isinstance(event, Done)
            yield event
        if done < len(indices):
            yield exhausted(search, len(indices) - done)

    def _run(self, param_space: dict[str, Any], **tune_config: Any) -> Iterator[Event]:
        """Start Tune's thread; yield what its callbacks say until it is over."""

        def fit() -> None:
            try:
                with temporary_folder() as storage:
                    self._fit(param_space, tune_config, str(storage))
            except BaseException as error:  # raised again in the driver's own thread, below
                self._events.put(error)

        self._thread = threading.Thread(target=fit, name="tune", daemon=True)
        self._thread.start()
        while self._thread.is_alive() or not self._events.empty():
            yield self._next()

    def _next(self) -> Event:
        """Return what the threads have to say, or None after a moment.  (Ray is not asked: it may hang.)"""
        try:
            event = self._events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            event = None
        self._check_alive()
        if isinstance(event, BaseException):
            raise event
        self._uncombined -= isinstance(event, Combined)
        return event

    def _fit(self, space: dict[str, Any], config: dict[str, Any], storage: str) -> None:
        from ray import tune

        from lblhep.launch.workers.callbacks import PackCallback, StopOnEvent
        from lblhep.launch.workers.trainable import PackTrainable

        resources = self._context.recipe.resources
        trainable = tune.with_resources(
            tune.with_parameters(PackTrainable, context=self._context, plan=self._plan),
            {"cpu": resources.cpu, "gpu": resources.gpu},
        )
        tune.Tuner(
            trainable,
            param_space=space,
            tune_config=tune.TuneConfig(reuse_actors=True, **config),
            run_config=tune.RunConfig(
                storage_path=storage,
                name="launch",
                verbose=0,
                stop=StopOnEvent(self._stop),
                failure_config=tune.FailureConfig(max_failures=1),
                callbacks=[PackCallback(self._context, self._plan, self._events.put, self._stop)],
            ),
        ).fit()

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        self._uncombined += 1
        self._combining.combine(group, pack_of)

    def combining(self) -> Iterator[Event]:
        while self._uncombined:
            yield self._next()


class CombineActor:
    """Combines groups in one process of Ray's for the launch: a study's imports cost more than a Combine."""

    def __init__(self, context: LaunchContext) -> None:
        self._context = context

    def combine(self, group: str, key: dict[str, Any], pack_of: dict[str, str]) -> str | None:
        return combine_group(self._context, group, key, pack_of)


class CombineThread:
    """Combines groups beside the packs, one after another: a Combine takes memory, and packs come first.

    A call of Ray's may last a minute after Ray has died, and then ends the process; in a thread of its own it
    hinders nobody.

    Args:
        context: the launch.
        tell: called, in the thread, with the end of each group, or with what broke the thread.
        stop: once it is set, what still runs is given up.
    """

    def __init__(
        self, context: LaunchContext, tell: Callable[[Combined | BaseException], None], stop: threading.Event
    ) -> None:
        self._context, self._tell, self._stop = context, tell, stop
        self._groups: queue.Queue[tuple[Group, dict[str, str]]] = queue.Queue()
        self._thread: threading.Thread | None = None

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        """Combine the group, when those before it are through."""
        self._groups.put((group, pack_of))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="combining", daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Wait for the end, after ``stop`` was set."""
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        import ray

        try:
            # By value, not as an object of Ray's: a restarted actor must find its argument again.
            actor = ray.remote(num_cpus=0, max_restarts=-1)(CombineActor).remote(self._context)
            while not self._stop.is_set():
                try:
                    group, pack_of = self._groups.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if (combined := self._combined(actor, group, pack_of)) is not None:
                    self._tell(combined)
        except BaseException as error:  # raised again in the driver's own thread
            self._tell(error)

    def _combined(self, actor: Any, group: Group, pack_of: dict[str, str]) -> Combined | None:
        """Return the end of a group, or None if the launch is stopped before."""
        import ray

        reference = actor.combine.remote(group.id, group.key, pack_of)
        while not ray.wait([reference], timeout=POLL_SECONDS)[0]:
            if self._stop.is_set():
                ray.cancel(reference)
                return None
        try:
            return Combined(group.id, ray.get(reference))
        except ray.exceptions.RayError as failure:  # its process died
            return Combined(group.id, f"group {group.id}: {failure}")
