"""What a launch says about itself: snapshots while it runs, a summary when it is over."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """A snapshot of a launch, in trials.  ``done`` counts finished, failed and pruned trials alike."""

    total: int
    done: int = 0
    running: int = 0
    steps: tuple[int, ...] = ()
    """The last step logged, mostly an epoch from 0, of the running packs that last and have few trials."""
    failed: int = 0
    pruned: int = 0
    best: tuple[str, float, str] | None = None
    """Metric, value and name of the best trial (of the best point, in a search)."""
    seconds: float = 0.0
    remaining_seconds: float | None = None
    message: str = ""
    """What just happened, in words; empty when nothing did."""


@dataclass(frozen=True)
class Launch:
    """The outcome of ``launch``."""

    id: str
    directory: Path
    state: str
    """``finished``, ``failed`` (all was tried, something failed; or nothing worked) or ``interrupted``."""
    progress: Progress
    headline: Mapping[str, str | float] = field(default_factory=dict)
    """What the report wants printed."""
    report: Path | None = None
    """The report's index.html."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why trials failed -> how many did."""
    problems: tuple[str, ...] = ()
    """Things that went wrong without stopping the launch: groups, report, notification."""
    message: str = ""
    """What the user can do next (how to resume, where to look)."""
    run_id: str = ""
    """The MLflow parent run."""
    stopped_by: int = signal.SIGINT
    """The signal that interrupted it."""

    @property
    def exit_code(self) -> int:
        """0 if every trial, group and the report worked; 130 after Ctrl-C, 143 after SIGTERM; else 1."""
        return {"finished": 0, "interrupted": 128 + self.stopped_by}.get(self.state, 1)
