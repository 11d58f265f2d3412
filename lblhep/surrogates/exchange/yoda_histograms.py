"""Read histograms that a generator filled, Histo1D of YODA 1 and 2 and Profile1D of YODA 1, with errors.

With sums over the fills of a bin of width h, of weights w and, in a profile, of values y:

    Histo1D     height sum(w) / h,    error sqrt(sum(w^2)) / h
    Profile1D   mean sum(w y) / sum(w),    standard error sqrt(V / n),    n = sum(w)^2 / sum(w^2),
                V = (sum(w y^2) sum(w) - sum(w y)^2) / (sum(w)^2 - sum(w^2))

as ``Dbn1D.cc`` and ``mkScatter`` of YODA 1 have them.  YODA 1 has a row a bin: its ends, then sum(w),
sum(w^2), sum(w x), sum(w x^2), in a profile sum(w y) and sum(w y^2), and the number of fills; rows that begin
with Total, Underflow or Overflow are no bins.  YODA 2 has the edges in a header, and the row begins with
sum(w).  Where Rivet has finished with a histogram, it writes an Estimate1D there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from lblhep.surrogates.exchange.files import FormatError
from lblhep.surrogates.exchange.yoda_blocks import Block, binned_rows, number

BinRow = tuple[float, float, float, float, float]  # ends of a bin, value, errors down and up
ROWS_OUTSIDE = {"Total", "Underflow", "Overflow"}
HISTOGRAM_SUMS, PROFILE_SUMS = 5, 7


def filled_histogram(path: Path | str, block: Block) -> Iterator[BinRow]:
    """Yield the bins of a Histo1D of YODA 1."""
    for low, high, sums in _filled(path, block, HISTOGRAM_SUMS):
        yield _height(low, high, sums[0], sums[1])


def filled_profile(path: Path | str, block: Block) -> Iterator[BinRow]:
    """Yield the bins of a Profile1D of YODA 1; one filled once has a mean and an error that is NaN."""
    for low, high, (w, w2, _, _, wy, wy2, _) in _filled(path, block, PROFILE_SUMS):
        mean, error = _mean(w, w2, wy, wy2)
        yield low, high, mean, error, error


def binned_histogram(path: Path | str, block: Block) -> Iterator[BinRow]:
    """Yield the bins of a Histo1D of YODA 2 that are not masked."""
    for low, high, line, words in binned_rows(path, block):
        numbers = _numbers(path, block, line, words, HISTOGRAM_SUMS)
        _check(path, block, line, low, high, numbers[1])
        yield _height(low, high, numbers[0], numbers[1])


def _filled(path: Path | str, block: Block, sums: int) -> Iterator[tuple[float, float, list[float]]]:
    for line, words in block.rows:
        if words[0] not in ROWS_OUTSIDE:
            low, high, *rest = _numbers(path, block, line, words, 2 + sums)
            _check(path, block, line, low, high, rest[1])
            yield low, high, rest


def _numbers(path: Path | str, block: Block, line: int, words: list[str], expected: int) -> list[float]:
    if len(words) != expected:
        problem = f"{len(words)} columns in a bin of {block.path}"
        raise FormatError(path, f"line {line}", problem, f"expected {expected}")
    return [number(path, line, word) for word in words]


def _check(path: Path | str, block: Block, line: int, low: float, high: float, w2: float) -> None:
    if not low < high or w2 < 0:
        problem = f"a bin of {block.path} from {low:g} to {high:g} with a sum of squared weights of {w2:g}"
        raise FormatError(path, f"line {line}", problem, "expected ascending ends and a sum >= 0")


def _height(low: float, high: float, w: float, w2: float) -> BinRow:
    width = high - low
    error = math.sqrt(w2) / width
    return low, high, w / width, error, error


def _mean(w: float, w2: float, wy: float, wy2: float) -> tuple[float, float]:
    """Return the mean and its standard error; NaN where the fills are too few to tell."""
    if w == 0:
        return math.nan, math.nan
    mean, freedom = wy / w, w**2 - w2
    if freedom <= 0:  # one fill, or weights of both signs
        return mean, math.nan
    variance = max(wy2 * w - wy**2, 0.0) / freedom
    return mean, math.sqrt(variance * w2) / abs(w)
