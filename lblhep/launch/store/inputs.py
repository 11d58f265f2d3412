"""A launch's results depend on its recipe, and on the source files and the data that are recorded here.

The files of lblhep and of ``experiments/<study>/`` are watched by digests.  A component from anywhere else
(another study, a package of the user's) is not: the launch's run in MLflow has the versions of the installed
packages.  Data are watched by the fingerprints of their cards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lblhep.cards import DataCard
    from lblhep.recipe import Recipe

FILES_WITHOUT_RESULTS = ("lblhep/cli/", "lblhep/report/", "lblhep/notify.py")
"""Where the files are through which no row, array or group metric passes: they start and draw launches.

So an edit of a figure or of a help text may come between a launch and its resumption.  (A study's own figures
are not told from its models: a study's file counts whatever its name is.)
"""


def code_digests(workspace: Path, study: str) -> dict[str, str]:
    """Return the SHA-256 (shortened) of each Python file of lblhep and of the study's package, by its path.

    Files that no result depends on (``FILES_WITHOUT_RESULTS``) are left out.  The study is the workspace's
    ``experiments/<study>/`` if there is one, else the installed one.
    """
    import lblhep

    roots = {"lblhep": Path(lblhep.__file__).parent}
    own = workspace / "experiments" / study
    if own.is_dir():
        roots[f"experiments/{study}"] = own
    elif (installed := _installed(study)) is not None:
        roots[f"experiments/{study}"] = installed
    files = {
        f"{name}/{path.relative_to(root).as_posix()}": path
        for name, root in roots.items()
        for path in sorted(root.rglob("*.py"))
    }
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for name, path in files.items()
        if not name.startswith(FILES_WITHOUT_RESULTS)
    }


def _installed(study: str) -> Path | None:
    try:
        spec = find_spec(f"experiments.{study}")
    except ModuleNotFoundError:  # no package ``experiments`` at all
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the files that were changed, added or removed."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def code_digest(digests: Mapping[str, str]) -> str:
    """Return one digest of all files."""
    content = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def cards(recipe: Recipe) -> list[DataCard]:
    """Return the data cards of the recipe's data sets, each once, by name."""
    from lblhep.cards import read_card

    names = {dataset.card for dataset in recipe.datasets.values() if dataset.card}
    return [read_card(recipe.workspace, name) for name in sorted(names)]


def check_data(recipe: Recipe) -> None:
    """Open the data that are here, so that what is damaged is said once and not by every trial.

    What a card makes on first use is left to the first worker that needs it.

    Raises:
        CardError: a file is missing, damaged, or cannot be fetched.
    """
    from lblhep.cards import open_sample, state

    for card in cards(recipe):
        if card.source == "files" or state(card).kind == "made":
            open_sample(recipe.workspace, card.name)


def fingerprints(recipe: Recipe) -> dict[str, str]:
    """Return the fingerprint of each card's data, by the card's name."""
    from lblhep.cards import fingerprint

    return {card.name: fingerprint(card) for card in cards(recipe)}
