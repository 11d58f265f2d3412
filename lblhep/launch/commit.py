"""Writing into a launch directory what came of a pack or a group: whole or not at all.

Whoever sees a directory sees all of it (`lblhep.atomic`): a kill leaves a draft, whose name begins with a
dot, and a power cut may cost the last seconds' packs, but leaves no empty ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

from lblhep import atomic
from lblhep.launch.arrays import ArrayMap, write_npz
from lblhep.launch.tables import cell, write_table
from lblhep.recipe import cells
from lblhep.tasks import Failure

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class PackResult:
    """All that running a pack gives."""

    rows: pd.DataFrame
    curves: list[dict[str, Any]] = field(default_factory=list)
    arrays: ArrayMap = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    """For pack.json: seconds, and in a search the point's values and objective."""
    combined: Mapping[str, Any] | None = None
    """What a search point's replicates amount to together."""


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """A directory to write into, which becomes `target` at the end; one that is there already stays."""
    target.parent.mkdir(exist_ok=True)
    try:
        with atomic.whole_directory(target) as draft:
            yield draft
    except FileExistsError:
        if not target.is_dir():
            raise


def commit_pack(directory: Path, pack: str, result: PackResult) -> None:
    """Write a pack's results into the launch `directory`.  Raises OSError (disk full, no permission)."""
    import pandas as pd

    with _new(directory / "packs" / pack) as draft:
        about = {"trials": list(result.rows["trial"])} | result.about
        (draft / "pack.json").write_text(json.dumps(about))
        write_table(result.rows, draft / "rows.parquet")
        if result.curves:
            write_table(pd.DataFrame(result.curves), draft / "curves.parquet")
        if result.arrays:
            write_npz(draft / "arrays.npz", result.arrays)
        if result.failures:
            (draft / "failures.json").write_text(json.dumps([vars(f) for f in result.failures]))
        if result.combined is not None:
            (draft / "group").mkdir()
            _write_group(draft / "group", pack, result.about["point"], result.combined)


def commit_group(directory: Path, group: str, key: Mapping[str, Any], combined: Mapping[str, Any]) -> None:
    """Write what a Combine returned for a scan's group."""
    with _new(directory / "groups" / group) as draft:
        _write_group(draft, group, key, combined)


def _write_group(draft: Path, group: str, key: Mapping[str, Any], combined: Mapping[str, Any]) -> None:
    """Numbers into metrics.json, arrays into arrays.npz."""
    import numpy as np

    arrays = {name: value for name, value in combined.items() if np.ndim(value) > 0}
    metrics = {name: float(value) for name, value in combined.items() if name not in arrays}
    content = {"group": group, "key": {k: cell(v) for k, v in cells(key).items()}, "metrics": metrics}
    (draft / "metrics.json").write_text(json.dumps(content))
    if arrays:
        np.savez(draft / "arrays.npz", **arrays)


def set_aside(directory: Path, pack: str) -> None:
    """Take a search's failed point out of the launch; its values are kept, for it to be tried again."""
    aside = directory / "failed" / pack
    if aside.exists():  # of an earlier attempt
        atomic.remove_directory(aside)
    aside.parent.mkdir(exist_ok=True)
    (directory / "packs" / pack).rename(aside)


def is_whole(target: Path) -> bool:
    """Whether a pack or a group, or one file of it, can be read: disks fail, and copies break off."""
    import pyarrow.parquet as pq

    if target.is_dir():
        return all(is_whole(file) for file in target.iterdir())
    try:
        if target.suffix == ".json":
            json.loads(target.read_text())
        elif target.suffix == ".parquet":
            pq.read_metadata(target)
    except (OSError, ValueError):  # Arrow's own errors are one or the other
        return False
    return target.suffix != ".npz" or is_zipfile(target)


def sweep(directory: Path) -> None:
    """Remove what killed writers left behind.  Only for who holds the launch's lock."""
    for parent in ("packs", "groups", "failed"):
        atomic.sweep(directory / parent)
