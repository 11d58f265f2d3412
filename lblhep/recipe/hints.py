"""Say ``did you mean ...?`` and what may have been meant."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MOST_NAMES = 100
"""Names among which a close one is looked for: a thousand faults among a thousand names take long."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint naming the closest of the (first) known words, or all if they are few and none is
    close."""
    names = [str(name) for name in islice(known, MOST_NAMES)]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 16 else ""


def alike_first(word: str, names: Iterable[str]) -> list[str]:
    """Sort many names for ``did_you_mean``, those with the first letter of the word before the others."""
    return sorted(names, key=lambda name: name[:1].lower() != word[:1].lower())


def plain_value(text: str) -> str:
    """Return a hint naming the number or truth value that the text reads as; empty if it reads as neither.

    ``no``, ``off`` and the like are text in YAML 1.2, and so is a number in quotes.
    """
    word = text.strip().lower()
    if word in ("true", "yes", "on", "y", "false", "no", "off", "n"):
        return f"did you mean `{str(word in ('true', 'yes', 'on', 'y')).lower()}`, without quotes?"
    try:
        finite = math.isfinite(float(word))
    except ValueError:
        return ""
    if not finite:  # YAML writes these with a dot
        return (
            f"did you mean `{'-' if word.startswith('-') else ''}.{word.lstrip('+-')[:3]}`, without quotes?"
        )
    return f"did you mean `{word}`, without quotes?"
