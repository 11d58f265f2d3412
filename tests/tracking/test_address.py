"""Kinds of stores by their addresses; an address for people holds no user and no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from lblhep.tracking.address import absolute, is_server, sqlite_file, without_credentials


def test_a_relative_file_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert sqlite_file("sqlite:///rel.db") == tmp_path / "rel.db"
    assert absolute("sqlite:///rel.db") == f"sqlite:///{tmp_path}/rel.db"
    assert absolute("sqlite:///a/rel.db?timeout=5") == f"sqlite:///{tmp_path}/a/rel.db?timeout=5"
    assert absolute("sqlite:////scratch/x.db") == "sqlite:////scratch/x.db"


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:", "postgresql://host/db", "http://host"])
def test_other_stores_are_no_files_and_stay_as_they_are(uri: str):
    assert sqlite_file(uri) is None
    assert absolute(uri) == uri
    assert is_server(uri) == uri.startswith("http")


SECRET = [
    "https://anna:pa5sword@host:5000/path",
    "postgresql://anna:pa5sword@host/db",
    "mysql+pymysql://anna:pa5sw@ord/@host:3306/db",
    "postgresql://host/db?user=anna&password=pa5sword",
    "https://pa5sword@host",
]


@pytest.mark.parametrize("uri", SECRET)
@pytest.mark.parametrize("text", ["{}", "cannot reach {}: no route", "failed with '{}' (see above)", "<{}>"])
def test_no_user_and_no_password(uri: str, text: str):
    shown = without_credentials(text.format(uri), uri)
    assert not any(part in shown for part in ("anna", "pa5sw", "ord/"))
    assert "host" in shown
    assert shown.split("://")[0] == text.format(uri).split("://")[0]


def test_parts_of_the_address_in_an_error():
    uri = "postgresql://anna:p%40ss@host/banana"
    told = "FATAL: password authentication failed for user \"anna\" with p@ss or 'p%40ss' on banana"
    shown = without_credentials(told, uri)
    assert shown == "FATAL: password authentication failed for user \"***\" with *** or '***' on banana"


def test_a_short_password_is_no_part_of_other_words():
    told = "out-of-date database schema: b"
    assert without_credentials(told, "postgresql://a:b@host/db") == "out-of-date database schema: ***"


@pytest.mark.parametrize("uri", ["sqlite:////home/a@b/x.db", "https://host/a", "postgresql://host:5432/db"])
def test_what_is_no_secret_is_shown(uri: str):
    assert without_credentials(f"at {uri}?", uri) == f"at {uri}?"
