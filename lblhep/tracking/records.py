"""The tracker is given these plain values, without MLflow: a launch, the data that it reads, its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DataInput:
    """Describes a data set that a launch reads, which becomes an MLflow data set of the parent run."""

    name: str
    digest: str
    source: str


@dataclass(frozen=True)
class About:
    """Holds what is constant over a launch: it stands on the parent run, not on each trial."""

    launch: str
    experiment: str
    title: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    files: Sequence[Path]
    """The files (the recipe) that are logged as artifacts at once."""
    inputs: Sequence[DataInput] = ()
    source: str = ""
    """The recipe's file, from the workspace on; it stands on every run."""


@dataclass(frozen=True)
class TrialRecord:
    """Holds what is logged of one trial."""

    id: str
    name: str
    group: str | None
    point: Mapping[str, Any]
    metrics: Mapping[str, float]
    status: str
    """The status is ``finished``, ``failed`` or ``pruned``, and ``running`` while the curve grows."""
    started: float
    """When its pack began to run, in seconds since the epoch."""
    ended: float | None
    """When its pack ended, in seconds since the epoch; None while it runs.

    The time is the same at every attempt, which makes logging it twice the same as once.
    """
    error: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """Holds what a trial logged at one step."""

    step: int
    metrics: Mapping[str, float]
    at: float
    """When it was logged, in seconds since the epoch."""
