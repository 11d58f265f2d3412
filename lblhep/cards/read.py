"""Find and read the cards of a workspace, and open their data."""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import ValidationError

from lblhep.cards.card import DataCard
from lblhep.errors import CardError, RecipeError
from lblhep.names import name_fault
from lblhep.recipe.hints import did_you_mean
from lblhep.recipe.problems import problem_at, translate
from lblhep.recipe.text import parse, read_text

FOLDER = "data_cards"


def list_cards(workspace: Path) -> list[str]:
    """Return the names of the workspace's cards, sorted; whether they parse is not looked at.

    >>> list_cards(workspace)
    ['fresh', 'jets', 'made']
    """
    return sorted(path.stem for path in (workspace / FOLDER).glob("*.yaml"))


def read_card(workspace: Path, name: str) -> DataCard:
    """Read ``data_cards/<name>.yaml``.

    Raises CardError if there is no such card and RecipeError with every problem of its text.

    >>> read_card(workspace, "jets").columns["pt"].unit
    'GeV'
    """
    if fault := name_fault(name):
        raise CardError(f"the name of a data card {fault}")
    path = workspace / FOLDER / f"{name}.yaml"
    if not path.is_file():
        hint = did_you_mean(name, list_cards(workspace)) or "`lblhep data list` names the cards"
        raise CardError(f"{path}: there is no such data card; {hint}")
    return _card(path, read_text(path))


@functools.lru_cache(maxsize=64)  # a long one takes a quarter of a second; validate asks at each axis value
def _card(path: Path, text: str) -> DataCard:
    document = parse(text, str(path))
    try:
        card = DataCard.model_validate(document.values)
    except ValidationError as error:
        raise RecipeError(translate(error, document, DataCard)) from None
    if card.name != path.stem:
        message = f"is {card.name!r}, but the file's name is {path.stem!r}"
        raise RecipeError([problem_at(document.marks, str(path), ("name",), message)])
    card._file = path
    return card
