"""What a launch directory holds for each pack and group, written whole or not at all.

::

    packs/<pack>/    pack.json  rows.parquet  [curves.parquet]  [arrays.npz]  [failures.json]  [group/]
    groups/<group>/  metrics.json  [arrays.npz]
    failed/<pack>/   a search's point that failed, set aside until it has been tried again

A search's point is a pack and a group at once, so its group lies within its pack: one rename commits both.

Each directory is written under a temporary name and renamed: whoever sees it, sees all of it, and a writer
that is killed leaves only a name that begins with a dot.  (A rename survives the death of any process;
nothing is synced to the platter, so a power cut may cost the last seconds' packs.)
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.recipe import cells
from lblhep.tasks import Failure

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from lblhep.trials import Trial

ArrayMap = dict[tuple[str, str], dict[str, "np.ndarray"]]
"""(trial, name) -> field -> array"""


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


def rows_table(
    trials: Sequence[Trial], metrics: Mapping[str, Mapping[str, float]], otherwise: str = "failed"
) -> pd.DataFrame:
    """One row for each trial: trial, name, its axis values, metrics, status.

    Args:
        metrics: trial id -> metrics of the trials that finished.
        otherwise: the status of the others.
    """
    import pandas as pd

    def row(trial: Trial) -> dict[str, Any]:
        values = {axis: _cell(value) for axis, value in cells(trial.point).items()}
        found = {name: float(value) for name, value in metrics.get(trial.id, {}).items()}
        status = "finished" if trial.id in metrics else otherwise
        return {"trial": trial.id, "name": trial.name} | values | found | {"status": status}

    return pd.DataFrame([row(trial) for trial in trials])


def _cell(value: Any) -> Any:
    """An axis value as a table holds it: lists and mappings become their JSON text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Parquet wants one type for each column; an axis that mixes numbers and names is written as text."""
    mixed = [
        column
        for column in frame.columns
        if frame[column].dtype == object and len({type(cell) for cell in frame[column]}) > 1
    ]
    frame.astype(dict.fromkeys(mixed, str)).to_parquet(path, compression="zstd", index=False)


@contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """A directory to write into, which becomes `target` at the end; one that is there already stays."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        if not target.exists():
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def sweep(directory: Path) -> None:
    """Remove what killed writers left behind.  Only for who holds the launch's lock."""
    for draft in [*directory.glob("packs/.*"), *directory.glob("groups/.*")]:
        shutil.rmtree(draft)


def commit(directory: Path, pack: str, result: PackResult) -> None:
    """Write a pack's results into the launch `directory`.  Raises OSError (disk full, no permission)."""
    import pandas as pd

    with whole_directory(directory / "packs" / pack) as draft:
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
    with whole_directory(directory / "groups" / group) as draft:
        _write_group(draft, group, key, combined)


def _write_group(draft: Path, group: str, key: Mapping[str, Any], combined: Mapping[str, Any]) -> None:
    """Numbers into metrics.json, arrays into arrays.npz."""
    import numpy as np

    arrays = {name: value for name, value in combined.items() if np.ndim(value) > 0}
    metrics = {name: float(value) for name, value in combined.items() if name not in arrays}
    content = {"group": group, "key": {k: _cell(v) for k, v in cells(key).items()}, "metrics": metrics}
    (draft / "metrics.json").write_text(json.dumps(content))
    if arrays:
        np.savez(draft / "arrays.npz", **arrays)


def set_aside(directory: Path, pack: str) -> None:
    """Take a search's failed point out of the launch; its values are kept, for it to be tried again."""
    aside = directory / "failed" / pack
    shutil.rmtree(aside, ignore_errors=True)  # of an earlier attempt
    aside.parent.mkdir(exist_ok=True)
    (directory / "packs" / pack).rename(aside)


def points_set_aside(directory: Path) -> dict[str, dict[str, Any]]:
    """Pack -> the point's values."""
    found = sorted(_names(directory / "failed"))
    return {
        pack: json.loads((directory / "failed" / pack / "pack.json").read_text())["point"] for pack in found
    }


def committed(directory: Path) -> set[str]:
    """Ids of the packs that are there."""
    return _names(directory / "packs")


def committed_groups(directory: Path) -> set[str]:
    """Ids of the groups that are there."""
    points = {path.parent.name for path in directory.glob("packs/[!.]*/group")}
    return _names(directory / "groups") | points


