"""Write a file or a folder whole, remove a folder whole, and lock: the only way that lblhep does these.

What is written is a *draft* at first: a file or folder beside its place, under a name that begins with a dot
and that no other writer has.  Its bytes reach the disk, then it gets its name, then the folder that holds the
name reaches the disk too.  So a reader sees all of it or nothing; a writer that is killed leaves a draft,
which ``sweep`` removes; and a power cut may cost what was written last, but leaves nothing half.

Locks are the kernel's (``flock``): a lock ends with its process and the children forked from it, however they
end.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lblhep.waiting import waiting_for

DRAFT_PREFIX = ".draft-"
"""The beginning of the names of drafts."""

MAX_NAME_LETTERS = 100
"""The most letters of a name that its drafts keep: a name has room for 255 bytes."""

RETRY_SECONDS = 0.2
"""Seconds between two attempts to take a lock."""


class LockedError(Exception):
    """Raised where another process holds the lock; its text says which process, on which host."""


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a draft that becomes ``path``, in place of what was there; if it fails, that stays.

    Raises:
        OSError: the file cannot be written, or its folder is not there.
    """
    draft = _draft(path)
    try:
        write(draft)
        to_disk(draft)
        draft.rename(path)
        to_disk(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Give a draft of a folder to write into, which becomes ``path`` at the end, or is removed if that fails.

    Raises:
        FileExistsError: ``path`` is there by then, and not empty; it stays as it is.
        OSError: the folder cannot be written, or its parent is not there.
    """
    draft = _draft(path)
    draft.mkdir()
    try:
        yield draft
        for entry in draft.rglob("*"):
            to_disk(entry)
        to_disk(draft)
        _rename_folder(draft, path)
        to_disk(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _rename_folder(draft: Path, path: Path) -> None:
    try:
        draft.rename(path)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        raise


def remove_directory(path: Path) -> None:
    """Remove a folder whole: it loses its name at once, then its files; a kill in between leaves a draft.

    Raises:
        OSError: it cannot be removed, is not there, or is a link.
    """
    if path.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "is a link, not a folder", str(path))
    draft = _draft(path)
    path.rename(draft)
    to_disk(path.parent)
    shutil.rmtree(draft)


def drafts(folder: Path, name: str | None = None) -> list[Path]:
    """Return the drafts in ``folder``: of what is to be called ``name`` there, or all."""
    ending = ".+" if name is None else re.escape(name[-MAX_NAME_LETTERS:])
    form = re.compile(rf"{re.escape(DRAFT_PREFIX)}.+-\d+-[0-9a-f]{{8}}-{ending}", re.DOTALL)
    return [path for path in folder.glob(f"{DRAFT_PREFIX}*") if form.fullmatch(path.name)]


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the drafts in ``folder``: of what is to be called ``name`` there, or all.

    Only for who holds the lock without which nobody writes under that name, or in that folder.
    """
    for draft in drafts(folder, name):
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink()


def _draft(path: Path) -> Path:
    """Return a name that no other writer has, even where machines share process ids; the suffix is kept.

    (Some writers go by a file's suffix.)
    """
    writer = f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return path.with_name(f"{DRAFT_PREFIX}{writer}-{path.name[-MAX_NAME_LETTERS:]}")


def to_disk(path: Path) -> None:
    """Make a file's bytes, or a folder's names, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise  # some network file systems take no folders, and write their names at once
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock file ``path``, whose text tells people who holds it.

    The file stays: were it removed, two processes could lock two different files of one name.

    Args:
        wait: until another process lets go of it.

    Raises:
        LockedError: another process holds it, and ``wait`` is false.
        OSError: the file cannot be written, or its folder is not there.
    """
    with path.open("a+") as file:
        if not _taken(file):
            file.seek(0)
            holder = file.read().strip() or "an unknown process"
            if not wait:
                raise LockedError(holder)
            with waiting_for(f"{holder}, which holds {path}"):
                while not _taken(file):
                    pass
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
        file.flush()
        yield


def _taken(file: IO[str]) -> bool:
    """Take the lock if it is free, now or a moment later, since ``is_locked`` holds it for that moment."""
    end = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
        time.sleep(RETRY_SECONDS)


def is_locked(path: Path) -> bool:
    """Say whether a process holds the lock file ``path``, or nobody may look."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
