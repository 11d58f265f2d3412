"""The Ray Tune trainable is an actor that runs one pack after another and keeps its data sets in between."""

from __future__ import annotations

import json
import math
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from lblhep.launch.store.commit import PackResult
from lblhep.launch.workers.execute import LaunchContext, Pruned, prepare, run_pack
from lblhep.launch.workers.search_space import pack_of
from lblhep.trials import Plan


class PackTrainable(Trainable):  # type: ignore[misc]
    """Runs a Tune trial: a pack of a scan (``config: {pack}``) or a point of a search (``{pack, params}``).

    A scan's pack is one step.  A search's point reports its objective while it trains: a step lasts until the
    next value, and between two steps the task waits inside ``bench.log`` for the scheduler's decision.
    """

    def setup(self, config: dict[str, Any], context: LaunchContext, plan: Plan) -> None:
        self._context, self._plan = context, plan
        self._worker = prepare(context)
        self._training: PointTraining | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up the next pack; True tells Tune that the actor can be used again."""
        self.cleanup()
        self._next, self._reported, self._skip = new_config, 0, 0
        return True

    def step(self) -> dict[str, Any]:
        search = self._context.search
        if search is None:
            run_pack(self._context, self._worker, pack_of(self._plan, self._next))
            return {"done": True}
        if self._training is None:
            pack = pack_of(self._plan, self._next)
            self._training = PointTraining(lambda report: run_pack(self._context, self._worker, pack, report))
        outcome = self._training.proceed()
        while not isinstance(outcome, PackResult) and self._reported < self._skip:
            self._reported += 1
            outcome = self._training.proceed()
        self._reported += 1
        metric = search.objective.metric
        if isinstance(outcome, PackResult):
            objective = outcome.about["objective"]
            known = {metric: objective} if math.isfinite(objective) else {}  # a scheduler cannot rank NaN
            return {**known, "finished": True, "done": True}
        return {metric: outcome[1], "step": outcome[0], "finished": False}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write down how far the point was, for schedulers that pause it."""
        (Path(checkpoint_dir) / "reported.json").write_text(json.dumps(self._reported))

    def load_checkpoint(self, checkpoint_dir: str) -> None:  # type: ignore[override,unused-ignore]
        """Run a paused point again, silently up to where it was (a task may use ``bench.checkpoint``)."""
        self._skip = json.loads((Path(checkpoint_dir) / "reported.json").read_text())

    def cleanup(self) -> None:
        if self._training is not None:
            self._training.stop()
            self._training = None


class PointTraining:
    """Trains a search point in a thread, in step with whoever calls ``proceed``.

    It trains one value ahead of what it tells: only then is it known whether a value was the last, and a
    scheduler that stops the point there (``max_t``, a rung) would throw away a point that is complete.
    """

    def __init__(self, run: Callable[[Callable[[int, float], None]], PackResult]) -> None:
        self._run = run
        self._values: queue.Queue[tuple[int, float] | PackResult | BaseException] = queue.Queue()
        self._go = threading.Semaphore(0)
        self._stopped = False
        self._ahead: tuple[int, float] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def proceed(self) -> tuple[int, float] | PackResult:
        """Return the next (step, objective), or the end instead of the last of them."""
        known = self._ahead or self._train()
        if isinstance(known, PackResult):
            return known
        after = self._train()
        if isinstance(after, PackResult):
            return after
        self._ahead = after
        return known

    def _train(self) -> tuple[int, float] | PackResult:
        self._go.release()
        outcome = self._values.get()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def stop(self) -> None:
        """Give up the point, which waits in ``_report`` or is over."""
        self._stopped = True
        self._go.release()
        self._thread.join()

    def _work(self) -> None:
        self._go.acquire()
        if self._stopped:
            return
        try:
            self._values.put(self._run(self._report))
        except Pruned:
            return
        except BaseException as error:  # handed to the actor's own thread, which raises it
            self._values.put(error)

    def _report(self, step: int, value: float) -> None:
        self._values.put((step, value))
        self._go.acquire()
        if self._stopped:
            raise Pruned
