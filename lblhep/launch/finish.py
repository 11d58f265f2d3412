"""End a launch: write tables, report, MLflow's runs and the summary, or what an interrupted launch leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lblhep import atomic, components
from lblhep.errors import LaunchError, TrackingError
from lblhep.launch.progress import Launch
from lblhep.launch.store import tables
from lblhep.launch.store.view import LaunchView
from lblhep.launch.workers.execute import failure

if TYPE_CHECKING:
    from lblhep.launch.mlflow_log import MlflowLog
    from lblhep.launch.progress import Progress, ProgressCounter
    from lblhep.launch.state import LaunchState
    from lblhep.launch.store.directory import LaunchDirectory
    from lblhep.recipe import Recipe


class LaunchEnd:
    """Ends one launch, in one of two ways; or leaves word that it was broken off.

    Args:
        recipe: the launch's recipe.
        directory: the launch's directory.
        state: what went wrong in the launch.
        counter: how many trials ended in which way.
        log: takes the end of the launch's run.
        tell: called with what is being done, in words.
        ignore_signals: called when all is done but writing so: no signal may make another end after that.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: LaunchDirectory,
        state: LaunchState,
        counter: ProgressCounter,
        log: MlflowLog,
        tell: Callable[[str], None],
        ignore_signals: Callable[[], None],
    ) -> None:
        self._recipe, self._directory = recipe, directory
        self._state, self._counter, self._log = state, counter, log
        self._tell, self._ignore_signals, self._over = tell, ignore_signals, False

    def finished(self) -> Launch:
        """End a launch in which all was tried, or nothing works.

        The steps have this order so that a launch that is killed in between can be resumed.

        Raises:
            TrackingError: the MLflow store had given out.
        """
        self._tell("writing tables and report")
        written = self._write_tables()
        headline, page = self._render()
        progress = self._counter.snapshot()
        state = "failed" if progress.failed or self._state.problems else "finished"
        counts = {"trials": progress.done, "failed": progress.failed, "pruned": progress.pruned}
        numbers = {name: value for name, value in headline.items() if isinstance(value, int | float)}
        artifacts = [*written, *([] if page is None else [page.parent])]
        self._log.finish(state, numbers | counts, artifacts)
        self._ignore_signals()
        state = "failed" if self._log.broken else state
        self._settle(state, ended=time.time())
        self._announce(state, headline)
        if self._log.broken is not None:
            missing = f"then log what is missing: the same command with --resume {self._directory.id}"
            raise TrackingError(f"{self._log.broken}; {missing}") from self._log.broken
        return self._outcome(state, self._advice(state), headline=headline, report=page)

    def _advice(self, state: str) -> str:
        """Return what may be done about failures: where every trial failed, the recipe may be wrong."""
        if state != "failed":
            return ""
        progress = self._counter.snapshot()
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
        """End a launch after Ctrl-C or SIGTERM, the signal ``stopped_by``; what is committed is kept."""
        self._settle("interrupted")
        self._log.finish("interrupted", {}, ())
        self._announce("interrupted", {})
        how = f"go on with the same command and --resume (or --resume {self._directory.id})"
        message = f"stopped; all finished packs are kept: {how}"
        return self._outcome("interrupted", message, stopped_by=stopped_by)

    def broken_off(self) -> None:
        """Say wherever it still can be said that an error, which is about to be raised, ends the launch."""
        if self._over:
            return
        # What broke the launch may break each of these too, and is the error to tell.
        with suppress(Exception):
            self._settle("failed")
        with suppress(Exception):
            self._log.finish("failed", {}, ())
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
        """Render the report; one that fails costs a line, not the launch."""
        out = self._directory.path / "report"
        try:
            headline = render(LaunchView(self._directory.path), out)
        except LaunchError as error:
            self._state.problems.append(str(error))
            return {}, None
        except Exception as error:  # a study's own code
            record = failure("", error)
            place = self._directory.path / "report-error.txt"
            place.write_text(record.traceback)
            again = f"lblhep report {self._directory.id}"
            self._state.problems.append(
                f"the report failed: {record.error}; its traceback is in {place} ({again})"
            )
            return {}, None
        return headline, out / "index.html"

    def _announce(self, event: str, headline: Mapping[str, str | float]) -> None:
        from lblhep.report.page import formatted

        progress = self._counter.snapshot()
        lines = [f"{name}: {formatted(value)}" for name, value in headline.items()]
        warning = announce(self._recipe, self._directory.id, event, progress, lines + self._state.problems)
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
            progress=self._counter.snapshot(),
            headline=headline or {},
            report=report,
            reasons=dict(self._state.reasons.most_common()),
            problems=tuple(self._state.problems),
            message=message,
            run_id=self._log.run_id,
            stopped_by=stopped_by,
        )


def announce(recipe: Recipe, launch: str, event: str, progress: Progress, lines: Iterable[str] = ()) -> str:
    """Send word of an event of the launch (``started``, ``finished``, ``failed``, ``interrupted``).

    Args:
        recipe: the launch's recipe, whose ``notify:`` says who is to hear of which events.
        launch: the launch's id.
        event: what has happened.
        progress: how many trials are done.
        lines: what to say beside the counts: headline, problems.

    Returns:
        A warning if it was wanted and could not be sent, else an empty string.
    """
    wanted = recipe.notify
    if wanted is None or event not in wanted.on:
        return ""
    from lblhep.notify import send

    counts = f"{progress.done} of {progress.total} trials done, {progress.failed} failed"
    return send(wanted.urls_env, f"{launch} {event}", "\n".join([counts, *lines]))


def render(view: LaunchView, out: Path) -> Mapping[str, str | float]:
    """Write the launch's report, its own or the default one, into the directory ``out``, the headline first.

    What the report's component raises is raised.

    Returns:
        The headline: what is to be printed at the launch's end.

    Raises:
        LaunchError: no trial has finished.
    """
    from lblhep.report import DefaultReport, house_style
    from lblhep.report.comparison import counts, is_complete
    from lblhep.report.page import put_headline

    rows = view.rows
    if not len(rows) or not (rows["status"] == "finished").any():
        raise LaunchError(f"{view.directory.name}: no trial has finished, so there is nothing to report")
    component = view.recipe.report
    report = DefaultReport() if component is None else components.build(component)
    out.mkdir(parents=True, exist_ok=True)
    with house_style():  # a study draws in the house style without asking for it
        headline: Mapping[str, str | float] | None = report.render(view, out)
    warning = "" if is_complete(view) else f"INCOMPLETE: {counts(view)}"
    if (page := out / "index.html").is_file():
        put_headline(page, headline or {}, warning)
    return headline or {}
