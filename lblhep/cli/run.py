"""``lblhep run``: launch a recipe, show its progress, say where the results are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from lblhep import __version__
from lblhep.cli.checked import checked_recipe
from lblhep.cli.console import as_typed, console, duration, new_table, say
from lblhep.cli.wait import Wait
from lblhep.cli.workspace import NEWEST_LAUNCH
from lblhep.waiting import WAIT_LIMIT_SECONDS

if TYPE_CHECKING:
    from lblhep.launch import Launch

LAUNCH_ID = re.compile(r"\d{8}-\d{6}(-\d+)?$")  # how every launch's id ends
MAX_REASONS = 5  # different messages of failed trials that are printed


class RunCommand(TyperCommand):
    """``--resume`` takes the next word only if it names a launch: ``--resume recipes/a.yaml`` works too."""

    def parse_args(self, ctx: Any, args: Any) -> Any:
        return super().parse_args(ctx, _with_resume_value(args))


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, e.g. recipes/cwola.yaml.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Overrides, e.g. task.max_epochs=5.", show_default=False
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="One of the recipe's profiles, e.g. smoke.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Validate and show the plan; run nothing.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="[LAUNCH]", help="Go on with a launch; alone: the recipe's newest unfinished one."
        ),
    ] = None,
    serial: Annotated[bool, typer.Option("--serial", help="In this process, without Ray.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Resume although recipe, code or data have changed.")
    ] = False,
    wait: Wait = WAIT_LIMIT_SECONDS,
) -> None:
    """Run a recipe: every trial of it, its groups and its report.

    A recipe is code: it names Python functions that run as you.  So are the products of stages that are kept
    as pickles in mlruns/stages.  Run, and resume, only what you trust.
    """
    from lblhep.cli.progress import progress_shown, stage

    words = " ".join([str(recipe), *([f"--profile {profile}"] if profile else []), *(overrides or ())])
    with stage(f"lblhep {__version__}: checking {words}"):
        checked = checked_recipe(recipe, overrides or (), profile)
    if dry_run:
        from lblhep.cli.dry_run import print_plan

        print_plan(checked)
        return
    from lblhep.launch import launch

    with progress_shown(words) as observe:
        outcome = launch(
            checked,
            resume=True if resume == NEWEST_LAUNCH else resume or False,
            serial=serial,
            force=force,
            observe=observe,
            wait=wait,
        )
    print_outcome(outcome)
    raise typer.Exit(outcome.exit_code)


def print_outcome(outcome: Launch) -> None:
    """Print the end of a launch: headline, what failed, where everything is."""
    from lblhep.report.page import formatted

    progress = outcome.progress
    words = {"failed": "finished with failures" if progress.done == progress.total else "stopped"}
    say()
    say(
        f"{outcome.id}: {words.get(outcome.state, outcome.state)}, "
        f"{progress.done} of {progress.total} trials in {duration(progress.seconds)}"
    )
    if outcome.headline:
        table = new_table("", "")
        table.show_header = False
        for name, value in outcome.headline.items():
            table.add_row(name, formatted(value))
        console().print(table)
    if progress.failed:
        where = as_typed(outcome.directory / "packs")
        say(f"{progress.failed} trials failed; their tracebacks: {where}/*/failures.json")
        for reason, number in list(outcome.reasons.items())[:MAX_REASONS]:
            say(f"  {number} x {reason}")
        if (more := len(outcome.reasons) - MAX_REASONS) > 0:
            say(f"  and {more} other reasons")
    for problem in outcome.problems:
        say(problem)
    if outcome.message:
        say(outcome.message)
    if outcome.report is not None:
        say(f"report:   {as_typed(outcome.report)}")
    if outcome.state != "interrupted":
        say(f"compare:  lblhep compare {outcome.id}")
        say("browse:   lblhep ui")


def _with_resume_value(args: Sequence[str]) -> list[str]:
    """Complete ``--resume``: alone it means the newest; ``--resume LAUNCH`` (an id or its directory) names
    one."""
    words: list[str] = []
    for place, word in enumerate(args):
        if word != "--resume":
            words.append(word)
            continue
        following = args[place + 1] if place + 1 < len(args) else ""
        named = following == NEWEST_LAUNCH or LAUNCH_ID.search(following.rstrip("/"))
        words += ["--resume"] if named else ["--resume", NEWEST_LAUNCH]
    return words
