"""The seconds that the suite may take: the harness and each study have a limit, and so has a single test.

Pytest's own durations are compared with the limits: setup and call of every test, added up for each part, and
the call alone for a single test, because its setup may be the first to import or to make what others share.
The smoke runs of the shipped recipes count for their studies.  What is over a limit is printed; a part that
takes twice its limit, or twice what it took when the limits were set, fails the run where ``CI`` is set,
because only there nobody else uses the cores.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

HARNESS, STUDY, TEST = 300.0, 45.0, 15.0
"""Seconds of the harness, of one study, and of one test's call without the marker ``slow`` and its reason."""

MEASURED = {"the harness": 942.0, "cwola": 110.0, "hadron": 275.0, "tuning": 150.0}
"""Seconds of parts that are over their limits still, in two processes on two cores.  They may only fall."""

STUDIES = sorted(path.name for path in (Path(__file__).parents[1] / "experiments").iterdir() if path.is_dir())


def part_of(nodeid: str) -> str:
    """Return the study that a test belongs to, or "the harness"."""
    known = "|".join(STUDIES)
    found = re.match(rf"tests/experiments/({known})/|tests/test_recipes\.py::\w+\[({known})\b", nodeid)
    return next(filter(None, found.groups())) if found else "the harness"


class Budget:
    """Adds up the durations of tests as they are reported; of pytest-xdist's workers, in their controller."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        """Whether a part that takes twice its limit fails the run."""
        self.parts: defaultdict[str, float] = defaultdict(float)
        self.calls: dict[str, float] = {}
        self.reasoned: set[str] = set()
        """The tests with a reason to be slow."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            self.parts[part_of(report.nodeid)] += report.duration
        if report.when == "call":
            self.calls[report.nodeid] = report.duration
        if "slow" in report.keywords:
            self.reasoned.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        too_much = any(seconds > failing(part) for part, seconds in self.parts.items())
        if self.fails and too_much and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        over = {part: s for part, s in self.parts.items() if s > limit(part)}
        slow = {test: s for test, s in self.calls.items() if s > TEST and test not in self.reasoned}
        if over or slow or terminalreporter.config.getoption("durations") is not None:
            terminalreporter.section("seconds of setups and calls")
            for part, seconds in sorted(self.parts.items()):
                excess = f", over its limit by {seconds - limit(part):.0f} s" if part in over else ""
                terminalreporter.line(f"{seconds:6.0f} of {limit(part):.0f} s: {part}{excess}")
            for test, seconds in slow.items():
                terminalreporter.line(
                    f"{seconds:6.0f} s: {test}, over {TEST:.0f} s without a reason: @pytest.mark.slow('why')"
                )


def limit(part: str) -> float:
    """Return the seconds that a part of the suite may take."""
    return STUDY if part in STUDIES else HARNESS


def failing(part: str) -> float:
    """Return the seconds from which a part fails the run."""
    return 2 * max(limit(part), MEASURED.get(part, 0.0))
