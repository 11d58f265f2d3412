"""What must answer at once loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
sys.argv = ["lblhep", *sys.argv[1:]]
from lblhep.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "ray", "mlflow", "lightning", "pandas", "matplotlib", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["data", "--help"],
        ["validate", "recipes/sample.yaml", "--no-import"],
        ["list"],
    ],
    ids=" ".join,
)
def test_no_heavy_import(words: list[str], workspace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
