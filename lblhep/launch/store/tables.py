"""Make tables of trials and groups from metrics, keep them as Parquet, put them together from the packs.

A trial's row is: trial, name, its axis values, its metrics, status.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lblhep.errors import LblhepError
from lblhep.launch.store import packs
from lblhep.launch.store.checksums import DamageError, reading
from lblhep.recipe import cells
from lblhep.recipe.trials import RESERVED

if TYPE_CHECKING:
    import pandas as pd

    from lblhep.trials import Trial


def rows_table(
    trials: Sequence[Trial], metrics: Mapping[str, Mapping[str, float]], otherwise: str = "failed"
) -> pd.DataFrame:
    """Make one row for each trial: trial, name, its axis values, metrics, status.

    Args:
        trials: the trials.
        metrics: trial id -> metrics of the trials that finished.
        otherwise: the status of the others.
    """
    import pandas as pd

    def row(trial: Trial) -> dict[str, Any]:
        values = {axis: cell(value) for axis, value in cells(trial.point).items()}
        found = {name: float(value) for name, value in metrics.get(trial.id, {}).items()}
        status = "finished" if trial.id in metrics else otherwise
        return {"trial": trial.id, "name": trial.name} | values | found | {"status": status}

    return pd.DataFrame([row(trial) for trial in trials])


def check_names(metrics: Iterable[str], point: Mapping[str, Any]) -> None:
    """Raise LblhepError for metrics whose column in a table is an axis's, or one that every table has."""
    for name in metrics:
        if name in RESERVED:
            raise LblhepError(f"a metric cannot be called {name!r}: every table of results has that column")
        if name in cells(point):
            raise LblhepError(f"the metric {name!r} is called like an axis of the recipe: rename one of them")


def cell(value: Any) -> Any:
    """Return an axis value as a table holds it: lists and mappings become their JSON text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet; an axis that mixes numbers and names is written as text."""
    mixed = [
        column
        for column in frame.columns
        if frame[column].dtype == object and len({type(entry) for entry in frame[column]}) > 1
    ]
    frame.astype(dict.fromkeys(mixed, str)).to_parquet(path, compression="zstd", index=False)


def read_rows(directory: Path, pack: str) -> pd.DataFrame:
    """Read a pack's rows.  Raises DamageError if they, or pack.json, are missing or not what was written."""
    path = packs.pack_file(directory, pack, packs.ROWS)
    assert path is not None
    return read_table(path, directory)


def read_tables(directory: Path, name: str, only: Iterable[str] | None = None) -> pd.DataFrame:
    """Read all packs' ``rows`` or ``curves`` as one table, in the order of the trials.

    Args:
        directory: the launch's directory.
        name: ``rows`` or ``curves``.
        only: the ids of the packs to read; None for all.

    Raises:
        DamageError: a table, or pack.json, is missing or not what was written.
    """
    import pandas as pd

    ids = sorted(packs.committed(directory) if only is None else only)
    paths = [packs.pack_file(directory, pack, f"{name}.parquet") for pack in ids]
    frames = [read_table(path, directory) for path in paths if path is not None]
    if not frames:
        return pd.DataFrame({"trial": pd.Series(dtype=str)})
    table = pd.concat(frames, ignore_index=True).sort_values("trial", kind="stable", ignore_index=True)
    if "status" in table:  # last, also where a later pack brought a metric that the first one lacks
        table["status"] = table.pop("status")
    return table


def read_table(path: Path, directory: Path) -> pd.DataFrame:
    """Read a table of the launch at ``directory``.

    Raises:
        DamageError: it is missing, or not readable as Parquet.
        LaunchError: it cannot be read now.
    """
    import pandas as pd

    with reading(path, packs.remedy(directory)):
        content = path.read_bytes()
    try:
        return pd.read_parquet(io.BytesIO(content))
    except MemoryError:
        raise
    except Exception as error:  # of format 1, which has no checksums: whatever Arrow and pandas raise
        raise DamageError(f"{path}: {error}; {packs.remedy(directory)}") from error


def read_groups(directory: Path) -> pd.DataFrame:
    """Read all groups that are there: group, the axes that name it, metrics."""
    import pandas as pd

    contents = [packs.read_group(directory, group) for group in sorted(packs.committed_groups(directory))]
    if not contents:
        return pd.DataFrame({"group": pd.Series(dtype=str)})
    return pd.DataFrame([{"group": c["group"]} | c["key"] | c["metrics"] for c in contents])
