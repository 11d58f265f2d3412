"""This module has every exception that lblhep raises on purpose.

The command line turns each into its message and its ``exit_code``; anything else is a bug and shows a
traceback only with ``--debug``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class LblhepError(Exception):
    """Raised for what the user can mend; the message names what, where and how."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """Describes one fault of a recipe or data card: where it stands, what is wrong, what might be meant.

    ``line`` counts from 1; it is 0 for a source without lines (the command line).
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f" {self.path}:" if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}:{path} {self.message}{hint}"


class RecipeError(LblhepError):
    """Raised with all problems of a recipe (or data card) at once."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ComponentError(LblhepError):
    """Raised where a ``use:`` does not import, or its component does not take the arguments."""

    exit_code = 2


class CardError(LblhepError):
    """A data card's data are missing, differ from their checksum, or cannot be read."""


class LaunchError(LblhepError):
    """A launch cannot start, resume or finish."""


class TrackingError(LblhepError):
    """The MLflow store cannot be used."""
