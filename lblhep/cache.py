"""The folder in which lblhep keeps what is no result and may be made again, and its records for itself."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """``LBLHEP_CACHE``, else the user's cache folder."""
    named = os.environ.get("LBLHEP_CACHE")
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_cache_dir("lblhep"))
