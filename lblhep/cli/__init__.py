"""The command line: one module for each verb.

The verbs' modules import only what ``--help`` needs; each loads torch, ray or mlflow inside its function, if
at all.  So ``lblhep --help`` and ``lblhep validate --no-import`` answer at once.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lblhep import __version__
from lblhep.cli import compare, data, describe, freeze, list, new, report, rm, run, ui, validate
from lblhep.cli.faults import explained

DEBUG = "--debug"


class _Verbs(TyperGroup):
    """The verbs, behind the one place where exceptions become messages and exit codes."""

    def parse_args(self, ctx: Any, args: Any) -> Any:
        # People add --debug at the end of the line that failed: it is taken from anywhere.
        first = [DEBUG] if DEBUG in args else []
        return super().parse_args(ctx, [*first, *(word for word in args if word != DEBUG)])

    def invoke(self, ctx: Any) -> Any:
        with explained(debug=ctx.params["debug"]):
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Verbs,
    name="lblhep",
    help="Machine-learning studies in high-energy physics, each from one declarative recipe.",
    epilog="Start with:  lblhep new mystudy  ·  lblhep run recipes/mystudy.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("run", cls=run.RunCommand)(run.run)
app.command("validate")(validate.validate)
app.command("list")(list.list_)
app.command("describe")(describe.describe)
app.command("new")(new.new)
app.command("freeze")(freeze.freeze)
app.add_typer(data.app, name="data")
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("ui")(ui.ui)
app.command("rm")(rm.rm)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lblhep {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error (with any verb).")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of every verb; ``debug`` is read by :class:``_Verbs``."""


def main() -> None:
    """Run the ``lblhep`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # "±" and "·" must not end a run under LANG=C
    app()
