"""Find the wanted columns, and turn arrays into Arrow's: the readers of all formats use these functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lblhep.errors import CardError
from lblhep.recipe.hints import alike_first, did_you_mean

MOST_NAMES = 40
"""How many of a file's names a message lists."""


def chosen(place: Path | str, wanted: Sequence[str] | None, there: Sequence[str]) -> list[str]:
    """Return the names to read: ``wanted``, or all that are ``there`` where that is None.

    ``place`` is the file, in messages.  Raises CardError if one is missing or stands there twice; how
    often the others do is not looked at.
    """
    times = Counter(there)
    names = list(dict.fromkeys(there if wanted is None else wanted))
    missing = [name for name in names if name not in times]
    if missing:
        many = len(there) > MOST_NAMES
        hint = did_you_mean(missing[0], alike_first(missing[0], times)) if many else ""
        raise CardError(
            f"{place}: has no column {', '.join(missing)}; it has {listed(there)}; "
            f"correct the card's `columns`{f': {hint}' if hint else ''}"
        )
    for name in names:
        if times[name] > 1:
            raise CardError(
                f"{place}: {times[name]} of its columns are called {name}: give each its own name"
            )
    return names


def listed(names: Iterable[str]) -> str:
    """Join the names, or the first of them if they are many."""
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return (", ".join(names[:MOST_NAMES]) or "none") + more


def table_of(path: Path, arrays: Mapping[str, Any]) -> pa.Table:
    """Make an Arrow table of numpy arrays, one value an event."""
    columns = {name: _arrow(path, name, values) for name, values in arrays.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise CardError(f"{path}: its columns differ in length: {found}; correct the card's `columns`")
    return pa.table(columns)


def _arrow(path: Path, name: str, values: Any) -> pa.Array:
    """Turn a numpy array of either byte order into Arrow's; bytes are UTF-8 text."""
    if values.ndim != 1:
        shape = "a single value" if values.ndim == 0 else f"of shape {values.shape}"
        raise CardError(f"{path}: column {name} is {shape}, not one value an event: it needs a `reader:`")
    try:
        array = pa.array(values.astype(values.dtype.newbyteorder("="), copy=False))
        binary = pa.types.is_binary(array.type) or pa.types.is_fixed_size_binary(array.type)
        return array.cast(pa.binary()).cast(pa.string()) if binary else array
    except (pa.ArrowException, TypeError) as error:
        raise CardError(
            f"{path}: column {name} holds values of type {values.dtype}, not numbers or text ({error}): "
            "it needs a `reader:`"
        ) from error
