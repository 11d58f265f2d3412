"""Tell the kind of an MLflow store by its address, and print addresses without passwords."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

CREDENTIALS = re.compile(r"(?<=://)(?!/)[^\s'\"<>]*(?=@)")  # what stands before the host
QUERY = re.compile(r"(?<=\w\?)[^\s'\"<>]+")  # of an address; ``?password=...`` is a form that drivers take
HIDDEN = "***"
MIN_SECRET_LENGTH = 4  # characters: shorter passwords are found within other words


def absolute(uri: str) -> str:
    """Return the address with an SQLite file's path made absolute: it is relative to the working folder."""
    path, query = sqlite_file(uri), uri.partition("?")[2]
    return uri if path is None else f"sqlite:///{path}" + (f"?{query}" if query else "")


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of the file that ``sqlite:///PATH`` names, or None for any other store."""
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    if not uri.startswith("sqlite:///") or path in ("", ":memory:"):
        return None
    return Path(path).absolute()


def is_server(uri: str) -> bool:
    """Say whether the store is no database but an MLflow server, which only MLflow's client can talk to."""
    return uri.startswith(("http://", "https://"))


def without_credentials(text: str, uri: str) -> str:
    """Return the text, which may quote the store's address or its parts, with stars for user and password.

    A user, and a password of up to three characters, is replaced only where it is a word of its own.
    """
    given = CREDENTIALS.search(uri)
    text = QUERY.sub(HIDDEN, CREDENTIALS.sub(HIDDEN, text))
    user, _, password = ("" if given is None else given[0]).partition(":")
    secrets = {password, unquote(password)} - {""}
    words = {user, unquote(user)} - {""} | {secret for secret in secrets if len(secret) < MIN_SECRET_LENGTH}
    for secret in secrets - words:
        text = text.replace(secret, HIDDEN)
    for word in words:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text)
    return text
