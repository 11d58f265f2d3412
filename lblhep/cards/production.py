"""Make a data set in event ranges, on one core or on many, through any number of interruptions.

A range is made and committed by the same function wherever it runs: the worker renames the finished file into
place itself, so a killed driver loses nothing that was finished, and what is there is not made again.  The
last step gathers the ranges, in their order, into one part for each ``produce`` entry: their rows one after
another or, for entries that name a ``merge``, what that function makes of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from lblhep import components
from lblhep.cards.card import Column, DataCard
from lblhep.cards.content import content_digest
from lblhep.cards.disk import commit_file, production_directory, remove
from lblhep.cards.formats import explained, read_parquet, write_parquet
from lblhep.cards.ranges import EventRange
from lblhep.cards.sample import Sample, store, stored
from lblhep.cards.sources import ProduceSource
from lblhep.cards.values import checked
from lblhep.errors import CardError
from lblhep.local_ray import POLL_SECONDS, check_alive, ray_running
from lblhep.waiting import WAIT_LIMIT_SECONDS

RANGES_IN_FLIGHT_PER_CPU = 2
METADATA_KEYS = (b"lblhep.events", b"lblhep.content")  # keys in the Parquet file of a range


@dataclass(frozen=True)
class Progress:
    """Shows a production from outside; rates are of the ranges made since it started or went on."""

    done: int  # ranges
    total: int  # ranges
    events_per_second: float
    seconds_left: float | None


Observe = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Observe nothing."""


@dataclass(frozen=True)
class RangeJob:
    """This job holds all that a worker needs to make and commit one range of one ``produce`` entry.

    ``columns`` are the card's, one row an event; None leaves the table's form to the entry's ``merge``.
    """

    use: str
    arguments: dict[str, Any]
    events: EventRange
    columns: dict[str, Column] | None
    path: Path
    workspace: Path

    def run(self) -> int:
        """Make the range, commit it, and return its number of events."""
        components.on_path(self.workspace)
        producer = components.load(self.use)
        try:
            table = producer(self.events, **self.arguments)
        except Exception as error:  # whatever a study's code raises, say which events it was
            raise CardError(f"{self}: {type(error).__name__}: {error}") from error
        self.commit(table)
        return len(self.events)

    def commit(self, table: pa.Table) -> None:
        """Write the range's table to its place, whole or not at all."""
        rows = len(table) if isinstance(table, pa.Table) else -1
        if rows != len(self.events) and (self.columns is not None or rows < 0):
            found = type(table).__name__ if rows < 0 else f"{rows} rows"
            raise CardError(f"{self}: returned {found}, not a pyarrow.Table of {len(self.events)} rows")
        if self.columns is not None:
            table = checked(table, self.columns, str(self))
        table = table.replace_schema_metadata((table.schema.metadata or {}) | self._stated(table))
        commit_file(self.path, partial(write_parquet, table))

    def committed(self) -> bool:
        """Return whether the range is there: a whole file, of these events, with the content that was
        written."""
        if not self.path.is_file():
            return False
        try:
            table = read_parquet(self.path)
            return self._stated(table).items() <= (table.schema.metadata or {}).items()
        except (pa.ArrowException, OSError, CardError):
            return False

    def read(self) -> pa.Table:
        """Return the range's table, as it was given to ``commit``."""
        table = explained(self.path, "parquet", partial(read_parquet, self.path))
        metadata = table.schema.metadata or {}
        return table.replace_schema_metadata(
            {k: v for k, v in metadata.items() if k not in METADATA_KEYS} or None
        )

    def _stated(self, table: pa.Table) -> dict[bytes, bytes]:
        """Return what a range's file says of itself, so that neither another's nor a damaged one is taken for
        it.

        (Of tables for a ``merge`` Parquet has the checksums of pages: they may hold what has no digest.)
        """
        events = f"{self.use}, {self.events.start} to {self.events.stop - 1}, seed {self.events.seed}"
        content = "" if self.columns is None else content_digest(table)
        return dict(zip(METADATA_KEYS, (events.encode(), content.encode()), strict=True))

    def __str__(self) -> str:
        return f"{self.use}, events {self.events.start} to {self.events.stop - 1}"


def range_jobs(card: DataCard, fingerprint: str) -> dict[str, list[RangeJob]]:
    """Return the jobs of each ``produce`` entry, by its name, in the order of events."""
    directory = production_directory(card.name, fingerprint)
    return {
        source.name: [
            RangeJob(
                use=source.use,
                arguments=source.arguments,
                events=events,
                columns=None if source.merge else card.columns,
                path=directory / source.name / f"{events.start:09d}.parquet",
                workspace=card.workspace,
            )
            for events in source.ranges()
        ]
        for source in card.sources.produce
    }


def produce(
    card: DataCard, fingerprint: str, *, serial: bool, observe: Observe, wait: float = WAIT_LIMIT_SECONDS
) -> Sample:
    """Make what is missing of the card's ranges, then the data set.  The caller holds the lock.

    Args:
        card: a card with ``produce``.
        fingerprint: of the card's data.
        serial: stay in this process; otherwise ranges are Ray tasks.
        observe: receives the progress.
        wait: seconds that a Ray cluster has to answer.
    """
    jobs = range_jobs(card, fingerprint)
    every = [job for of_source in jobs.values() for job in of_source]
    missing = [job for job in every if not job.committed()]
    done, events, start = len(every) - len(missing), 0, time.monotonic()
    left = sum(len(job.events) for job in missing)
    observe(Progress(done, len(every), 0.0, None))
    for made in _serially(missing) if serial else _with_ray(missing, wait):
        done, events, left = done + 1, events + made, left - made
        rate = events / max(time.monotonic() - start, 1e-9)
        observe(Progress(done, len(every), rate, left / rate))
    store(card, fingerprint, {s.name: _gathered(card, s, jobs[s.name]) for s in card.sources.produce})
    remove(production_directory(card.name, fingerprint))
    sample = stored(card, fingerprint)
    assert sample is not None
    return sample


def _gathered(card: DataCard, source: ProduceSource, jobs: Sequence[RangeJob]) -> pa.Table:
    """Return the ranges of one source as one table; a ``merge`` sees one range at a time."""
    tables = (job.read() for job in jobs)
    if source.merge is None:
        return pa.concat_tables(tables).combine_chunks()
    components.on_path(card.workspace)
    merge = components.load(source.merge)
    try:
        table = merge(tables, **source.arguments)
    except CardError:
        raise
    except Exception as error:
        raise CardError(f"{source.merge}: {type(error).__name__}: {error}") from error
    return checked(table, card.columns, source.merge).combine_chunks()


def _serially(jobs: Sequence[RangeJob]) -> Iterator[int]:
    for job in jobs:
        yield job.run()


def _with_ray(jobs: Sequence[RangeJob], wait: float) -> Iterator[int]:
    """Run the jobs as Ray tasks of one core each, a bounded number at a time, in whatever order they end."""
    if not jobs:
        return
    import ray

    with ray_running(wait=wait):
        task = ray.remote(num_cpus=1, max_retries=2)(RangeJob.run)
        waiting = iter(jobs)
        limit = RANGES_IN_FLIGHT_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
        running = [task.remote(job) for job in islice(waiting, limit)]
        while running:
            check_alive("finished ranges are kept: go on with the same command")
            ended, running = ray.wait(running, num_returns=1, timeout=POLL_SECONDS)
            running += [task.remote(job) for job in islice(waiting, len(ended))]
            yield from map(_result, ended)


def _result(ended: Any) -> int:
    import ray

    try:
        made: int = ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CardError):
            raise error.cause from error
        raise
    return made
