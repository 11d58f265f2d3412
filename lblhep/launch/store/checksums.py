"""The JSON records of a launch state the checksums of the files beside them, and their own.

``launch.json``, each ``pack.json`` and each group's ``metrics.json`` are such records.  Whoever reads a file
goes by its record, so what a disk, a copy or an editor has altered is named and not taken for a result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lblhep.atomic import sha256_of
from lblhep.errors import LaunchError

FORMAT = 2
"""The number of the format of what a launch writes, on disk and in MLflow; format 1 has no checksums."""


class DamageError(LaunchError):
    """Raised where a file of a launch is missing, or is not what was written."""


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Tell a file that is missing from one that cannot be read now, which says nothing of what is in it.

    Raises:
        DamageError: there is no such file.
        LaunchError: the system refuses to read it: no permission, a disk or a server that fails.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise DamageError(f"{path}: {error.strerror}; {remedy}") from error
    except OSError as error:
        raise LaunchError(
            f"{path}: {error.strerror or error}; it is left as it is: make it readable, then try again"
        ) from error


def checksums(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by its path below ``folder``."""
    return {file.relative_to(folder).as_posix(): sha256_of(file) for file in sorted(files)}


def record_text(content: Mapping[str, Any]) -> str:
    """Return a record as it is written: JSON, with a checksum of all the rest."""
    plain = json.loads(json.dumps({**content}))  # as JSON gives it back: keys are text, tuples lists
    return json.dumps({**plain, "checksum": _checksum(plain)}, indent=1)


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record of the files that lie beside and below it; nobody else may be writing there."""
    beside = checksums(path.parent, (file for file in path.parent.rglob("*") if file.is_file()))
    path.write_text(record_text({"format": FORMAT, **content, "sha256": beside}))


def read_record(path: Path, remedy: str) -> dict[str, Any]:
    """Read a record of this format or an earlier one.

    Args:
        remedy: what to do about a damaged one, as the end of a sentence.

    Raises:
        DamageError: it is missing, or not what was written.
        LaunchError: it cannot be read now, or is of a format that this version does not know.
    """
    with reading(path, remedy):
        text = path.read_bytes()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamageError(f"{path}: not readable as JSON ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise DamageError(f"{path}: not a JSON object; {remedy}")
    number = content.get("format", 1)
    if isinstance(number, int) and number > FORMAT:  # its checksum may be another than this version's
        raise LaunchError(
            f"{path}: is of format {number}, this version of lblhep reads 1 to {FORMAT}: use a newer one"
        )
    if (number != 1 or "checksum" in content) and content.get("checksum") != _checksum(content):
        raise DamageError(f"{path}: its content is not what was written (wrong checksum); {remedy}")
    if number not in range(1, FORMAT + 1):
        raise DamageError(f"{path}: its format is {number!r:.60}, not a number from 1 to {FORMAT}; {remedy}")
    return content


def checked(folder: Path, record: Mapping[str, Any], name: str, remedy: str) -> Path | None:
    """Return the path of a file that its record states, once its bytes are verified; None if it states none.

    Args:
        folder: where the record lies.
        record: the record.
        name: the file's path below ``folder``.
        remedy: what to do about a damaged file, as the end of a sentence.

    Raises:
        DamageError: it is missing, or not what was written.
        LaunchError: it cannot be read now.
    """
    path, stated = folder / name, record.get("sha256")
    if stated is None:  # format 1
        return path if path.is_file() else None
    if name not in stated:
        return None
    with reading(path, remedy):
        found = sha256_of(path)
    if found != stated[name]:
        raise DamageError(f"{path}: is not what was written (wrong checksum); {remedy}")
    return path


def _checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's content but for its checksum, whatever the order of its keys."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
