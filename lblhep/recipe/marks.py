"""Remember where each key of a document was written, so that a problem can be placed at its line and
column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

Keys = tuple[str | int, ...]


def dotted(keys: Keys) -> str:
    """Write ``("trials", "axes", "window", "range", 0)`` as an address: ``trials.axes.window.range[0]``."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


@dataclass(frozen=True)
class Mark:
    """Gives the place where a value was written: line and column (from 1), or line 0 where there are none."""

    file: str
    line: int = 0
    column: int = 0
    by: str = ""
    """What put it there, where that is not the file itself: ``profile full``, ``axis window``."""


@dataclass
class Marks:
    """Holds the marks of a document as a tree like its values.

    A tree that has been built is not altered: ``put`` gives another one, which shares with it whatever lies
    off the path, so that a thousand profiles of one file cost no more than what they change.
    """

    mark: Mark | None = None
    below: dict[str | int, Marks] = field(default_factory=dict)

    def add(self, keys: Keys, mark: Mark) -> None:
        """Set the mark at ``keys`` while the tree is built."""
        here = self
        for key in keys:
            here = here.below.setdefault(key, Marks())
        here.mark = mark

    def at(self, keys: Keys) -> Marks | None:
        """Return the part of the tree at ``keys``, or None where nothing is written."""
        here: Marks | None = self
        for key in keys:
            here = here.below.get(key) if here is not None else None
        return here

    def nearest(self, keys: Keys) -> Mark | None:
        """Return the mark at ``keys``, or at the nearest written key above."""
        here, found = self, None
        for key in keys:
            if key not in here.below:
                break
            here = here.below[key]
            found = here.mark or found
        return found

    def put(self, keys: Iterable[str | int], part: Marks) -> Marks:
        """Return the tree with ``part`` at ``keys`` in place of what was there."""
        first, *rest = keys
        inner = self.below.get(first, Marks()).put(rest, part) if rest else part
        return Marks(self.mark, {**self.below, first: inner})

    def put_by(self, by: str) -> Marks:
        """Return the tree with every mark saying what put the values there."""
        mark = None if self.mark is None else replace(self.mark, by=by)
        return Marks(mark, {key: inner.put_by(by) for key, inner in self.below.items()})
