"""Combining groups beside the packs: one actor for the whole launch, asked from a thread of its own.

A call of Ray's may last a minute after Ray has died, and then ends the process; in this thread it hinders
nobody.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from lblhep.launch.execute import Context, combine_group
from lblhep.launch.launchers import Combined
from lblhep.local_ray import TICK
from lblhep.trials import Group


class Combiner:
    """An actor that combines groups for the whole launch: a study's imports cost more than a Combine."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def combine(self, group: str, key: dict[str, Any], pack_of: dict[str, str]) -> str | None:
        return combine_group(self._context, group, key, pack_of)


class Combining:
    """Combines one group after another: a Combine takes memory, and packs come first.

    Args:
        tell: called, in the thread, with the end of each group, or with what broke the thread.
        stop: once it is set, what still runs is given up.
    """

    def __init__(
        self, context: Context, tell: Callable[[Combined | BaseException], None], stop: threading.Event
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
            actor = ray.remote(num_cpus=0, max_restarts=-1)(Combiner).remote(self._context)
            while not self._stop.is_set():
                try:
                    group, pack_of = self._groups.get(timeout=TICK)
                except queue.Empty:
                    continue
                if (combined := self._combined(actor, group, pack_of)) is not None:
                    self._tell(combined)
        except BaseException as error:  # raised again in the driver's own thread
            self._tell(error)

    def _combined(self, actor: Any, group: Group, pack_of: dict[str, str]) -> Combined | None:
        """The end of a group, or None if the launch is stopped before."""
        import ray

        reference = actor.combine.remote(group.id, group.key, pack_of)
        while not ray.wait([reference], timeout=TICK)[0]:
            if self._stop.is_set():
                ray.cancel(reference)
                return None
        try:
            return Combined(group.id, ray.get(reference))
        except ray.exceptions.RayError as failure:  # its process died
            return Combined(group.id, f"group {group.id}: {failure}")