def group_directory(directory: Path, group: str) -> Path:
    """Where a group lies: a search's point within its pack."""
    within = directory / "packs" / group / "group"
    return within if within.is_dir() else directory / "groups" / group


def _names(parent: Path) -> set[str]:
    return {p.name for p in parent.iterdir() if not p.name.startswith(".")} if parent.is_dir() else set()


def read_about(directory: Path, pack: str) -> dict[str, Any]:
    """A pack's pack.json."""
    content: dict[str, Any] = json.loads((directory / "packs" / pack / "pack.json").read_text())
    return content


def read_rows(directory: Path, pack: str) -> pd.DataFrame:
    """A pack's rows."""
    import pandas as pd

    return pd.read_parquet(directory / "packs" / pack / "rows.parquet")


def read_failures(directory: Path, pack: str) -> list[Failure]:
    """A pack's failures, usually none."""
    path = directory / "packs" / pack / "failures.json"
    return [Failure(**entry) for entry in json.loads(path.read_text())] if path.is_file() else []


def read_tables(directory: Path, name: str, only: Iterable[str] | None = None) -> pd.DataFrame:
    """All packs' ``rows`` or ``curves`` (of the packs `only`) as one table, in the order of the trials."""
    import pandas as pd

    ids = sorted(committed(directory) if only is None else only)
    paths = [directory / "packs" / pack / f"{name}.parquet" for pack in ids]
    frames = [pd.read_parquet(path) for path in paths if path.is_file()]
    if not frames:
        return pd.DataFrame({"trial": pd.Series(dtype=str)})
    table = pd.concat(frames, ignore_index=True).sort_values("trial", kind="stable", ignore_index=True)
    if "status" in table:  # last, also where a later pack brought a metric that the first one lacks
        table["status"] = table.pop("status")
    return table


def read_group(directory: Path, group: str) -> dict[str, Any]:
    """A group's metrics.json: group, key, metrics."""
    content: dict[str, Any] = json.loads((group_directory(directory, group) / "metrics.json").read_text())
    return content


def read_groups(directory: Path) -> pd.DataFrame:
    """All groups that are there: group, the axes that name it, metrics."""
    import pandas as pd

    contents = [read_group(directory, group) for group in sorted(committed_groups(directory))]
    if not contents:
        return pd.DataFrame({"group": pd.Series(dtype=str)})
    return pd.DataFrame([{"group": c["group"]} | c["key"] | c["metrics"] for c in contents])


def pack_of_trial(directory: Path) -> dict[str, str]:
    """Trial id -> id of the pack that holds its results, for the packs that are there."""
    return {trial: pack for pack in committed(directory) for trial in read_about(directory, pack)["trials"]}


def write_npz(path: Path, arrays: ArrayMap) -> None:
    """Arrays under keys ``trial/name/field``."""
    import numpy as np

    flat = {f"{t}/{name}/{key}": value for (t, name), saved in arrays.items() for key, value in saved.items()}
    np.savez(path, **flat)  # type: ignore[arg-type]  # numpy's stub takes any name for allow_pickle


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """A whole npz file; empty if there is none."""
    import numpy as np

    if not path.is_file():
        return {}
    with np.load(path) as content:
        return dict(content)


class Arrays:
    """What trials saved, read from their packs when asked: ``arrays[trial, name] -> {field: array}``.

    The last few packs stay in memory, since a Combine walks through a pack's trials one after another.
    """

    kept = 4

    def __init__(self, directory: Path, pack_of: Mapping[str, str], ready: ArrayMap | None = None) -> None:
        self._directory = directory
        self._pack_of = pack_of
        self._ready = ready or {}
        self._packs: dict[str, ArrayMap] = {}

    def __getitem__(self, key: tuple[str, str]) -> dict[str, np.ndarray]:
        trial, name = key
        found = self._ready.get(key)
        if found is None and trial in self._pack_of:
            found = self._pack(self._pack_of[trial]).get(key)
        if found is None:
            raise KeyError(f"trial {trial} saved no arrays named {name!r}")
        return found

    def _pack(self, pack: str) -> ArrayMap:
        if pack not in self._packs:
            while len(self._packs) >= self.kept:
                del self._packs[next(iter(self._packs))]
            nested: ArrayMap = {}
            for flat, value in read_npz(self._directory / "packs" / pack / "arrays.npz").items():
                trial, name, key = flat.split("/", 2)
                nested.setdefault((trial, name), {})[key] = value
            self._packs[pack] = nested
        return self._packs[pack]
