"""How errors leave the command line: message, exit code, and a traceback only on demand."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import typer

from lblhep.cli.faults import explained
from lblhep.errors import CardError, LaunchError, Problem, RecipeError


def raised_inside(error: BaseException, *, debug: bool = False) -> int:
    with pytest.raises(typer.Exit) as ended, explained(debug=debug):
        raise error
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (CardError("the data are gone"), 1, "the data are gone\n"),
        (LaunchError("held by another"), 1, "held by another\n"),
        (RecipeError([Problem("a.yaml", 1, 2, "x", "is wrong")]), 2, "a.yaml:1:2: x: is wrong\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "mlruns/x"),
            1,
            "mlruns/x: No space left on device\n",
        ),
        (
            ZeroDivisionError("division by zero"),
            1,
            "ZeroDivisionError: division by zero\n"
            "This is a bug in lblhep. Add --debug to see the traceback, and please report it.\n",
        ),
    ],
)
def test_message_and_code(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raised_inside(error) == code
    streams = capsys.readouterr()
    assert streams.err == message
    assert streams.out == ""


def test_debug_lets_the_exception_pass() -> None:
    with pytest.raises(LaunchError), explained(debug=True):
        raise LaunchError("held by another")


@pytest.mark.parametrize("words", [["--debug", "report", "x"], ["report", "x", "--debug"]])
def test_debug_is_taken_from_anywhere(words: list[str], call: Any, workspace: Path) -> None:
    result = call(*words)
    assert isinstance(result.exception, LaunchError)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "recipes"], 2, "recipes: cannot be read: Is a directory"),
        (["run", "recipes/sample.yaml", "task.epcohs=3"], 2, "did you mean `epochs`?"),
        (["run", "recipes/sample.yaml", "--profile", "smok"], 2, "did you mean `smoke`?"),
        (["frobnicate"], 2, "No such command"),
        (["run"], 2, "Missing argument"),
        (["run", "recipes/sample.yaml", "--frob"], 2, "No such option"),
        (["describe", "experiments.sample.models:Clasifier"], 2, "did you mean `Classifier`?"),
        (["describe", "experiments.smple.models:Classifier"], 2, "did you mean `sample`?"),
        (["describe", "smaple"], 2, "smaple: there is no such recipe; did you mean `recipes/sample.yaml`?"),
        (["validate", "recipes/smple.yaml"], 2, "no such recipe; did you mean `recipes/sample.yaml`?"),
        (["run", "nowhere.yaml"], 2, "nowhere.yaml: there is no such recipe; known: recipes/sample.yaml"),
        (["compare", "sample"], 1, "no launches yet"),
        (["compare"], 1, "no launches yet"),
        (["report", "newest"], 1, "no launches yet"),
        (["freeze", "sample-20260101-000000"], 1, "no launches yet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input(words: list[str], code: int, message: str, call: Any, workspace: Path) -> None:
    result = call(*words)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert "bug in lblhep" not in result.output


def test_outside_a_workspace(call: Any, folder: Path) -> None:
    result = call("list")
    assert result.exit_code == 1
    assert "no workspace here or above" in result.stderr
    assert "lblhep new mystudy" in result.stderr


def test_an_unreadable_launch(call: Any, stored: Path) -> None:
    (stored / "launch.json").write_text("{")
    result = call("report", "newest")
    assert result.exit_code == 1
    assert "launch.json" in result.stderr
    assert "Traceback" not in result.output
    listed = call("list")
    assert listed.exit_code == 0
    assert "unreadable" in listed.stdout
