"""Open, make, fetch, verify and remove the data of a card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from lblhep.atomic import sha256_of
from lblhep.cache import cache_root
from lblhep.cards import files, production
from lblhep.cards.card import DataCard
from lblhep.cards.disk import (
    card_directories,
    production_directory,
    remove,
    sample_directory,
)
from lblhep.cards.lock import lock
from lblhep.cards.read import read_card
from lblhep.cards.sample import MANIFEST, Sample, check_content, store, stored
from lblhep.cards.sources import FileSource
from lblhep.cards.version import fingerprint
from lblhep.errors import CardError
from lblhep.waiting import WAIT_LIMIT_SECONDS


def open_sample(workspace: Path, name: str) -> Sample:
    """Open the data set of a card, verified, and on first use read from its files or made.

    What is made here is made in this process; a long production is better made beforehand by ``make``.
    If another process is at it, wait for that.

    >>> sample = open_sample(workspace, "jets")
    >>> sample.columns(["pt"])["pt"].tolist()
    [10.0, 20.0, 30.0]
    """
    card = read_card(workspace, name)
    key = fingerprint(card)
    sample = stored(card, key)
    if sample is not None:
        return sample
    if card.source == "produce":
        return make(card, serial=True, wait=True)
    with lock(_lock_file(card), wait=True):
        made_meanwhile = stored(card, key)
        return _gather(card, key) if made_meanwhile is None else made_meanwhile


def make(
    card: DataCard,
    *,
    serial: bool = False,
    wait: bool = False,
    observe: production.Observe = production.ignore,
    cluster_wait: float = WAIT_LIMIT_SECONDS,
) -> Sample:
    """Produce the card's events into the cache, going on where a killed production stopped.

    Args:
        card: a card with ``produce``.
        serial: stay in this process; otherwise ranges are Ray tasks.
        wait: for another process that makes the events.
        observe: receives the progress.
        cluster_wait: seconds that a Ray cluster has to answer.

    Raises:
        CardError: the card has no ``produce``, or another process makes the events and ``wait`` is false.

    >>> len(make(read_card(workspace, "made"), serial=True))
    6
    """
    if not card.sources.produce:
        raise CardError(f"{card.file}: the card has no `produce` to make data with")
    key = fingerprint(card, "produce")
    with lock(_lock_file(card), wait=wait):
        sample = stored(card, key)
        if sample is None:
            sample = production.produce(card, key, serial=serial, observe=observe, wait=cluster_wait)
        return sample


def fetch(card: DataCard, observe: files.Observe = files.ignore) -> Iterator[tuple[FileSource, Path]]:
    """Download what the card's addresses name and is not here yet; each file with its path, verified.

    >>> [path.name for source, path in fetch(read_card(workspace, "jets"))]
    ['jets.csv']
    """
    for source in card.sources.files:
        yield source, files.fetched(card, source, observe)


def _gather(card: DataCard, key: str) -> Sample:
    """Read the card's files into the cache.  The caller holds the lock."""
    tables: dict[str, pa.Table] = {}
    for number, source in enumerate(card.sources.files):
        tables[f"{number}-{source.file_name.stem}"] = files.load(card, source)
    first = next(iter(tables.values()))
    for source, table in zip(card.sources.files, tables.values(), strict=True):
        if table.schema != first.schema:
            raise CardError(f"{source.address}: its columns' types differ from the first file's")
    store(card, key, tables)
    sample = stored(card, key)
    assert sample is not None
    return sample


@dataclass(frozen=True)
class State:
    """This state says what the cache holds of a card's data, for people to read."""

    kind: Literal["made", "partly made", "not made"]
    detail: str
    directory: Path


def state(card: DataCard) -> State:
    """Look, without verifying anything.

    >>> state(read_card(workspace, "fresh")).detail
    '0 of 3 ranges'
    """
    key = fingerprint(card)
    directory = sample_directory(card.name, key)
    if (directory / MANIFEST).exists():
        return State("made", "", directory)
    if card.source == "files":
        here = sum(files.local_path(card, source).is_file() for source in card.sources.files)
        return State("not made", f"{here} of {len(card.sources.files)} files here", directory)
    jobs = [job for of_source in production.range_jobs(card, key).values() for job in of_source]
    done = sum(job.path.is_file() for job in jobs)
    detail = f"{done} of {len(jobs)} ranges"
    if done:
        return State("partly made", detail, production_directory(card.name, key))
    return State("not made", detail, directory)


@dataclass(frozen=True)
class Finding:
    """This finding says how one check came out."""

    what: str
    verdict: Literal["ok", "unverified", "absent", "wrong"]
    detail: str


def verify(card: DataCard) -> Iterator[Finding]:
    """Check every file that the card names against its checksum, and all that the cache holds of the data.

    >>> verify_all = [finding.verdict for finding in verify(read_card(workspace, "jets"))]
    >>> verify_all[0]  # the card states no checksum
    'unverified'
    """
    for source in card.sources.files:
        path = files.local_path(card, source)
        if not path.is_file():
            yield Finding(source.address, "absent" if source.url else "wrong", f"{path}: no such file")
            continue
        found = sha256_of(path)
        if source.sha256 is None:
            yield Finding(source.address, "unverified", f"the card states no checksum; this file's: {found}")
        elif found != source.sha256:
            yield Finding(source.address, "wrong", f"{path}: sha256 is {found}, not {source.sha256}")
        else:
            yield Finding(source.address, "ok", found)
    if card.sources.files:
        yield _verified_cache(card, "files")
    if card.sources.produce:
        yield _verified_cache(card, "produce")
        yield from _verified_ranges(card)


def _verified_cache(card: DataCard, origin: Literal["files", "produce"]) -> Finding:
    what = f"cache, from {origin}"
    try:
        sample = stored(card, fingerprint(card, origin))
    except CardError as error:
        return Finding(what, "wrong", str(error))
    if sample is None:
        return Finding(what, "absent", "not made yet")
    try:
        check_content(sample)
    except CardError as error:
        return Finding(what, "wrong", str(error))
    return Finding(what, "ok", f"{len(sample)} rows, {sample.content}")


def _verified_ranges(card: DataCard) -> Iterator[Finding]:
    """Verify what an unfinished production has committed, range by range."""
    by_source = production.range_jobs(card, fingerprint(card, "produce"))
    jobs = [job for of_source in by_source.values() for job in of_source]
    there = [job for job in jobs if job.path.is_file()]
    wrong = [job for job in there if not job.committed()]
    for job in wrong:
        detail = f"{job.path}: is not what was written for these events; `lblhep data make` makes them again"
        yield Finding(str(job), "wrong", detail)
    if there and not wrong:
        yield Finding("unfinished production", "ok", f"{len(there)} of {len(jobs)} ranges")


def forget(card: DataCard) -> list[Path]:
    """Remove all that the cache holds of the card's data, of this and of earlier versions, but downloads.

    >>> forget(read_card(workspace, "fresh"))  # nothing was made of it
    []
    """
    with lock(_lock_file(card), wait=False):
        places = card_directories(card.name)
        there = [path for path in places if path.exists() or path.is_symlink()]
        for path in places:
            remove(path)
    return there


def _lock_file(card: DataCard) -> Path:
    return cache_root() / "locks" / f"{card.name}.lock"
