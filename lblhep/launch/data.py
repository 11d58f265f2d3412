"""Which data a launch reads: fingerprints whose change makes its results another study's."""

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


def fingerprints(recipe: Recipe) -> dict[str, str]:
    """Card -> fingerprint of its data."""
    from lblhep.cards import fingerprint

    return {card.name: fingerprint(card) for card in cards(recipe)}
