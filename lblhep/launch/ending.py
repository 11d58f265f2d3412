"""The end of a launch: tables, report, MLflow and the summary, or what an interrupted one leaves behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep import atomic
from lblhep.errors import LaunchError, TrackingError
from lblhep.launch import tables
from lblhep.launch.announce import announce
from lblhep.launch.execute import failure
from lblhep.launch.progress import Launch
from lblhep.launch.report import render
from lblhep.launch.view import LaunchView

if TYPE_CHECKING:
    from lblhep.launch.bookkeeping import Books
    from lblhep.launch.directory import LaunchDirectory
    from lblhep.recipe import Recipe


class Ending:
    """Ends one launch, in one of two ways; or leaves word that it was broken off.

    Args:
        tell: told what is being done, in words.
        deafen: called when all is done but writing so: no signal may make another end of it after that.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: LaunchDirectory,
        books: Books,
        tell: Callable[[str], None],
        deafen: Callable[[], None],
    ) -> None:
        self._deafen, self._over = deafen, False
        self._recipe, self._directory, self._books, self._tell = recipe, directory, books, tell
        self._ledger = books.ledger

    def finished(self) -> Launch:
        """All was tried, or nothing works.  In this order, so that a kill in between can be resumed.

        Raises:
            TrackingError: the MLflow store had given out.
        """
        self._tell("writing tables and report")
        written = self._write_tables()
        headline, page = self._render()
        progress = self._books.tally.snapshot()
        state = "failed" if progress.failed or self._books.problems else "finished"
        counts = {"trials": progress.done, "failed": progress.failed, "pruned": progress.pruned}
        numbers = {name: value for name, value in headline.items() if isinstance(value, int | float)}
        artifacts = [*written, *([] if page is None else [page.parent])]
        self._ledger.finish(state, numbers | counts, artifacts)
        self._deafen()
        state = "failed" if self._ledger.broken else state
        self._settle(state, ended=time.time())
        self._announce(state, headline)
        if self._ledger.broken is not None:
            missing = f"then log what is missing: the same command with --resume {self._directory.id}"
            raise TrackingError(f"{self._ledger.broken}; {missing}") from self._ledger.broken
        return self._outcome(state, self._advice(state), headline=headline, report=page)

    def _advice(self, state: str) -> str:
        """What may be done about failures: where every trial failed, most likely to mend the recipe."""
        if state != "failed":
            return ""
        progress = self._books.tally.snapshot()
        again = f"the same command with --resume {self._directory.id}"
        if progress.failed < progress.done or not progress.done:
            return f"to try what failed again: {again}"
        left = progress.total - progress.done
        untried = f" so far, and {left} were not tried" if left else ""
        return (
            f"all trials failed{untried}: if a setting is wrong, mend it and run without --resume; "
            f"to try all again as they are: {again}"
        )

    def interrupted(self, stopped_by: int) -> Launch:
        """Ctrl-C or SIGTERM, the signal ``stopped_by``: what is committed is kept."""
        self._settle("interrupted")
        self._ledger.finish("interrupted", {}, ())
        self._announce("interrupted", {})
        how = f"go on with the same command and --resume (or --resume {self._directory.id})"
        message = f"stopped; all finished packs are kept: {how}"
        return self._outcome("interrupted", message, stopped_by=stopped_by)

    def broken_off(self) -> None:
        """An error that is about to be raised ends the launch: say so wherever that still can be said."""
        if self._over:
            return
        # What broke the launch may break each of these too, and is the error to tell.
        with suppress(Exception):
            self._settle("failed")
        with suppress(Exception):
            self._ledger.finish("failed", {}, ())
        with suppress(Exception):
            self._announce("failed", {})

    def _settle(self, state: str, **changes: float) -> None:
        """Write the final state, which nothing changes any more."""
        self._directory.update(state=state, **changes)
        self._over = True

    def _write_tables(self) -> list[Path]:
        view = LaunchView(self._directory.path)
        written = []
        for name, table in (("rows", view.rows), ("groups", view.groups), ("curves", view.curves)):
            if len(table):
                written.append(self._directory.path / f"{name}.parquet")
                atomic.write_file(written[-1], partial(tables.write_table, table))
        self._directory.list_tables(written)
        return written

    def _render(self) -> tuple[Mapping[str, str | float], Path | None]:
        """The report; one that fails costs a line, not the launch."""
        out = self._directory.path / "report"
        try:
            headline = render(LaunchView(self._directory.path), out)
        except LaunchError as error:
            self._books.problems.append(str(error))
            return {}, None
        except Exception as error:  # a study's own code
            record = failure("", error)
            place = self._directory.path / "report-error.txt"
            place.write_text(record.traceback)
            again = f"lblhep report {self._directory.id}"
            self._books.problems.append(
                f"the report failed: {record.error}; its traceback is in {place} ({again})"
            )
            return {}, None
        return headline, out / "index.html"

    def _announce(self, event: str, headline: Mapping[str, str | float]) -> None:
        from lblhep.report.page import formatted

        progress = self._books.tally.snapshot()
        lines = [f"{name}: {formatted(value)}" for name, value in headline.items()]
        warning = announce(self._recipe, self._directory.id, event, progress, lines + self._books.problems)
        if warning:
            self._tell(warning)

    def _outcome(
        self,
        state: str,
        message: str,
        headline: Mapping[str, str | float] | None = None,
        report: Path | None = None,
        stopped_by: int = 0,
    ) -> Launch:
        return Launch(
            id=self._directory.id,
            directory=self._directory.path,
            state=state,
            progress=self._books.tally.snapshot(),
            headline=headline or {},
            report=report,
            reasons=dict(self._books.reasons.most_common()),
            problems=tuple(self._books.problems),
            message=message,
            run_id=self._ledger.run_id,
            stopped_by=stopped_by,
        )
