"""Find the workspace that one stands in, and its launches."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.errors import LaunchError, LblhepError

if TYPE_CHECKING:
    from lblhep.launch import LaunchView

NEWEST_LAUNCH = "newest"
ID_TO_THE_DAY = re.compile(r".+-\d{8}(?=-\d{6})")  # the study and the day in a launch's id


def workspace_here() -> Path:
    """Return the nearest folder with ``data_cards/``, from the working folder upwards."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "data_cards").is_dir():
            return folder
    raise LblhepError(
        f"{here}: no workspace here or above (a folder that holds data_cards/); "
        "`lblhep new mystudy` makes one"
    )


def find_launch(name: str) -> LaunchView:
    """Find a launch by its directory, its id, the beginning of its id, or ``newest``.

    Raises LaunchError if none or several are meant.
    """
    from lblhep.launch import LaunchView

    if name and (Path(name) / "launch.json").is_file():
        return LaunchView(Path(name).absolute())
    return LaunchView(_named(name))


def find_removable(name: str) -> Path:
    """Find a launch that may be removed, by its directory, its id, the beginning of its id, or ``newest``.

    A beginning holds at least the study's name and the date: what is shorter is rather a slip of the pen, or
    a shell variable that is not set.

    Raises LaunchError if none or several are meant, or one that is not to be removed.
    """
    from lblhep.launch.store.removal import removable

    if "/" in name:
        path = Path(name).absolute()
        if not (path / "launch.json").is_file():
            raise LaunchError(f"no launch {name!r}: there is no {path / 'launch.json'}")
        return removable(workspace_here(), path)
    found = _named(name)
    shortest = ID_TO_THE_DAY.match(found.name)
    if name not in (found.name, NEWEST_LAUNCH) and (shortest is None or len(name) < len(shortest[0])):
        least = found.name if shortest is None else shortest[0]
        raise LaunchError(
            f"{name!r} is too short to remove a launch by: give {least!r} or more of {found.name}"
        )
    return removable(workspace_here(), found)


def _named(name: str) -> Path:
    """Find the workspace's launch of that id, of that beginning of an id, or the ``newest``."""
    from lblhep.launch.store.directory import launches

    known = {path.name: path for path in launches(workspace_here())}
    if not name:
        raise LaunchError(
            "the name of a launch is empty (is a shell variable not set?); `lblhep list` shows them"
        )
    if not known:
        raise LaunchError("this workspace has no launches yet; `lblhep run RECIPE` makes one")
    if name == NEWEST_LAUNCH:
        return list(known.values())[-1]
    matches = [name] if name in known else [key for key in known if key.startswith(name)]
    if len(matches) > 1:
        raise LaunchError(f"{name!r} fits several launches: {', '.join(matches)}")
    if not matches:
        near = get_close_matches(name, known, n=1, cutoff=0.5) or [list(known)[-1]]
        raise LaunchError(f"no launch {name!r}; did you mean {near[0]!r}? `lblhep list` shows all")
    return known[matches[0]]
