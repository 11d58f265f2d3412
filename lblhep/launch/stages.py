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
    """Pickles under ``<directory>/<sha256 of the key>``, each after its checksum; safe to delete at any time.

    A product may be any Python object, so it is pickled; and a pickle is code, as a recipe is: read it only
    from people whose recipes you run.

    Two workers that want the same product do not both make it: the second waits for the first.

    Args:
        tell: told, in a line, of each entry that is damaged.
    """

    def __init__(self, directory: Path, tell: Callable[[str], None]) -> None:
        self._directory, self._tell = directory, tell

    def get(self, key: str, make: Callable[[], T]) -> T:
        """``make()``, or what it returned earlier under the same key; a damaged entry is made again."""
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        path = self._directory / f"{name}.stage"
        self._directory.mkdir(parents=True, exist_ok=True)
        with atomic.lock(self._directory / f"{name}.lock", wait=True):
            if path.is_file():
                try:
                    return _read(path)  # type: ignore[no-any-return]
                except Exception as error:  # of an unpickling, whatever the classes of the product raise
                    self._tell(f"{path}: is made again ({type(error).__name__}: {error})")
            atomic.sweep(self._directory, path.name)
            product = make()
            _write(path, product)
            return product


def _write(path: Path, product: Any) -> None:
    content = pickle.dumps(product, protocol=pickle.HIGHEST_PROTOCOL)
    checksum = hashlib.sha256(content).digest()
    atomic.write_file(path, lambda draft: draft.write_bytes(checksum + content))


def _read(path: Path) -> Any:
    """Unpickle an entry.  Raises ValueError if it is not what was written, before anything is unpickled."""
    content = memoryview(path.read_bytes())
    length = hashlib.sha256().digest_size
    if hashlib.sha256(content[length:]).digest() != content[:length]:
        raise ValueError("it is not what was written: wrong checksum")
    return pickle.loads(content[length:])
