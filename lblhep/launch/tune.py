"""The launcher: every pack a Ray Tune trial, on this machine or on a cluster (``RAY_ADDRESS``)."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from lblhep.errors import LaunchError
from lblhep.launch import search as searching
from lblhep.launch.combining import Combining
from lblhep.launch.execute import Context, record_lost, record_pruned
from lblhep.launch.launchers import Combined, Done, Event, Exhausted, Started
from lblhep.launch.search import Told
from lblhep.local_ray import TICK, check_alive, cluster_address, died, ray_running
from lblhep.recipe import Recipe, Search
from lblhep.temporary import temporary_folder
from lblhep.trials import Group, Pack, point_pack
from lblhep.waiting import LIMIT

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
        wait: seconds that a Ray cluster has to answer.
    """

    notice = ""

    def __init__(self, context: Context, wait: float = LIMIT) -> None:
        self._context, self._wait = context, wait
        self._ray = ExitStack()
        self._events: queue.Queue[Event | BaseException] = queue.Queue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._combining = Combining(context, self._events.put, self._stop)
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
        """Tune would wait for ever for a GPU that is not there (a cluster may grow, a machine will not)."""
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
            yield from self._run(
                {pack.id: pack for pack in packs}, {"pack": tune.grid_search([p.id for p in packs])}
            )

    def search(
        self, indices: Sequence[int], told: Sequence[Told], again: Sequence[Mapping[str, Any]]
    ) -> Iterator[Event]:
        from lblhep.launch.points import PointSearch

        search = self._context.recipe.trials
        assert isinstance(search, Search)
        if not indices:
            return
        scheduler = None if search.scheduler is None else searching.scheduler(search.scheduler)
        done = 0
        for event in self._run(
            {},
            {},
            num_samples=len(indices),
            search_alg=PointSearch(self._context.recipe, search, indices, told, again),
            scheduler=scheduler,
            metric=search.objective.metric,
            mode={"maximize": "max", "minimize": "min"}[search.objective.goal],
        ):
            done += isinstance(event, Done)
            yield event
        if done < len(indices):
            yield Exhausted(len(indices) - done)

    def _run(
        self, packs: dict[str, Pack], param_space: dict[str, Any], **tune_config: Any
    ) -> Iterator[Event]:
        """Start Tune's thread; yield what its callbacks say until it is over."""

        def fit() -> None:
            try:
                with temporary_folder() as storage:
                    self._fit(packs, param_space, tune_config, str(storage))
            except BaseException as error:  # raised again in the driver's own thread, below
                self._events.put(error)

        self._thread = threading.Thread(target=fit, name="tune", daemon=True)
        self._thread.start()
        while self._thread.is_alive() or not self._events.empty():
            yield self._next()

    def _next(self) -> Event:
        """What the threads have to say, or None after a moment.  (Ray is not asked: it may hang.)"""
        try:
            event = self._events.get(timeout=TICK)
        except queue.Empty:
            event = None
        self._check_alive()
        if isinstance(event, BaseException):
            raise event
        self._uncombined -= isinstance(event, Combined)
        return event

    def _fit(
        self, packs: dict[str, Pack], space: dict[str, Any], config: dict[str, Any], storage: str
    ) -> None:
        from ray import tune

        from lblhep.launch.points import Listener, StopWhen
        from lblhep.launch.worker import PackTrainable

        resources = self._context.recipe.resources
        trainable = tune.with_resources(
            tune.with_parameters(PackTrainable, context=self._context, packs=packs),
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
                stop=StopWhen(self._stop),
                failure_config=tune.FailureConfig(max_failures=1),
                callbacks=[Listener(self, packs)],
            ),
        ).fit()

    @property
    def recipe(self) -> Recipe:
        """The launch's recipe."""
        return self._context.recipe

    def pack_of(self, config: dict[str, Any], packs: dict[str, Pack]) -> Pack:
        """The pack that a Tune trial's configuration stands for."""
        search = self._context.recipe.trials
        if isinstance(search, Search):
            return point_pack(
                self._context.recipe, config["index"], searching.values(search, config["params"])
            )
        return packs[config["pack"]]

    def started(self, pack: Pack) -> None:
        """Called from Tune's thread."""
        self._events.put(Started(pack))

    def done(self, pack: Pack) -> None:
        """Called from Tune's thread: the worker has committed the pack."""
        self._events.put(Done(pack.id))

    def pruned(self, pack: Pack, curve: dict[int, float]) -> None:
        """Called from Tune's thread: the scheduler stopped the point, or the launch is stopped altogether."""
        if not self._stop.is_set():
            self._record(pack, lambda: record_pruned(self._context, pack, curve))

    def lost(self, pack: Pack, error: str, trace: str) -> None:
        """Called from Tune's thread: the worker died, twice."""
        self._record(pack, lambda: record_lost(self._context, pack, error, trace))

    def _record(self, pack: Pack, commit: Callable[[], None]) -> None:
        try:
            commit()
        except OSError as error:
            self.broken(error)
        else:
            self._events.put(Done(pack.id))

    def broken(self, error: BaseException) -> None:
        """Called from Tune's thread: nothing can be written.  Raised there, it would be Tune's own fault."""
        self._stop.set()
        self._events.put(error)

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        self._uncombined += 1
        self._combining.combine(group, pack_of)

    def combining(self) -> Iterator[Event]:
        while self._uncombined:
            yield self._next()
