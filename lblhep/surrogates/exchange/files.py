"""Read and write whole files, with errors that say where the fault is and how to mend it.

A file is written beside its place under a temporary name and renamed: a reader never sees a half, and a
failure leaves what was there before.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lblhep.atomic import write_file
from lblhep.errors import LblhepError

GZIP = b"\x1f\x8b"


class FormatError(LblhepError, ValueError):
    """The error says that a file, or what should be written to one, is not as its format wants it."""

    def __init__(self, path: Path | str, place: str, problem: str, remedy: str) -> None:
        where = f"{path}: {place}" if place else f"{path}"
        super().__init__(f"{where}: {problem}; {remedy}")


def read_text(path: Path | str) -> str:
    """Read a text file in UTF-8, compressed with gzip or not, whatever its name ends in."""
    try:
        content = Path(path).read_bytes()
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        return content.decode()
    except UnicodeDecodeError as error:
        raise FormatError(
            path, f"byte {error.start}", "this is no text in UTF-8", "is it the right file?"
        ) from None
    except (OSError, EOFError) as error:  # EOFError and BadGzipFile: cut off or damaged
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(
            path, "", f"cannot be read: {reason}", "check the name, or fetch it again"
        ) from None


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises FormatError for other JSON, and for a key given twice, of which one would be lost.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise FormatError(path, twice, "this key is given twice", "keep one of the two")
        return seen

    try:
        content = json.loads(read_text(path), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise FormatError(path, place, f"not JSON: {error.msg}", "was the file cut off?") from None
    if not isinstance(content, dict):
        raise FormatError(
            path, "", f"a JSON {type(content).__name__}, not an object", "expected {bin id: ...}"
        )
    return content


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` in UTF-8, whole or not at all."""
    commit(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def write_json(path: Path | str, content: dict[str, Any]) -> None:
    """Write JSON as apprentice does, whole or not at all; numbers keep every digit.  ValueError for NaN."""
    write_text(path, json.dumps(content, indent=4, allow_nan=False) + "\n")


def commit(path: Path | str, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file that becomes ``path``, or leave nothing behind."""
    try:
        write_file(Path(path), write)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise FormatError(path, "", problem, "make its folder, or name one that you can write") from None


def check_unique(path: Path | str, ids: Iterable[str]) -> None:
    """Raise FormatError for a bin id that stands twice."""
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise FormatError(path, name, "this bin stands twice", "keep one of the two")
        seen.add(name)
