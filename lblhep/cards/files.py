"""Get, check and read the files that a card names."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa

from lblhep import __version__, components
from lblhep.atomic import sha256_of
from lblhep.cards import formats
from lblhep.cards.card import DataCard
from lblhep.cards.disk import commit_file, download_path
from lblhep.cards.sources import SCHEMES, FileSource
from lblhep.cards.values import checked
from lblhep.errors import CardError

TIMEOUT_SECONDS = 60
CHUNK_BYTES = 1 << 20
Observe = Callable[[int, int | None], None]  # bytes so far, bytes in all if known


def ignore(done: int, total: int | None) -> None:
    """Observe nothing."""


def local_path(card: DataCard, source: FileSource) -> Path:
    """Return where the file lies, or will lie once it is fetched."""
    return card.place(source) if source.url is None else download_path(source.url, source.file_name.name)


def fetched(card: DataCard, source: FileSource, observe: Observe = ignore) -> Path:
    """Return the file's path; download it if need be and verify its checksum if the card states one."""
    path = local_path(card, source)
    if not path.is_file():
        if source.url is None:
            raise CardError(f"{path}: no such file; {card.file} names it: get it back, or {_remake(card)}")
        _download(source.url, path, source.sha256, observe)
    elif source.sha256 is not None:
        _compare(path, sha256_of(path), source.sha256, path)
    return path


def _remake(card: DataCard) -> str:
    if card.sources.produce:
        return f"remake it with `lblhep data make {card.name} --sample`"
    return "correct the card"


def _compare(path: Path, found: str, stated: str, name: Path | str) -> None:
    if found != stated:
        raise CardError(
            f"{name}: sha256 is {found}, but the card states {stated}; "
            f"the file is damaged or another: remove {path} and get it again, or correct the card"
        )


def _download(url: str, path: Path, sha256: str | None, observe: Observe) -> None:
    """Download to a temporary name, check, rename."""
    if urlparse(url).scheme not in SCHEMES:
        raise CardError(f"{url}: only {', '.join(SCHEMES)} addresses are fetched")
    request = urllib.request.Request(url, headers={"User-Agent": f"lblhep/{__version__}"})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        raise _unreachable(url, error) from error

    def write(temporary: Path) -> None:
        _copy(url, response, temporary, observe)
        if sha256 is not None:
            _compare(path, sha256_of(temporary), sha256, url)

    with response:
        commit_file(path, write)


def _copy(url: str, response: Any, path: Path, observe: Observe) -> None:
    """Stream ``response`` into ``path``; the connection's failures are told from the disk's."""
    stated = response.headers.get("Content-Length")
    total = int(stated) if stated else None
    done = 0
    with path.open("wb") as file:
        while True:
            try:
                chunk = response.read(CHUNK_BYTES)
            except OSError as error:
                raise _unreachable(url, error) from error
            if not chunk:
                break
            file.write(chunk)
            done += len(chunk)
            observe(done, total)
    if total is not None and done != total:
        raise _unreachable(url, f"the connection ended after {done} of {total} bytes")


def _unreachable(url: str, reason: object) -> CardError:
    if isinstance(reason, urllib.error.URLError) and not isinstance(reason, urllib.error.HTTPError):
        reason = reason.reason
    return CardError(
        f"{url}: cannot be fetched: {reason}; check the address and the network, then fetch again"
    )


def load(card: DataCard, source: FileSource, observe: Observe = ignore) -> pa.Table:
    """Read exactly the card's columns of the file, under the card's names; no other column is read."""
    path = fetched(card, source, observe)
    theirs = [source.columns.get(name, name) for name in card.columns]
    if source.reader:
        reader = components.load(source.reader)
        table = formats.explained(path, source.reader, lambda: reader(path))
        formats.chosen(path, theirs, table.column_names)
    else:
        table = formats.read(path, source.layout, theirs, **source.options)
    renamed = pa.table([table[name] for name in theirs], names=list(card.columns))
    return checked(renamed, card.columns, f"{path} (card {card.name})").combine_chunks()
