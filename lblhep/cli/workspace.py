"""Finding the workspace one stands in, and its launches."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep.errors import LaunchError, LblhepError

if TYPE_CHECKING:
    from lblhep.launch import LaunchView

NEWEST = "newest"


def workspace_here() -> Path:
    """The nearest folder with ``data_cards/``, from the working folder upwards."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "data_cards").is_dir():
            return folder
    raise LblhepError(
        f"{here}: no workspace here or above (a folder that holds data_cards/); "
        "`lblhep new mystudy` makes one"
    )


def find_launch(name: str) -> LaunchView:
    """A launch by its directory, its id, the beginning of its id, or ``newest``.

    Raises LaunchError if none or several are meant.
    """
    from lblhep.launch import LaunchView
    from lblhep.launch.directory import launches

    if (Path(name) / "launch.json").is_file():
        return LaunchView(Path(name).absolute())
    known = {path.name: path for path in launches(workspace_here())}
    if not known:
        raise LaunchError("this workspace has no launches yet; `lblhep run RECIPE` makes one")
    if name == NEWEST:
        return LaunchView(list(known.values())[-1])
    matches = [name] if name in known else [key for key in known if key.startswith(name)]
    if len(matches) > 1:
        raise LaunchError(f"{name!r} fits several launches: {', '.join(matches)}")
    if not matches:
        near = get_close_matches(name, known, n=1, cutoff=0.5) or [list(known)[-1]]
        raise LaunchError(f"no launch {name!r}; did you mean {near[0]!r}? `lblhep list` shows all")
    return LaunchView(known[matches[0]])
