"""A disk cache for what is slow to make and fully named by its key (the products of a Pipeline's stages)."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lblhep import atomic

T = TypeVar("T")


class StageCache:
    """Pickles under ``<directory>/<sha256 of the key>``; safe to delete at any time.

    Two workers that want the same product do not both make it: the second waits for the first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str, make: Callable[[], T]) -> T:
        """`make()`, or what it returned earlier under the same key."""
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        path = self._directory / f"{name}.pickle"
        self._directory.mkdir(parents=True, exist_ok=True)
        with atomic.lock(self._directory / f"{name}.lock", wait=True):
            if path.is_file():
                return self._read(path)  # type: ignore[no-any-return]
            product = make()
            content = pickle.dumps(product, protocol=pickle.HIGHEST_PROTOCOL)
            atomic.write_file(path, lambda draft: draft.write_bytes(content))
            return product

    def _read(self, path: Path) -> Any:
        with path.open("rb") as file:
            return pickle.load(file)
