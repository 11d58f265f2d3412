"""Read data cards, and fetch, make, verify and open their data sets."""

from lblhep.cards.card import Column, DataCard
from lblhep.cards.content import content_digest
from lblhep.cards.opening import Finding, State, fetch, forget, make, open_sample, state, verify
from lblhep.cards.production import Progress
from lblhep.cards.ranges import EventRange
from lblhep.cards.read import list_cards, read_card
from lblhep.cards.sample import Sample
from lblhep.cards.shipping import Shipped, ship
from lblhep.cards.version import fingerprint

__all__ = [
    "Column",
    "DataCard",
    "EventRange",
    "Finding",
    "Progress",
    "Sample",
    "Shipped",
    "State",
    "content_digest",
    "fetch",
    "fingerprint",
    "forget",
    "list_cards",
    "make",
    "open_sample",
    "read_card",
    "ship",
    "state",
    "verify",
]
