"""What waits says so, and ends."""

from __future__ import annotations

import io
import re
import sys
import threading
import time

import pytest

from lblhep import waiting
from lblhep.waiting import answer_of, waiting_for


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line after 0.1 s, another one after 0.1 s more."""
    assert waiting.FIRST_LINE_SECONDS < 5
    monkeypatch.setattr(waiting, "FIRST_LINE_SECONDS", 0.1)
    monkeypatch.setattr(waiting, "NEXT_LINES_SECONDS", 0.1)


def test_a_block_that_lasts_is_said_and_said_again(soon: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    end = time.monotonic() + 20
    with waiting_for("the bus", 10):
        while said.getvalue().count("\n") < 2 and time.monotonic() < end:
            time.sleep(0.02)
    first, second = said.getvalue().splitlines()[:2]
    assert re.fullmatch(r"waiting for the bus: \d+ s so far, at most 10 s", first)
    assert re.fullmatch(r"waiting for the bus: \d+ s so far, at most 10 s", second)
    time.sleep(0.2)  # for a line that was on its way
    until_now = said.getvalue()
    time.sleep(0.3)
    assert said.getvalue() == until_now, "it is over"


def test_a_short_block_is_not(capsys: pytest.CaptureFixture[str]):
    with waiting_for("the bus"):
        pass
    assert not capsys.readouterr().err


def test_an_answer_and_an_error_come_through():
    assert answer_of(lambda: 42, "the answer", 5) == 42
    assert answer_of(lambda: None, "nothing", 5) is None
    with pytest.raises(ZeroDivisionError):
        answer_of(lambda: 1 // 0, "the answer", 5)


def test_no_answer_is_an_end(soon: None, capsys: pytest.CaptureFixture[str]):
    never = threading.Event()
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match=r"^no answer within 0.3 s$"):
        answer_of(lambda: never.wait(20), "the bus", 0.3)
    never.set()
    assert time.monotonic() - begin < 5
    assert "waiting for the bus" in capsys.readouterr().err
