"""Keep the cache on disk: say where things lie, and write them whole or not at all.

    <cache>/downloads/<hash of address>/<file>            files fetched from elsewhere
    <cache>/productions/<card>/<fingerprint>/<source>/    committed event ranges of an unfinished production
    <cache>/samples/<card>/<fingerprint>/                 a finished data set: Parquet parts, manifest.json

Everything is written whole or not at all (``lblhep.atomic``), so a reader never sees a half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lblhep import atomic
from lblhep.cache import cache_root, refusal
from lblhep.errors import CardError

HASH_DIGITS = 16  # hexadecimal digits of a hash that name a directory


def sample_directory(card: str, fingerprint: str) -> Path:
    return cache_root() / "samples" / card / fingerprint[:HASH_DIGITS]


def production_directory(card: str, fingerprint: str) -> Path:
    return cache_root() / "productions" / card / fingerprint[:HASH_DIGITS]


def card_directories(card: str) -> tuple[Path, Path]:
    """Return all that the cache holds of a card's data, of every fingerprint, but downloads."""
    return cache_root() / "samples" / card, cache_root() / "productions" / card


def download_path(url: str, name: str) -> Path:
    return cache_root() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:HASH_DIGITS] / name


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write ``path`` into a CardError that says how to mend it."""
    try:
        yield
    except OSError as error:
        raise CardError(refusal(path, error)) from error


def commit_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file that becomes ``path``, or leave nothing behind."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, write)


def commit_directory(path: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write a temporary directory that becomes ``path``, or leave nothing behind.

    The caller holds the lock of the card: a temporary directory found here is a dead process's.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.sweep(path.parent)
        with atomic.whole_directory(path) as temporary:
            fill(temporary)


def remove(path: Path) -> None:
    """Remove a directory of the cache whole, if it is there, and what a killed process left of it.

    The caller holds the lock of the card.
    """
    with writing(path):
        atomic.sweep(path.parent, path.name)
        if path.is_symlink():
            raise CardError(f"{path}: is a link, which is not removed: remove it by hand")
        if path.exists():
            atomic.remove_directory(path)
