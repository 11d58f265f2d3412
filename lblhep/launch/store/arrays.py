"""Trials save arrays beside their metrics; one npz file holds those of a pack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.launch.store.packs import pack_file

if TYPE_CHECKING:
    import numpy as np

ArrayMap = dict[tuple[str, str], dict[str, "np.ndarray"]]
"""What trials saved: the arrays by field, under the trial's id and a name."""


def write_npz(path: Path, arrays: ArrayMap) -> None:
    """Write arrays under keys ``trial/name/field``."""
    import numpy as np

    flat = {f"{t}/{name}/{key}": value for (t, name), saved in arrays.items() for key, value in saved.items()}
    np.savez(path, **flat)  # type: ignore[arg-type]  # numpy's stub takes any name for allow_pickle


def read_npz(path: Path | None) -> dict[str, np.ndarray]:
    """Read a whole npz file; return nothing if there is none."""
    import numpy as np

    if path is None:
        return {}
    with np.load(path) as content:
        return dict(content)


class Arrays:
    """Reads what trials saved from their packs when it is asked: ``arrays[trial, name] -> {field: array}``.

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
            for flat, value in read_npz(pack_file(self._directory, pack, "arrays.npz")).items():
                trial, name, key = flat.split("/", 2)
                nested.setdefault((trial, name), {})[key] = value
            self._packs[pack] = nested
        return self._packs[pack]
