"""Record where a launch came from: its author and recipe, git commit and diff, versions of packages."""

from __future__ import annotations

import functools
import getpass
import subprocess
from importlib.metadata import distributions
from pathlib import Path

COMMIT = "mlflow.source.git.commit"


def git_state(folder: Path) -> tuple[str, str]:
    """Return the commit and what differs from it, empty if nothing does; both are empty outside git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return "", ""
    diff = _git(folder, "diff", "HEAD") or ""
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard", "*.py", "*.yaml") or ""
    if untracked.strip():
        diff += "\n# not under version control:\n# " + untracked.strip().replace("\n", "\n# ") + "\n"
    return commit.strip(), diff if diff.strip() else ""


def source_tags(recipe: str, commit: str) -> dict[str, str]:
    """Return the tags from which MLflow's pages say who made a run, and from what.

    Args:
        recipe: the recipe's file, from the workspace on.
        commit: empty outside git.
    """
    tags = {"mlflow.user": _user(), "mlflow.source.name": recipe, "mlflow.source.type": "LOCAL"}
    return {name: value for name, value in (tags | {COMMIT: commit}).items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):  # no git here, or a file system that does not answer
        return None
    return done.stdout if done.returncode == 0 else None


@functools.cache
def package_versions() -> str:
    """Return ``name==version`` of all that is installed, as pip would write it.

    The packages are read once in a process, which takes longer than all else that a small launch logs.
    """
    described = (distribution.metadata for distribution in distributions())
    found = {f"{metadata['Name']}=={metadata['Version']}" for metadata in described if metadata["Name"]}
    return "\n".join(sorted(found, key=str.lower)) + "\n"
