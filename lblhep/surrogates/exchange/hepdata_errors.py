"""Parse numbers and errors as HEPData writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lblhep.surrogates.exchange.reference import total_error


def number(entry: object) -> float | None:
    """Return a finite number, or None where the publication has none ("-", "", "NaN", "<0.1")."""
    try:
        value = float(str(entry))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def shift(entry: object, value: float) -> float:
    """Return an error in the value's unit from a number, or from "4.4%" of the value.

    Raises ValueError if it is neither.
    """
    text = str(entry).strip()
    percent = text.endswith("%")
    size = number(text.removesuffix("%"))
    if size is None:
        raise ValueError(f"the error {entry!r} is neither a number nor a percentage")
    return size * abs(value) / 100 if percent else size


def quadrature(pairs: Iterable[tuple[object, object]], value: float) -> tuple[float, float]:
    """Return the total (down, up) of (minus, plus) entries; an empty pair is a source without an error."""
    given = [pair for pair in pairs if any(str(entry).strip() for entry in pair)]
    return total_error((shift(minus or 0, value), shift(plus or 0, value)) for minus, plus in given)


def table_name(number_: int, column: int) -> str:
    """Return ``d03-x01-y02`` for the second quantity (``column`` counts from 0) of a record's third table."""
    return f"d{number_:02d}-x01-y{column + 1:02d}"
