"""What the driver asks of a launcher, and the launcher that needs no Ray."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lblhep.launch import search as searching
from lblhep.launch.execute import Context, combine_group, prepare, run_pack
from lblhep.launch.search import Told
from lblhep.recipe import Search
from lblhep.trials import Group, Pack, point_pack


@dataclass(frozen=True)
class Started:
    """A pack began to run (again, perhaps, after its worker died or its point was paused)."""

    pack: Pack


@dataclass(frozen=True)
class Done:
    """A pack is committed: as finished, failed, pruned or lost, as its rows say."""

    pack: str


@dataclass(frozen=True)
class Combined:
    """A group is committed, or could not be combined."""

    group: str
    error: str | None


@dataclass(frozen=True)
class Exhausted:
    """The search is over: its sampler has no more points to propose, though the recipe asks for more."""

    missing: int


Event = Started | Done | Combined | Exhausted | None
"""None is a tick: nothing happened for a moment."""


class Launcher(Protocol):
    """Runs packs and combines groups.  Leaving the ``with`` block stops what still runs."""

    notice: str
    """Something to tell the user before the first pack, or empty."""

    def __enter__(self) -> Launcher: ...

    def __exit__(self, *exception: object) -> None: ...

    def scan(self, packs: Sequence[Pack]) -> Iterator[Event]:
        """Run the packs, in order as workers are free."""

    def search(
        self, indices: Sequence[int], told: Sequence[Told], again: Sequence[Mapping[str, Any]]
    ) -> Iterator[Event]:
        """Run points of the recipe's search under the given numbers, after what earlier ones taught.

        The first of them at the values ``again``: points that failed and are tried once more.
        """

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        """Combine a complete group of a scan; a ``Combined`` comes when that is done."""

    def combining(self) -> Iterator[Event]:
        """The ``Combined`` of the groups still under way, after the packs are through."""


class Serial:
    """Everything in the calling process, one pack after another: for debuggers, and where Ray cannot run.

    Args:
        written: called after the running pack has written down some of its curves.
    """

    def __init__(self, context: Context, written: Callable[[], None]) -> None:
        self._context, self._written = context, written
        self._worker = prepare(context)
        self._combined: deque[Combined] = deque()
        searching_ = context.recipe.trials
        stoppable = isinstance(searching_, Search) and searching_.scheduler is not None
        self.notice = "serial: the scheduler is not used, every point trains to its end" if stoppable else ""

    def __enter__(self) -> Serial:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing outlives the last pack."""

    def scan(self, packs: Sequence[Pack]) -> Iterator[Event]:
        for pack in packs:
            yield Started(pack)
            run_pack(self._context, self._worker, pack, written=self._written)
            yield Done(pack.id)
            yield from self.combining()

    def search(
        self, indices: Sequence[int], told: Sequence[Told], again: Sequence[Mapping[str, Any]]
    ) -> Iterator[Event]:
        import optuna

        recipe, search = self._context.recipe, self._context.recipe.trials
        assert isinstance(search, Search)
        study = optuna.create_study(
            direction=search.objective.goal, sampler=searching.sampler(recipe, search, len(told))
        )
        study.add_trials([searching.frozen(search, earlier) for earlier in told])
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
            yield Exhausted(len(indices) - done)

    def combine(self, group: Group, pack_of: dict[str, str]) -> None:
        self._combined.append(Combined(group.id, combine_group(self._context, group.id, group.key, pack_of)))

    def combining(self) -> Iterator[Event]:
        while self._combined:
            yield self._combined.popleft()
