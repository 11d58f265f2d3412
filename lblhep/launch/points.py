"""What Tune calls back: the source of a search's points, the listener of all packs, the way to stop."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState
from ray.tune import Callback, Stopper
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from lblhep.launch import search as searching
from lblhep.launch.search import Told
from lblhep.recipe import Recipe, Search
from lblhep.trials import Pack

if TYPE_CHECKING:
    from lblhep.launch.tune import RayTune


class PointSearch(OptunaSearch):  # type: ignore[misc]
    """OptunaSearch that numbers its points, knows what earlier ones taught, and tells pruned from complete.

    (OptunaSearch itself tells Optuna that a point stopped by the scheduler is complete, at its early value.)
    """

    def __init__(
        self,
        recipe: Recipe,
        search: Search,
        indices: Sequence[int],
        told: Sequence[Told],
        again: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__(
            space=searching.space(search),
            metric=search.objective.metric,
            mode={"maximize": "max", "minimize": "min"}[search.objective.goal],
            sampler=searching.sampler(recipe, search, len(told)),
        )
        self._ot_study.add_trials([searching.frozen(search, earlier) for earlier in told])
        for point in again:
            self._ot_study.enqueue_trial(searching.params(search, point))
        self._indices = list(indices)
        self._ot_study.stop = self._indices.clear  # a sampler that has proposed all it has calls it

    def suggest(self, trial_id: str) -> Any:
        if not self._indices:
            return Searcher.FINISHED
        return {"index": self._indices.pop(0), "params": super().suggest(trial_id)}

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


class Listener(Callback):  # type: ignore[misc]
    """Passes on to the launcher what happens to each pack."""

    def __init__(self, launcher: RayTune, packs: dict[str, Pack]) -> None:
        self._launcher, self._packs = launcher, packs
        self._curves: dict[str, dict[int, float]] = {}
        self._metric = getattr(getattr(launcher.recipe.trials, "objective", None), "metric", "")

    def __getstate__(self) -> dict[str, Any]:
        """Tune writes its callbacks down, to restore them; a launch is resumed from its packs instead."""
        return {}

    def _pack(self, trial: Any) -> Pack:
        return self._launcher.pack_of(trial.config, self._packs)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._launcher.started(self._pack(trial))

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
        if "step" in result:
            self._curves.setdefault(trial.trial_id, {})[result["step"]] = result[self._metric]

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        curve = self._curves.pop(trial.trial_id, {})
        if trial.last_result.get("finished", True):
            self._launcher.done(self._pack(trial))
        else:
            self._launcher.pruned(self._pack(trial), curve)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        raised = trial.get_pickled_error()
        if isinstance(raised, OSError):  # the pack could not be written: no use to go on with the others
            self._launcher.broken(getattr(raised, "cause", raised))  # Ray puts what was raised there
            return
        first = str(raised).strip().splitlines()
        reason = f"its worker failed twice: {type(raised).__name__}: {first[0] if first else ''}"
        self._launcher.lost(self._pack(trial), reason, str(raised))


class StopWhen(Stopper):  # type: ignore[misc]
    """Stops everything once the event is set."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def __getstate__(self) -> dict[str, Any]:
        """As for ``Listener``."""
        return {}

    def stop_all(self) -> bool:
        return self._event.is_set()
