"""``did you mean ...?``"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MOST_NAMES = 100
"""Names among which a close one is looked for: a thousand faults among a thousand names take long."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the closest of the (first) known words, or all if they are few and none is close."""
    names = [str(name) for name in islice(known, MOST_NAMES)]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 16 else ""


def plain_value(text: str) -> str:
    """A hint naming the number or truth value that the text reads as; empty if it reads as neither.

    ``no``, ``off`` and the like are text in YAML 1.2, and so is a number in quotes.
    """
    word = text.strip().lower()
    if word in ("true", "yes", "on", "y", "false", "no", "off", "n"):
        return f"did you mean `{str(word in ('true', 'yes', 'on', 'y')).lower()}`, without quotes?"
    try:
        float(word)
    except ValueError:
        return ""
    return f"did you mean `{word}`, without quotes?"
