"""Show a launch while it runs: by a live table on a terminal, by a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lblhep.cli.console import console, duration, say

if TYPE_CHECKING:
    from lblhep.launch import Progress

LINE_INTERVAL_SECONDS = 10.0  # seconds between two plain lines
REFRESHES_PER_SECOND = 4  # times a second, on a terminal

Observe = Callable[["Progress"], None]


@contextmanager
def progress_shown(recipe: str) -> Iterator[Observe]:
    """Give the function that takes a launch's snapshots and shows them as this standard output allows.

    ``recipe``, in words, is named with the first snapshot: once the launch has been accepted.
    """
    terminal = console()
    if not terminal.is_terminal:
        lines = PlainLines(say, recipe=recipe)
        yield lines
        lines.finish()
        return
    from rich.live import Live

    table = LiveTable(recipe=recipe)
    with Live(table, console=terminal, refresh_per_second=REFRESHES_PER_SECOND):
        yield table


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Say what takes a few seconds: with a spinner on a terminal, as a line elsewhere."""
    terminal = console()
    if terminal.is_terminal:
        from rich.text import Text

        with terminal.status(Text(what)):
            yield
    else:
        say(what)
        yield


class PlainLines:
    """Prints a line at the start, for every stage before the first result, from time to time, at the end."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic, recipe: str = ""
    ) -> None:
        self._write, self._clock, self._recipe = write, clock, recipe
        self._written_at = float("-inf")
        self._written: Progress | None = None
        self._latest: Progress | None = None
        self._message = ""

    def __call__(self, progress: Progress) -> None:
        if self._latest is None and self._recipe:
            self._write(f"launching {self._recipe}")
        self._latest = progress
        self._message = progress.message or self._message  # what is said between two lines stands on the next
        if self._is_news(progress) or self._clock() - self._written_at >= LINE_INTERVAL_SECONDS:
            self._show(progress)

    def finish(self) -> None:
        """Show the last snapshot, unless it has been shown."""
        if self._latest is not None and self._latest is not self._written:
            self._show(self._latest)

    def _is_news(self, progress: Progress) -> bool:
        """Return whether this is the first snapshot, another stage of the start or the first failure: these
        do not wait."""
        if self._written is None or (progress.failed and not self._written.failed):
            return True
        return progress.done == 0 and progress.message not in ("", self._written.message)

    def _show(self, progress: Progress) -> None:
        self._written_at, self._written = self._clock(), progress
        parts = [f"[{duration(progress.seconds)}] {progress.done}/{progress.total} trials"]
        counts = {"running": progress.running, "failed": progress.failed, "pruned": progress.pruned}
        parts += [f"{number} {what}" for what, number in counts.items() if number]
        parts += [text for text in (logged(progress), best(progress), pace(progress), self._message) if text]
        self._message = ""
        self._write(", ".join(parts))


class LiveTable:
    """Is the table that rich draws again several times a second; its clock runs on between snapshots."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, recipe: str = "") -> None:
        from rich.spinner import Spinner

        self._clock, self._recipe = clock, recipe
        self._latest: Progress | None = None
        self._received = 0.0
        self._starting = Spinner("dots")
        self._message = ""

    def __call__(self, progress: Progress) -> None:
        self._latest, self._received = progress, self._clock()
        # A stage of the start stands until something runs, a failure until something else is said.
        stands = progress.failed or not (progress.running or progress.done)
        self._message = progress.message or (self._message if stands else "")

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
        steps = f" · {text}" if (text := logged(progress)) else ""
        times = f"{duration(progress.seconds + passed)} so far"
        if self._recipe:
            grid.add_row("recipe", Text(self._recipe))
        grid.add_row("", ProgressBar(total=max(progress.total, 1), completed=progress.done, width=60))
        grid.add_row("trials", Text(counts) + failed + Text(pruned + steps))
        grid.add_row("best", Text(best(progress) or "-"))
        grid.add_row("time", Text(" · ".join(filter(None, (times, pace(progress, passed))))))
        message = Text(self._message, style="dim")
        if self._message and not progress.done:
            self._starting.update(text=message)
            grid.add_row("", self._starting)
        else:
            grid.add_row("", message)
        return grid


def pace(progress: Progress, passed: float = 0.0) -> str:
    """Return ``2.1 trials/s, 3:20 min left``, once it is known; ``passed`` is the snapshot's age in s.

    Both come from the one estimate: the rate is that at which the trials left will take the time left.
    """
    left = progress.total - progress.done
    if not progress.remaining_seconds or not left:
        return ""
    rate = left / progress.remaining_seconds
    shown = f"{rate:.2g} trials/s" if rate >= 0.1 else f"{60 * rate:.2g} trials/min"
    return f"{shown}, {duration(max(progress.remaining_seconds - passed, 0))} left"


def logged(progress: Progress) -> str:
    """Return ``logged step 7``, ``logged steps 3 and 7``, of many ``logged steps 3 to 41``, or nothing
    yet."""
    steps = sorted(set(progress.steps))
    if len(steps) < 2:
        return f"logged step {steps[0]}" if steps else ""
    return f"logged steps {steps[0]} {'and' if len(steps) == 2 else 'to'} {steps[-1]}"


def best(progress: Progress) -> str:
    """Return ``best validation_auc 0.7123 at window=3 fold=1``, or nothing yet."""
    if progress.best is None:
        return ""
    metric, value, trial = progress.best
    return f"{metric} {value:.4g}" + (f" at {trial}" if trial else "")
