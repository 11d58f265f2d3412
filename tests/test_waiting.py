"""What waits says so, and ends."""

from __future__ import annotations

import threading
import time

import pytest

from lblhep import waiting
from lblhep.waiting import answer_of, waiting_for


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line after 0.1 s, another one after 0.1 s more."""
    assert waiting.SAY_AFTER < 5
    monkeypatch.setattr(waiting, "SAY_AFTER", 0.1)
    monkeypatch.setattr(waiting, "SAY_AGAIN", 0.1)


def test_a_block_that_lasts_is_said_and_said_again(soon: None, capsys: pytest.CaptureFixture[str]):
    with waiting_for("the bus", 10):
        time.sleep(0.35)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 3
    assert lines[0] == "waiting for the bus: 0 s so far, at most 10 s"
    time.sleep(0.2)
    assert not capsys.readouterr().err, "it is over"


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
