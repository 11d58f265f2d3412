"""The budget of seconds: what is printed, and what fails a run."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from tests.budget import STUDY, TEST, Budget, failing, part_of


@pytest.mark.parametrize(
    ("nodeid", "part"),
    [
        ("tests/experiments/cwola/test_folds.py::test_one", "cwola"),
        ("tests/test_recipes.py::test_its_smoke_profile_runs[hadron-urqmd]@ray", "hadron"),
        ("tests/test_recipes.py::test_its_smoke_profile_runs[tuning]", "tuning"),
        ("tests/test_recipes.py::test_a_feature_that_a_study_does_not_know_is_found", "the harness"),
        ("tests/cli/test_run.py::test_exit_codes[hadron]", "the harness"),
        ("tests/surrogates/test_tune.py::test_one", "the harness"),
    ],
)
def test_parts(nodeid: str, part: str) -> None:
    assert part_of(nodeid) == part


def told(seconds: dict[str, float], *, fails: bool = True, durations: int | None = None) -> tuple[str, Any]:
    """Return what is printed of tests that take these seconds (a third in setup), and the exit status."""
    budget, session = Budget(fails=fails), SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    for name, duration in seconds.items():
        nodeid, _, marker = name.partition(" ")
        for when, share in (("setup", 1 / 3), ("call", 2 / 3), ("teardown", 9)):
            report: Any = SimpleNamespace(
                nodeid=nodeid, when=when, duration=share * duration, keywords={marker: 1}
            )
            budget.pytest_runtest_logreport(report)
    budget.pytest_sessionfinish(session)  # type: ignore[arg-type]
    printed = io.StringIO()
    reporter: Any = SimpleNamespace(
        config=SimpleNamespace(getoption=lambda name: durations),
        section=lambda title: printed.write(f"{title}\n"),
        line=lambda line: printed.write(f"{line}\n"),
    )
    budget.pytest_terminal_summary(reporter)
    return printed.getvalue(), session.exitstatus


STUDYS = "tests/experiments/cwola/test_folds.py::"


def test_within_the_limits_nothing_is_printed_unless_durations_are() -> None:
    seconds = {f"{STUDYS}one": TEST, f"{STUDYS}two": TEST - 3, "tests/test_names.py::one": TEST - 1}
    assert told(seconds) == ("", pytest.ExitCode.OK)
    printed, status = told(seconds, durations=20)
    assert printed.splitlines()[1:] == ["    27 of 45 s: cwola", "    14 of 300 s: the harness"]
    assert status == pytest.ExitCode.OK


def test_more_than_a_limit_is_printed_and_twice_as_much_fails() -> None:
    within, over = (
        {f"{STUDYS}one slow": STUDY - 5, f"{STUDYS}two slow": seconds} for seconds in (15.0, failing("cwola"))
    )
    printed, status = told(within)
    assert "    55 of 45 s: cwola, over its limit by 10 s\n" in printed
    assert status == pytest.ExitCode.OK
    assert told(over)[1] == pytest.ExitCode.TESTS_FAILED
    assert told(over, fails=False)[1] == pytest.ExitCode.OK
    too_much = {"tests/test_names.py::one slow": failing("the harness") + 1}
    assert told(too_much)[1] == pytest.ExitCode.TESTS_FAILED


def test_a_slow_test_gives_its_reason() -> None:
    """Two thirds of each test's seconds are its call, which alone is judged."""
    seconds = {"one slow": 1.5 * TEST + 1.5, "two": 1.5 * TEST + 1.5, "three": 1.5 * TEST - 1.5}
    printed, status = told({f"tests/test_names.py::{name}": duration for name, duration in seconds.items()})
    assert printed == (
        "seconds of setups and calls\n"
        "    69 of 300 s: the harness\n"
        "    16 s: tests/test_names.py::two, over 15 s without a reason: @pytest.mark.slow('why')\n"
    )
    assert status == pytest.ExitCode.OK


def test_a_run_over_budget_ends_with_an_error(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pytest itself takes the exit status that the plugin sets."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    monkeypatch.setattr("tests.budget.HARNESS", 0.0)
    monkeypatch.setattr("tests.budget.MEASURED", {})
    plugins = [Budget(fails=True)]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = ["-q", "-p", "no:cacheprovider", "-c", str(tmp_path / "pytest.ini"), str(tmp_path)]
    status = pytest.main(words, plugins)
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "over its limit" in capsys.readouterr().out
    assert TerminalReporter.section  # the names that the plugin calls
    assert TerminalReporter.line
