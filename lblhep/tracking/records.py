"""What the tracker is told: a launch, the data that it reads, its trials.  Plain values, no MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DataInput:
    """A data set that a launch reads: becomes an MLflow data set of the parent run."""

    name: str
    digest: str
    source: str


@dataclass(frozen=True)
class About:
    """What is constant over a launch: it stands on the parent run, not on each trial."""

    launch: str
    experiment: str
    title: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    files: Sequence[Path]
    """Logged as artifacts at once (the recipe)."""
    inputs: Sequence[DataInput] = ()
    source: str = ""
    """The recipe's file, from the workspace on; it stands on every run."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial's run."""

    id: str
    name: str
    group: str | None
    point: Mapping[str, Any]
    metrics: Mapping[str, float]
    status: str
    """``finished``, ``failed`` or ``pruned``; ``running`` while its curve grows."""
    started: float
    """Seconds since the epoch at which its pack began to run."""
    ended: float | None
    """Seconds since the epoch, the same at every attempt: that makes logging it twice the same as once.

    None while it runs."""
    error: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """What a trial logged at one step."""

    step: int
    metrics: Mapping[str, float]
    at: float
    """Seconds since the epoch."""
