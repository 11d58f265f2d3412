"""``lblhep data``: list, show, make, fetch, verify and remove data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lblhep.cli.console import as_typed, console, duration, new_table, say
from lblhep.cli.wait import Wait
from lblhep.cli.workspace import workspace_here
from lblhep.errors import CardError, LblhepError
from lblhep.waiting import WAIT_LIMIT_SECONDS

if TYPE_CHECKING:
    from lblhep.cards import DataCard, Progress

PRODUCTION_LINES = 20  # a long production writes about this many plain lines where there is no terminal

app = typer.Typer(help="Data sets: list, show, make, fetch, verify, remove.", no_args_is_help=True)

Card = Annotated[str, typer.Argument(help="The name of a data card.", show_default=False)]


@app.command("list")
def list_() -> None:
    """List the workspace's data cards and what the cache holds of them."""
    from lblhep.cards import list_cards, read_card, state

    workspace = workspace_here()
    table = new_table("data card", "source", "in the cache", "title")
    for name in list_cards(workspace):
        try:
            card = read_card(workspace, name)
            found = state(card)
        except LblhepError as error:
            table.add_row(name, "", "", str(error))
            continue
        held = f"{found.kind} ({found.detail})" if found.detail else found.kind
        table.add_row(name, card.source, held, card.title)
    console().print(table if table.row_count else "no data cards")


@app.command("show")
def show(name: Card) -> None:
    """Show what a data card says: columns, sources, licence, citation."""
    from rich.text import Text

    from lblhep.cards import fingerprint, state

    card = _card(name)
    out = console()
    out.print(Text.assemble((card.name, "bold"), f": {card.title}\n"))
    out.print(f"{card.description.strip()}\n")
    table = new_table("column", "unit", "role", "meaning")
    for column, meaning in card.columns.items():
        lacking = "" if meaning.missing is None else f" (missing: {meaning.missing})"
        table.add_row(column, meaning.unit, meaning.role, meaning.description + lacking)
    out.print(table)
    for key, value in (("cross-section", card.cross_section), ("luminosity", card.luminosity)):
        if value is not None:
            out.print(f"{key}: {value}")
    for source in card.sources.files:
        say(f"file: {source.address}  sha256: {source.sha256 or 'not stated'}")
    for entry in card.sources.produce:
        stop = entry.first + entry.events
        say(f"produced: {entry.name}: {entry.use}, events {entry.first} to {stop - 1}, seed {entry.seed}")
    found = state(card)
    say(f"fingerprint: {fingerprint(card)}")
    say(f"cache: {found.kind} {found.detail} {found.directory}")
    out.print(f"licence: {card.licence}\ncitation: {card.citation.strip()}")


@app.command("make")
def make(
    name: Card,
    serial: Annotated[bool, typer.Option("--serial", help="In this process, without Ray.")] = False,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Also write a copy beside the card, as Parquet files to be shipped."),
    ] = False,
    wait: Wait = WAIT_LIMIT_SECONDS,
) -> None:
    """Produce a data set's events into the cache; a production that was stopped goes on.

    With --sample the whole data set, not a part of it, is also written beside the card, one Parquet file for
    each produce entry, so that others need not make it; the lines for the card that state its checksums are
    printed.
    """
    from lblhep.cards import make as make_data
    from lblhep.cards import ship

    card = _card(name)
    try:
        with _production_shown(card) as observe:
            made = make_data(card, serial=serial, observe=observe, cluster_wait=wait)
    except KeyboardInterrupt:
        say(f"stopped; the finished ranges are kept, and `lblhep data make {name}` goes on from them")
        raise typer.Exit(130) from None
    say(f"{card.name}: {len(made)} events in {made.directory}")
    if not sample:
        say(f"content: {made.content}")
        return
    shipped = ship(made)
    folder = as_typed(card.file.parent / card.name)
    say(f"{shipped.megabytes:.1f} MB written to {folder}; put into {as_typed(card.file)}:\n")
    say(shipped.lines())


@app.command("fetch")
def fetch(name: Card) -> None:
    """Download the files that a data card names and check them."""
    from lblhep.atomic import sha256_of
    from lblhep.cards import fetch as fetch_files

    card = _card(name)
    if not card.sources.files:
        raise CardError(f"{card.file}: the card names no files; `lblhep data make {name}` makes its data")
    with _download_shown() as observe:
        for source, path in fetch_files(card, observe):
            say(f"{source.address}: {path}")
            if source.sha256 is None:
                say("  unverified: the card states no checksum. If you trust this file, put there:")
                say(f"  sha256: {sha256_of(path)}")


@app.command("verify")
def verify(name: Card) -> None:
    """Check the files of a data card and its cached data set against their checksums."""
    from lblhep.cards import verify as findings

    wrong = 0
    for finding in findings(_card(name)):
        say(f"{finding.verdict:>10}  {finding.what}: {finding.detail}")
        wrong += finding.verdict == "wrong"
    if wrong:
        raise CardError(f"{name}: {wrong} of its data are wrong, as listed above")


@app.command("rm")
def rm(
    name: Card,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a data set from the cache, with unfinished productions; downloads and shipped files stay."""
    from lblhep.cards import forget

    card = _card(name)
    if not yes:
        typer.confirm(f"Remove all that the cache holds of {name}? It can be made again.", abort=True)
    removed = forget(card)
    say("\n".join(f"removed {path}" for path in removed) or f"the cache holds nothing of {name}")


def _card(name: str) -> DataCard:
    from lblhep.cards import read_card

    return read_card(workspace_here(), name)


@contextmanager
def _production_shown(card: DataCard) -> Iterator[Callable[[Progress], None]]:
    """Show a bar on a terminal, about ``PRODUCTION_LINES`` plain lines elsewhere."""
    terminal = console()
    if not terminal.is_terminal:
        yield _Lines(card.name)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = BarColumn(), MofNCompleteColumn(), TextColumn("ranges{task.fields[tail]}")
    with Progress(TextColumn("{task.description}", markup=False), *columns, console=terminal) as bar:
        task = bar.add_task(card.name, total=None, tail="")
        yield lambda now: bar.update(task, completed=now.done, total=now.total, tail=_tail(now))


class _Lines:
    """Prints plain lines: the first snapshot, the last, and one in between whenever a share is done."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0

    def __call__(self, progress: Progress) -> None:
        if progress.done >= self._next or progress.done == progress.total:
            self._next = progress.done + max(1, progress.total // PRODUCTION_LINES)
            say(f"{self._name}: {progress.done} of {progress.total} ranges{_tail(progress)}")


def _tail(progress: Progress) -> str:
    if progress.seconds_left is None:
        return ""
    return f", {progress.events_per_second:.3g} events/s, {duration(progress.seconds_left)} left"


@contextmanager
def _download_shown() -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on a terminal, nothing elsewhere."""
    terminal = console()
    if not terminal.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=terminal) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
