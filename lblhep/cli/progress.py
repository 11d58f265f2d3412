"""What one sees while a launch runs: a live table on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lblhep.cli.console import console, duration, say

if TYPE_CHECKING:
    from lblhep.launch import Progress

PAUSE = 10.0  # seconds between two plain lines
REFRESH = 4  # times a second, on a terminal

Observe = Callable[["Progress"], None]


@contextmanager
def progress_shown() -> Iterator[Observe]:
    """Give the function that takes a launch's snapshots and shows them as this standard output allows."""
    terminal = console()
    if not terminal.is_terminal:
        lines = PlainLines(say)
        yield lines
        lines.finish()
        return
    from rich.live import Live

    table = LiveTable()
    with Live(table, console=terminal, refresh_per_second=REFRESH):
        yield table


class PlainLines:
    """A line at the start, for every stage before the first result, at most every ``PAUSE`` s, at the end."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._pace = Pace()
        self._written_at = float("-inf")
        self._written: Progress | None = None
        self._latest: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        self._pace(progress)
        self._latest = progress
        starting = progress.done == 0 and progress.message
        news = self._written is None or (starting and progress.message != self._written.message)
        if news or self._clock() - self._written_at >= PAUSE:
            self._show(progress)

    def finish(self) -> None:
        """Show the last snapshot, unless it has been shown."""
        if self._latest is not None and self._latest is not self._written:
            self._show(self._latest)

    def _show(self, progress: Progress) -> None:
        self._written_at, self._written = self._clock(), progress
        parts = [f"[{duration(progress.seconds)}] {progress.done}/{progress.total} trials"]
        counts = {"running": progress.running, "failed": progress.failed, "pruned": progress.pruned}
        parts += [f"{number} {what}" for what, number in counts.items() if number]
        parts += [text for text in (best(progress), self._pace.text(progress), progress.message) if text]
        self._write(", ".join(parts))


class LiveTable:
    """The table that rich draws again ``REFRESH`` times a second; its clock runs on between snapshots."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pace = Pace()
        self._latest: Progress | None = None
        self._received = 0.0

    def __call__(self, progress: Progress) -> None:
        self._pace(progress)
        self._latest, self._received = progress, self._clock()

    def __rich__(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        progress = self._latest
        if progress is None:
            return grid
        passed = self._clock() - self._received
        counts = f"{progress.done} of {progress.total} done · {progress.running} running"
        failed = Text(f" · {progress.failed} failed", style="red" if progress.failed else "")
        pruned = f" · {progress.pruned} pruned" if progress.pruned else ""
        times = f"{duration(progress.seconds + passed)} so far"
        grid.add_row("", ProgressBar(total=max(progress.total, 1), completed=progress.done, width=60))
        grid.add_row("trials", Text(counts) + failed + Text(pruned))
        grid.add_row("best", Text(best(progress) or "-"))
        grid.add_row("time", Text(" · ".join(filter(None, (times, self._pace.text(progress, passed))))))
        grid.add_row("", Text(progress.message, style="dim"))
        return grid


class Pace:
    """How fast trials finish in this process; those that a resumed launch found finished do not count."""

    def __init__(self) -> None:
        self._found_done: int | None = None

    def __call__(self, progress: Progress) -> None:
        if self._found_done is None:
            self._found_done = progress.done

    def text(self, progress: Progress, passed: float = 0.0) -> str:
        """``2.1 trials/s, 3:20 min left``, as far as it is known; ``passed`` is the snapshot's age in s."""
        parts = []
        done = progress.done - (self._found_done or 0)
        if done > 0 and progress.seconds > 0:
            rate = done / progress.seconds
            parts.append(f"{rate:.2g} trials/s" if rate >= 0.1 else f"{60 * rate:.2g} trials/min")
        if progress.remaining_seconds is not None and progress.done < progress.total:
            parts.append(f"{duration(max(progress.remaining_seconds - passed, 0))} left")
        return ", ".join(parts)


def best(progress: Progress) -> str:
    """``best validation_auc 0.7123 at window=3 fold=1``, or nothing yet."""
    if progress.best is None:
        return ""
    metric, value, trial = progress.best
    return f"{metric} {value:.4g}" + (f" at {trial}" if trial else "")
