"""The live table and the plain lines, with a clock that the test turns."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from lblhep.cli.console import duration
from lblhep.cli.progress import LINE_INTERVAL_SECONDS, LiveTable, PlainLines, logged, pace
from lblhep.launch import Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_come_at_the_start_then_every_ten_seconds_and_at_the_end() -> None:
    said: list[str] = []
    clock = Clock()
    lines = PlainLines(said.append, clock)
    lines(Progress(total=100, message="starting Ray"))
    for second in range(1, 26):
        clock.now = float(second)
        lines(
            Progress(total=100, done=second, running=2, seconds=clock.now, remaining_seconds=100 - clock.now)
        )
    lines.finish()
    lines.finish()
    assert said[0] == "[0 s] 0/100 trials, starting Ray"
    assert said[1] == "[10 s] 10/100 trials, 2 running, 1 trials/s, 1:30 min left"
    assert [line.split("]")[0] for line in said] == ["[0 s", "[10 s", "[20 s", "[25 s"]


def test_stages_before_the_first_result_are_said_at_once() -> None:
    said: list[str] = []
    lines = PlainLines(said.append, Clock())
    for message in ("making data", "making data", "starting Ray", ""):
        lines(Progress(total=10, message=message))
    assert said == ["[0 s] 0/10 trials, making data", "[0 s] 0/10 trials, starting Ray"]


def test_failures_and_the_best_are_shown() -> None:
    said: list[str] = []
    PlainLines(said.append, Clock())(
        Progress(total=10, done=5, failed=1, pruned=2, best=("auc", 0.81234, "window=3"), seconds=1.0)
    )
    assert said == ["[1 s] 5/10 trials, 1 failed, 2 pruned, auc 0.8123 at window=3"]


def test_the_steps_of_running_packs_are_shown() -> None:
    """A long training says nothing else for minutes; of many packs, the first and the last step will do."""
    shown = [
        logged(Progress(total=9, running=9, steps=steps))
        for steps in ((), (7,), (7, 7), (3, 7), (1, 2, 3, 4))
    ]
    assert shown == ["", "logged step 7", "logged step 7", "logged steps 3 and 7", "logged steps 1 to 4"]
    progress = Progress(total=4, running=2, steps=(3, 7), seconds=60)
    said: list[str] = []
    PlainLines(said.append, Clock())(progress)
    assert said == ["[1:00 min] 0/4 trials, 2 running, logged steps 3 and 7"]
    table, console = LiveTable(Clock()), Console(width=100, record=True, file=StringIO())
    table(progress)
    console.print(table)
    assert "0 of 4 done · 2 running · 0 failed · logged steps 3 and 7" in console.export_text()


def test_the_rate_and_the_time_left_agree() -> None:
    """Ten of a hundred trials are done, the start took 30 s, 90 trials need 90 s: that is one a second."""
    progress = Progress(total=100, done=10, seconds=40.0, remaining_seconds=90.0)
    assert pace(progress) == "1 trials/s, 1:30 min left"
    assert pace(Progress(total=1000, done=905, seconds=10.0, remaining_seconds=1900.0)) == (
        "3 trials/min, 31:40 min left"
    )
    assert pace(Progress(total=100, done=100, seconds=40.0, remaining_seconds=0.0)) == ""


def test_the_first_failure_is_said_at_once_and_later_ones_on_the_next_line() -> None:
    said: list[str] = []
    clock = Clock()
    lines = PlainLines(said.append, clock)
    lines(Progress(total=10, done=1))
    lines(Progress(total=10, done=2, failed=1, message="trial 1 failed: no data"))
    lines(Progress(total=10, done=3, failed=2, message="trial 2 failed: no data"))
    clock.now = LINE_INTERVAL_SECONDS
    lines(Progress(total=10, done=4, failed=2))
    assert [line.split(", ")[-1] for line in said[1:]] == [
        "trial 1 failed: no data",
        "trial 2 failed: no data",
    ]


def test_the_live_table_keeps_the_stage_until_something_runs() -> None:
    table = LiveTable(Clock())
    console = Console(width=100, file=StringIO())
    for progress, stands in (
        (Progress(total=8, message="starting Ray"), True),
        (Progress(total=8), True),
        (Progress(total=8, running=2), False),
    ):
        table(progress)
        with console.capture() as shown:
            console.print(table)
        assert ("starting Ray" in shown.get()) == stands


def test_the_live_table_runs_on_between_snapshots() -> None:
    clock = Clock()
    table = LiveTable(clock)
    table(Progress(total=800))
    table(
        Progress(
            total=800,
            done=200,
            running=25,
            failed=1,
            best=("validation_auc", 0.6123, "window=3 fold=1"),
            seconds=100.0,
            remaining_seconds=300.0,
            message="pack 8 finished",
        )
    )
    clock.now = 20.0
    console = Console(width=100, record=True, file=StringIO())
    console.print(table)
    text = console.export_text()
    for part in ("200 of 800 done", "25 running", "1 failed", "validation_auc 0.6123 at window=3 fold=1"):
        assert part in text
    assert "2:00 min so far · 2 trials/s, 4:40 min left" in text
    assert "pack 8 finished" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_live_table_before_the_first_snapshot_is_empty() -> None:
    console = Console(width=100, record=True, file=StringIO())
    console.print(LiveTable(Clock()))
    assert console.export_text().strip() == ""


def test_durations() -> None:
    assert [duration(s) for s in (0.2, 59.4, 59.6, 185, 7380)] == [
        "0 s",
        "59 s",
        "1:00 min",
        "3:05 min",
        "2:03 h",
    ]
