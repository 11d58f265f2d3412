"""Write the result of a pack or a group into a launch directory: whole or not at all.

Whoever sees a directory sees all of it (``lblhep.atomic``): a kill leaves a draft, whose name begins with a
dot, and a power cut may cost the last seconds' packs, but leaves no empty ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep import atomic
from lblhep.launch.store import packs
from lblhep.launch.store.arrays import ArrayMap, write_npz
from lblhep.launch.store.checksums import FORMAT, record_text, write_record
from lblhep.launch.store.tables import cell, write_table
from lblhep.recipe import cells
from lblhep.tasks import Failure

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class PackResult:
    """Holds all that running a pack gives."""

    rows: pd.DataFrame
    curves: list[dict[str, Any]] = field(default_factory=list)
    arrays: ArrayMap = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    """What goes into pack.json: seconds, and in a search the point's values and objective."""
    combined: Mapping[str, Any] | None = None
    """What a search point's replicates amount to together."""


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """Give a directory to write into, which becomes ``target`` at the end unless that is there by then."""
    target.parent.mkdir(exist_ok=True)
    try:
        with atomic.whole_directory(target) as draft:
            yield draft
    except FileExistsError:
        if not target.is_dir():
            raise


def commit_pack(directory: Path, pack: str, result: PackResult) -> None:
    """Write a pack's results into the launch ``directory``.  Raises OSError (disk full, no permission)."""
    import pandas as pd

    with _new(directory / "packs" / pack) as draft:
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
        if "point" in result.about:
            point = {"pack": pack, "point": result.about["point"]}
            (draft / packs.POINT).write_text(record_text({"format": FORMAT} | point))
        write_record(draft / "pack.json", {"pack": pack, "trials": list(result.rows["trial"])} | result.about)


def commit_group(directory: Path, group: str, key: Mapping[str, Any], combined: Mapping[str, Any]) -> None:
    """Write what a Combine returned for a scan's group.

    Args:
        directory: the launch's directory.
        group: the group's id.
        key: the axis values that name the group.
        combined: metrics and arrays, by name.
    """
    with _new(directory / "groups" / group) as draft:
        _write_group(draft, group, key, combined)


def _write_group(draft: Path, group: str, key: Mapping[str, Any], combined: Mapping[str, Any]) -> None:
    """Write numbers into metrics.json and arrays into arrays.npz."""
    import numpy as np

    arrays = {name: value for name, value in combined.items() if np.ndim(value) > 0}
    metrics = {name: float(value) for name, value in combined.items() if name not in arrays}
    content = {"group": group, "key": {k: cell(v) for k, v in cells(key).items()}, "metrics": metrics}
    if arrays:
        np.savez(draft / "arrays.npz", **arrays)
    write_record(draft / "metrics.json", content)


def set_aside(pack: Path, folder: str) -> None:
    """Move a pack into another folder of its launch, in place of one that an earlier attempt left there."""
    aside = pack.parents[1] / folder / pack.name
    if aside.exists():
        atomic.remove_directory(aside)
    aside.parent.mkdir(exist_ok=True)
    pack.rename(aside)


def sweep(directory: Path) -> None:
    """Remove what killed writers left behind.  Only for who holds the launch's lock."""
    for parent in (".", "packs", "groups", "failed", "damaged"):
        atomic.sweep(directory / parent)
