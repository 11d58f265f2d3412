"""Where a launch came from: its author and recipe, git commit and diff, versions of packages."""

from __future__ import annotations

import getpass
import subprocess
from importlib.metadata import distributions
from pathlib import Path


def git_state(folder: Path) -> tuple[dict[str, str], str]:
    """Tags for commit and cleanliness, and the diff against the commit; nothing outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}, ""
    diff = _git(folder, "diff", "HEAD") or ""
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard", "*.py", "*.yaml") or ""
    clean = not diff.strip() and not untracked.strip()
    if untracked.strip():
        diff += "\n# not under version control:\n# " + untracked.strip().replace("\n", "\n# ") + "\n"
    tags = {
        "mlflow.source.git.commit": commit.strip(),
        "lblhep.git_clean": str(clean).lower(),
    }
    return tags, "" if clean else diff


def source_tags(recipe: str) -> dict[str, str]:
    """Return the tags from which MLflow's pages say who made a run, and from what.

    Args:
        recipe: the recipe's file, from the workspace on.
    """
    return {"mlflow.source.name": recipe, "mlflow.source.type": "LOCAL"} | _user()


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (KeyError, OSError):  # a container whose user has no name
        return {}


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


def package_versions() -> str:
    """``name==version`` of all that is installed, as pip would write it."""
    found = {f"{d.metadata['Name']}=={d.version}" for d in distributions() if d.metadata["Name"]}
    return "\n".join(sorted(found, key=str.lower)) + "\n"
