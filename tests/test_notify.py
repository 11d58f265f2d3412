"""Notifications reach a server, and their addresses reach nothing else."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote

import pytest

from lblhep.launch import launch
from lblhep.notify import send


class Inbox(HTTPServer):
    """Keeps the messages posted to it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), Post)


class Post(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.server.paths.append(unquote(self.path))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def address(inbox: Inbox) -> str:
    return f"json://user:secretword@127.0.0.1:{inbox.server_port}/"


def test_sent(inbox: Inbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTIFY_TEST", address(inbox))
    assert send("NOTIFY_TEST", "a title", "a body") == ""
    assert inbox.messages[0]["title"] == "a title"
    assert inbox.messages[0]["message"] == "a body"


def test_commas_inside_an_address_do_not_end_it(inbox: Inbox, monkeypatch: pytest.MonkeyPatch):
    one = f"{address(inbox)}a,b"
    monkeypatch.setenv("NOTIFY_TEST", f"{one}, {address(inbox)},{one}\n{one}")
    assert send("NOTIFY_TEST", "a title", "a body") == ""
    assert sorted(inbox.paths) == ["/", *3 * ["/a,b"]]


def test_warnings_name_the_variable_and_no_address(monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    assert send("NOTIFY_TEST", "t", "b") == "", "not set: not wanted"
    for value in ("nonsense://secretword", "json://user:secretword@127.0.0.1:9/"):
        monkeypatch.setenv("NOTIFY_TEST", value)
        warning = send("NOTIFY_TEST", "t", "b")
        assert "NOTIFY_TEST" in warning
        assert "secretword" not in warning
    assert "secretword" not in caplog.text + "".join(capfd.readouterr())


def test_a_launch_notifies_and_writes_no_address(toy, inbox: Inbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTIFY_TEST", address(inbox))
    recipe = toy("scan", "notify={urls_env: NOTIFY_TEST, on: [started, failed]}", "task.fail=['000004']")
    outcome = launch(recipe, serial=True)
    titles = [message["title"] for message in inbox.messages]
    assert titles == [f"{outcome.id} started", f"{outcome.id} failed"]
    assert "12 of 12 trials done, 1 failed" in inbox.messages[1]["message"]
    assert "rows: 12" in inbox.messages[1]["message"].splitlines(), "as rounded as on the terminal"
    written = [path for path in recipe.workspace.rglob("*") if path.is_file()]
    assert not any(b"secretword" in path.read_bytes() for path in written)
