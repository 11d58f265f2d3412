"""A launcher runs packs for the driver; here are its protocol and the launcher that needs no Ray."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lblhep.launch.workers import search_space as searching
from lblhep.launch.workers.execute import LaunchContext, combine_group, prepare, run_pack
from lblhep.launch.workers.search_space import PastPoint
from lblhep.trials import Group, Pack, point_pack

if TYPE_CHECKING:
    from lblhep.recipe import Search


@dataclass(frozen=True)
class Started:
    """Says that a pack began to run (perhaps again, after its worker died or its point was paused)."""

    pack: Pack


@dataclass(frozen=True)
class Done:
    """Says that a pack is committed: as finished, failed, pruned or lost, as its rows say."""

    pack: str


@dataclass(frozen=True)
class Combined:
    """Says that a group is committed, or could not be combined."""

    group: str
    error: str | None


@dataclass(frozen=True)
class Exhausted:
    """Says that the sampler has no more points to propose, though the recipe asks for more."""

    missing: int
    """How many points are missing of those that the recipe asks for."""
    trials: int
    """How many trials these points would have had."""
    asked: int
    """How many points the recipe asks for."""


def exhausted(search: Search, missing: int) -> Exhausted:
    """Return the event that ``missing`` points of the search are not proposed."""
    return Exhausted(missing, missing * search.replicates_total, search.points)


Event = Started | Done | Combined | Exhausted | None
"""What a launcher says while packs run; None says that nothing happened for a moment."""


class Launcher(Protocol):
    """Runs packs and combines groups; leaving its ``with`` block stops what still runs."""

    notice: str
    """What the user is told before the first pack; mostly an empty text."""

    def __enter__(self) -> Launcher: ...

    def __exit__(self, *exception: object) -> None: ...

    def scan(self, packs: Sequence[Pack]) -> Iterator[Event]:
        """Run the packs, in order as workers are free."""

    def search(
        self, indices: Sequence[int], past: Sequence[PastPoint], again: Sequence[Mapping[str, Any]]
    ) -> Iterator[Event]:
        """Run points of the recipe's search.

        Args:
            indices: the points' numbers.
            past: the points that were run earlier, from which the sampler learns.
            again: the values of the first of ``indices``, which failed and are tried once more.
        """

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        """Combine a complete group of a scan; a ``Combined`` comes when that is done."""

    def combining(self) -> Iterator[Event]:
        """Yield the ``Combined`` of the groups still under way, after the packs are through."""


class Serial:
    """Runs everything in the calling process, one pack after another: for debuggers, and without Ray.

    Args:
        context: the launch.
        written: called after the running pack has written down some of its curves.
    """

    def __init__(self, context: LaunchContext, written: Callable[[], None]) -> None:
        self._context, self._written = context, written
        self._worker = prepare(context)
        self._combined: deque[Combined] = deque()
        stoppable = context.search is not None and context.search.scheduler is not None
        self.notice = "serial: the scheduler is not used, every point trains to its end" if stoppable else ""

    def __enter__(self) -> Serial:
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing, since nothing outlives the last pack."""

    def scan(self, packs: Sequence[Pack]) -> Iterator[Event]:
        for pack in packs:
            yield Started(pack)
            run_pack(self._context, self._worker, pack, written=self._written)
            yield Done(pack.id)
            yield from self.combining()

    def search(
        self, indices: Sequence[int], past: Sequence[PastPoint], again: Sequence[Mapping[str, Any]]
    ) -> Iterator[Event]:
        import optuna

        recipe, search = self._context.recipe, self._context.search
        assert search is not None
        study = optuna.create_study(
            direction=search.objective.goal, sampler=searching.sampler(recipe, search, len(past))
        )
        study.add_trials([searching.frozen(search, earlier) for earlier in past])
        for point in again:
            study.enqueue_trial(searching.params(search, point))
        left = deque(indices)
        study.stop = left.clear  # type: ignore[method-assign]  # a sampler that has proposed all calls it
        done = 0
        while left:
            index = left.popleft()
            asked = study.ask(searching.space(search))
            pack = point_pack(recipe, index, searching.values(search, asked.params))
            yield Started(pack)
            result = run_pack(self._context, self._worker, pack, written=self._written)
            objective = result.about["objective"]
            if math.isfinite(objective):
                study.tell(asked, objective)
            else:
                study.tell(asked, state=optuna.trial.TrialState.FAIL)
            done += 1
            yield Done(pack.id)
        if done < len(indices):
            yield exhausted(search, len(indices) - done)

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        self._combined.append(Combined(group.id, combine_group(self._context, group.id, group.key, pack_of)))

    def combining(self) -> Iterator[Event]:
        while self._combined:
            yield self._combined.popleft()
