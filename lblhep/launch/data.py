"""Which data a launch reads: are they sound, and their fingerprints, whose change makes it another study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lblhep.cards import DataCard
    from lblhep.recipe import Recipe


def cards(recipe: Recipe) -> list[DataCard]:
    """The data cards of the recipe's data sets, each once, by name."""
    from lblhep.cards import read_card

    names = {dataset.card for dataset in recipe.datasets.values() if dataset.card}
    return [read_card(recipe.workspace, name) for name in sorted(names)]


def check(recipe: Recipe) -> None:
    """Open the data that are here, so that what is damaged is said once and not by every trial.

    What a card makes on first use is left to the first worker that needs it.

    Raises:
        CardError: a file is missing, damaged, or cannot be fetched.
    """
    from lblhep.cards import open_sample, state

    for card in cards(recipe):
        if card.source == "files" or state(card).kind == "made":
            open_sample(recipe.workspace, card.name)


def fingerprints(recipe: Recipe) -> dict[str, str]:
    """Card -> fingerprint of its data."""
    from lblhep.cards import fingerprint

    return {card.name: fingerprint(card) for card in cards(recipe)}
