"""Where the code came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lblhep.tracking.provenance import git_state, package_versions, source_tags


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_committed_changed_and_outside(tmp_path: Path):
    assert git_state(tmp_path) == ("", "")
    assert "mlflow.source.git.commit" not in source_tags("recipes/toy.yaml", "")
    git(tmp_path, "init")
    code = tmp_path / "code.py"
    code.write_text("a = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "first")
    commit, diff = git_state(tmp_path)
    assert (len(commit), diff) == (40, "")
    tags = source_tags("recipes/toy.yaml", commit)
    assert (tags["mlflow.source.name"], tags["mlflow.source.git.commit"]) == ("recipes/toy.yaml", commit)
    code.write_text("a = 2\n")
    (tmp_path / "new.py").write_text("b = 1\n")
    again, diff = git_state(tmp_path)
    assert again == commit
    assert "+a = 2" in diff
    assert "# new.py" in diff


def test_package_versions():
    assert "\nnumpy==" in package_versions()
