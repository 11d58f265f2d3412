"""Tune calls these classes: the source of a search's points, the observer of all packs, the way to stop."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.trial import TrialState
from ray.tune import Callback, Stopper
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from lblhep.launch.workers import search_space as searching
from lblhep.launch.workers.execute import LaunchContext, record_lost, record_pruned
from lblhep.launch.workers.launcher import Done, Event, Started
from lblhep.launch.workers.search_space import PastPoint
from lblhep.recipe import Recipe, Search
from lblhep.trials import Pack, Plan


class PointSearch(OptunaSearch):  # type: ignore[misc]
    """Numbers the points that OptunaSearch proposes, knows earlier ones, and tells pruned from complete.

    (OptunaSearch itself tells Optuna that a point stopped by the scheduler is complete, at its early value.)

    Args:
        recipe: the launch's recipe.
        search: its search.
        indices: the numbers of the points to propose.
        past: the points that were run earlier, from which the sampler learns.
        again: the values of the first of ``indices``, which failed and are tried once more.
    """

    def __init__(
        self,
        recipe: Recipe,
        search: Search,
        indices: Sequence[int],
        past: Sequence[PastPoint],
        again: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__(
            space=searching.space(search),
            metric=search.objective.metric,
            mode={"maximize": "max", "minimize": "min"}[search.objective.goal],
            sampler=searching.sampler(recipe, search, len(past)),
        )
        self._ot_study.add_trials([searching.frozen(search, earlier) for earlier in past])
        for point in again:
            self._ot_study.enqueue_trial(searching.params(search, point))
        self._indices = list(indices)
        self._ot_study.stop = self._indices.clear  # a sampler that has proposed all it has calls it

    def suggest(self, trial_id: str) -> Any:
        if not self._indices:
            return Searcher.FINISHED
        return {"pack": f"{self._indices.pop(0):06d}", "params": super().suggest(trial_id)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if "step" in result:
            self._ot_trials[trial_id].report(result[self._metric], result["step"])

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        asked = self._ot_trials[trial_id]
        result = result or {}
        value = math.nan if error else result.get(self._metric, math.nan)
        if not math.isfinite(value):
            self._ot_study.tell(asked, state=TrialState.FAIL)
        elif result.get("finished"):
            self._ot_study.tell(asked, value)
        else:
            asked.report(value, result["step"])
            self._ot_study.tell(asked, state=TrialState.PRUNED)
        self._completed_trials.add(trial_id)


class PackCallback(Callback):  # type: ignore[misc]
    """Tells, from Tune's thread, what happens to each pack, and commits those whose worker cannot.

    Args:
        context: the launch.
        plan: the launch's plan.
        tell: called with each event, or with an error that ends the launch.
        stop: set when nothing more is to be run.
    """

    def __init__(
        self,
        context: LaunchContext,
        plan: Plan,
        tell: Callable[[Event | BaseException], None],
        stop: threading.Event,
    ) -> None:
        self._context, self._plan, self._tell, self._stop = context, plan, tell, stop
        self._metric = "" if context.search is None else context.search.objective.metric
        self._curves: dict[str, dict[int, float]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune writes callbacks down, to restore them; a launch resumes from its packs."""
        return {}

    def _pack(self, trial: Any) -> Pack:
        return searching.pack_of(self._plan, trial.config)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._tell(Started(self._pack(trial)))

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
        if "step" in result:
            self._curves.setdefault(trial.trial_id, {})[result["step"]] = result[self._metric]

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        pack, curve = self._pack(trial), self._curves.pop(trial.trial_id, {})
        if trial.last_result.get("finished", True):
            self._tell(Done(pack.id))  # its worker has committed it
        elif not self._stop.is_set():  # the scheduler stopped it, not the end of the launch
            self._commit(pack, lambda: record_pruned(self._context, pack, curve))

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        raised = trial.get_pickled_error()
        if isinstance(raised, OSError):  # the pack could not be written: no use to go on with the others
            self._break_off(getattr(raised, "cause", raised))  # Ray puts what was raised there
            return
        first = str(raised).strip().splitlines()
        reason = f"its worker failed twice: {type(raised).__name__}: {first[0] if first else ''}"
        pack = self._pack(trial)
        self._commit(pack, lambda: record_lost(self._context, pack, reason, str(raised)))

    def _commit(self, pack: Pack, record: Callable[[], None]) -> None:
        try:
            record()
        except OSError as error:
            self._break_off(error)
        else:
            self._tell(Done(pack.id))

    def _break_off(self, error: BaseException) -> None:
        """Stop everything, since nothing can be written.  (Raised here, the error would be Tune's own.)"""
        self._stop.set()
        self._tell(error)


class StopOnEvent(Stopper):  # type: ignore[misc]
    """Stops every trial of Tune once the event is set."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing, as ``PackCallback`` does."""
        return {}

    def stop_all(self) -> bool:
        return self._event.is_set()
