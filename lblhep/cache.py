"""The folder in which lblhep keeps what is no result and may be made again, and its records for itself."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import platformdirs

_REMEDIES = {
    errno.ENOSPC: "free some space, or let LBLHEP_CACHE name a folder on another disk",
    errno.EDQUOT: "your quota is used up: let LBLHEP_CACHE name a folder on another disk",
    errno.EACCES: "make it writable, or let LBLHEP_CACHE name a folder that you can write",
    errno.EPERM: "make it writable, or let LBLHEP_CACHE name a folder that you can write",
    errno.EROFS: "let LBLHEP_CACHE name a folder that you can write",
    errno.ENOTDIR: "LBLHEP_CACHE must name a folder, not a file",
    errno.EEXIST: "LBLHEP_CACHE must name a folder, not a file",
}


def cache_root() -> Path:
    """Return the folder ``LBLHEP_CACHE``, else the user's cache folder."""
    named = os.environ.get("LBLHEP_CACHE")
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_cache_dir("lblhep"))


def refusal(path: Path, error: OSError) -> str:
    """Say that the system refuses to write ``path``, which lies in the cache, and how to mend it."""
    remedy = _REMEDIES.get(error.errno or 0, "check the disk, or let LBLHEP_CACHE name another folder")
    return f"{path}: cannot be written: {error.strerror or error}; {remedy}"
