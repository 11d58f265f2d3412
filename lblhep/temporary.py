"""Make temporary folders that are removed however their process ends: if killed, when another starts.

    <cache>/temporary/<id>.json    which folder, of which process, since when, on which host
    <cache>/temporary/<id>.lock    held by that process as long as it lives
    <temporary>/lblhep-<id>/       the folder

The record is there before the folder is.  A folder is removed only by its record, if nobody holds the lock,
and if it is a real folder (no link) of this user.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lblhep.atomic import LockedError, is_locked, lock, write_file
from lblhep.cache import cache_root, refusal
from lblhep.errors import LaunchError

FOLDER_PREFIX = "lblhep-"
MAX_PATH_BYTES = 27
"""The most bytes of the path of the folder's parent: Ray has sockets in it, whose paths may have 107."""

RECORD_KEPT_SECONDS = 60.0
"""Seconds after a removal until its record goes: processes of Ray that were starting make folders anew."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a new folder, which is removed at the end of the block or, if this process is killed, later.

    Raises:
        LaunchError: the cache cannot be written, so there can be no record.
    """
    records = cache_root() / "temporary"
    name = uuid.uuid4().hex[:8]
    record, held = records / f"{name}.json", records / f"{name}.lock"
    folder = _base() / f"{FOLDER_PREFIX}{name}"
    about = {"path": str(folder), "process": os.getpid(), "started": time.time(), "host": os.uname().nodename}
    with ExitStack() as until_the_end:
        try:
            records.mkdir(parents=True, exist_ok=True)
            _remove_remnants(records)
            until_the_end.enter_context(lock(held, wait=False))
            write_file(record, lambda draft: draft.write_text(json.dumps(about)))
        except OSError as error:
            raise LaunchError(refusal(records, error)) from error
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            _remove(folder, record)


def _base() -> Path:
    """Return the directory for temporary files, or ``/tmp`` where its name is too long for sockets below."""
    chosen = Path(tempfile.gettempdir()).resolve()
    return chosen if len(os.fsencode(chosen)) <= MAX_PATH_BYTES else Path("/tmp").resolve()


def _remove_remnants(records: Path) -> None:
    """Remove the folders of killed processes of this user on this host."""
    for record in records.glob("[!.]*.json"):  # no drafts
        held = record.with_suffix(".lock")
        if is_locked(held):
            continue
        try:
            about = json.loads(record.read_text())
            if about["host"] != os.uname().nodename:
                continue
            with lock(held, wait=False):
                folder = Path(about["path"])
                if _is_ours(folder, record.stem):
                    _remove(folder, record)
                elif not folder.exists() and time.time() - record.stat().st_mtime > RECORD_KEPT_SECONDS:
                    record.unlink()
                    held.unlink()
        except (LockedError, OSError, ValueError, KeyError, TypeError):  # in use, gone by now, or no record
            continue


def _is_ours(folder: Path, name: str) -> bool:
    """Say whether this is the folder that was recorded under the name: no link, and of this user."""
    whole = folder.name == f"{FOLDER_PREFIX}{name}" and folder.resolve() == folder
    return whole and folder.is_dir() and folder.stat().st_uid == os.getuid()


def _remove(folder: Path, record: Path) -> None:
    """Remove the folder; its record stays for the next start to see that nothing came back."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(FileNotFoundError):  # the cache was removed meanwhile
        os.utime(record)
