"""Which code a launch runs: digests of the source files whose change makes its results another study's.

Those of lblhep and of ``experiments/<study>/``.  A component from anywhere else (another study, a package of
the user's) is not watched: of installed packages the launch's run in MLflow has the versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

ASIDE = ("lblhep/cli/", "lblhep/report/", "lblhep/notify.py")
"""No row, array or group metric passes through these: they start a launch, draw it and speak of it.

So an edit of a figure or of a help text may come between a launch and its resumption.  (A study's own figures
are not told from its models: a study's file counts whatever its name is.)
"""


def code_digests(workspace: Path, study: str) -> dict[str, str]:
    """File -> sha256 (shortened) of the Python files of lblhep and of the study's package directory.

    All of them, but for those that no result depends on (``ASIDE``).  The study is the workspace's
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
        if not name.startswith(ASIDE)
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
    """The files that were changed, added or removed."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def code_digest(digests: Mapping[str, str]) -> str:
    """One digest of them all."""
    content = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
