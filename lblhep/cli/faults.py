"""Turn an exception that leaves the command line into a message on stderr and an exit code.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | it could not be done: data, launch, tracking, disk; or trials failed |
| 2 | the recipe, a component or the command line is wrong |
| 130 | interrupted (Ctrl-C) |
| 143 | terminated (SIGTERM) |
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from lblhep.errors import LblhepError

INTERRUPTED = 130


@contextmanager
def explained(*, debug: bool) -> Iterator[None]:
    """Turn what is raised inside into its message and ``typer.Exit``; with ``debug`` let it pass."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.TyperException):
        raise
    except KeyboardInterrupt:
        stop("interrupted", INTERRUPTED)
    except Exception as error:
        if debug or _closed_pipe(error):
            raise
        stop(*_message(error))


def stop(message: str, code: int) -> None:
    """Print the message on stderr and end with this exit code."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _closed_pipe(error: Exception) -> bool:
    """End quietly where the reader of a pipe has gone (``lblhep list | head``), as typer does."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _message(error: Exception) -> tuple[str, int]:
    if isinstance(error, LblhepError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}", 1
    bug = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"{bug}\nThis is a bug in lblhep. Add --debug to see the traceback, and please report it.", 1
