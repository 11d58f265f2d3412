"""Weight files of apprentice and Professor say which bins count in a fit, and how much.

    # path of a distribution, with a selection of its bins or not, and a weight
    /ALEPH_1996_S3486095/d01-x01-y01            1
    /ALEPH_1996_S3486095/d07-x01-y01#2:10       0.5    # bins number 2 to 9
    /ALEPH_1996_S3486095/d09-x01-y01#4          2      # bin number 4
    /DELPHI_1996_S3430090/d11-x01-y01@0.02:0.1  1      # bins that reach into 0.02 to 0.1
    /DELPHI_1996_S3430090/d12-x01-y01@0.05      1      # the bin around 0.05

A path is a regular expression that must match at the start of a bin's path, so ``/ALEPH`` means all of ALEPH.
The last line that matches a bin wins; a bin that none matches has weight 0.  apprentice (weights.py of 1.1)
multiplies a bin's term in its objective by the *square* of its weight: the weight w of a ``Chi2`` stands in a
file as sqrt(w).  ``weight_rules`` writes it so; ``match_weights(...) ** 2`` reads it back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lblhep.annotations import Floats
from lblhep.surrogates.exchange.files import FormatError, read_text, write_text

_SELECTOR = re.compile(r"([^#@]+)(?:([#@])([^#@]*))?")
_REGULAR = set("\\^$*+?{}[]()|")  # '.' too, but it matches itself
NUMBERS = "#2 or #2:5, #:5, #2:, or @0.1, @0.1:0.2"


@dataclass(frozen=True)
class WeightRule:
    """A rule is a line: ``path`` (a regular expression), the bins that it selects, and ``weight`` >= 0.

    ``kind`` is "#" for numbers of bins, "@" for values of x, "" for all.  ``low`` to ``high`` is a range
    (numbers: without its end); equal, they are one bin's number, or an x in it.
    """

    path: str
    weight: float
    kind: str = ""
    low: float = -math.inf
    high: float = math.inf

    def selects(self, number: int, x_low: float, x_high: float) -> bool:
        """Say whether bin ``number`` from ``x_low`` to ``x_high`` is selected; ends are as in apprentice."""
        if self.kind == "#":
            return number == self.low if self.low == self.high else self.low <= number < self.high
        if self.kind == "@":
            if self.low == self.high:
                return x_low <= self.low < x_high
            return x_high > self.low and x_low <= self.high
        return True

    def __str__(self) -> str:
        if not self.kind:
            return f"{self.path} {float(self.weight)!r}"
        ends = [_plain(end, self.kind) if math.isfinite(end) else "" for end in (self.low, self.high)]
        selection = ends[0] if self.low == self.high else ":".join(ends)
        return f"{self.path}{self.kind}{selection} {float(self.weight)!r}"


def read_weights(path: Path | str) -> list[WeightRule]:
    """Read the rules of a weight file, in order; raise FormatError with the line of one that is wrong.

    So are lines that apprentice itself would misread: a selection it cannot parse, such as ``@-0.5:0.5``,
    would there mean all bins.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     write_weights(file.name, [WeightRule("/A/d01", 2.0)], header=["a comment"])
    ...     [str(rule) for rule in read_weights(file.name)]
    ['/A/d01 2.0']
    """
    rules = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if words:
            try:
                rules.append(_rule(words))
            except ValueError as error:
                problem, remedy = error.args
                raise FormatError(path, f"line {number}", problem, remedy) from None
    return rules


def write_weights(path: Path | str, rules: Iterable[WeightRule], header: Sequence[str] = ()) -> None:
    """Write the rules below lines of comment; FormatError for a rule that would be read as another."""
    lines = [f"# {line}" for text in header for line in text.splitlines()]
    for rule in rules:
        try:
            if _rule(str(rule).split()) != rule:
                raise ValueError("this rule would be read as another", "mind spaces, # and @ in its path")
        except ValueError as error:
            problem, remedy = error.args
            raise FormatError(path, str(rule), problem, remedy) from None
        lines.append(str(rule))
    write_text(path, "".join(f"{line}\n" for line in lines))


def match_weights(
    rules: Sequence[WeightRule], ids: Sequence[str], x_low: ArrayLike, x_high: ArrayLike
) -> Floats:
    """Return the weight of each bin, as it stands in the file: it is not squared.

    Args:
        rules: the rules of a file, of which the last that matches a bin wins.
        ids: of the B bins.
        x_low: lower ends of the bins in x, (B,).
        x_high: upper ends of the bins in x, (B,).

    Returns:
        The weights (B,), 0 for a bin that no rule matches.

    >>> rules = [WeightRule("/A", 1.0), WeightRule("/A/d01", 0.5, "#", 0, 1)]
    >>> match_weights(rules, ["/A/d01#0", "/A/d01#1"], [0.0, 1.0], [1.0, 2.0]).tolist()
    [0.5, 1.0]
    """
    patterns = [re.compile(rule.path) for rule in rules]
    weights = np.zeros(len(ids))
    for index, (name, low, high) in enumerate(
        zip(ids, np.asarray(x_low, float), np.asarray(x_high, float), strict=True)
    ):
        path, _, number = name.partition("#")
        for rule, pattern in zip(rules, patterns, strict=True):
            if pattern.match(path) and rule.selects(int(number), low, high):
                weights[index] = rule.weight
    return weights


def weight_rules(ids: Sequence[str], weights: ArrayLike) -> list[WeightRule]:
    """Return rules that give these bins the weights (B,) of a chi2.

    There is one rule for a distribution where the weight is uniform, else there are rules by numbers.

    Bins that are not among ``ids`` may get any weight.  Raises ValueError for a path with signs that a
    regular expression reads otherwise.

    >>> [str(rule) for rule in weight_rules(["/A/d01#0", "/A/d01#1", "/A/d02#0"], [4, 4, 0])]
    ['/A/d01 2.0', '/A/d02 0.0']
    """
    roots = np.sqrt(np.asarray(weights, float))
    place = [(*_split(name), float(root)) for name, root in zip(ids, roots, strict=True)]
    rules: list[WeightRule] = []
    # Sorted, a path that begins with another path comes after it, and the last rule that matches wins.
    for path, group in groupby(sorted(place), key=lambda entry: entry[0]):
        bins = list(group)
        if len({weight for *_, weight in bins}) == 1:
            rules.append(WeightRule(path, bins[0][2]))
            continue
        rules.append(WeightRule(path, 0.0))
        for _, number, weight in bins:
            last = rules[-1]
            if last.kind and last.weight == weight and last.high == number:
                rules[-1] = WeightRule(path, weight, "#", last.low, number + 1)
            else:
                rules.append(WeightRule(path, weight, "#", number, number + 1))
    return rules


def _split(name: str) -> tuple[str, int]:
    path, _, number = name.partition("#")
    if not number.isdecimal() or set(path) & _REGULAR or re.search(r"[@\s]", path):
        raise ValueError(f"{name!r} cannot stand in a weight file: expected /ANALYSIS/table#number")
    return path, int(number)


def _rule(words: Sequence[str]) -> WeightRule:
    """Return the rule of a line's words; raise ValueError(problem, remedy)."""
    if len(words) != 2:
        raise ValueError(f"{len(words)} words", "expected a path and a weight")
    match = _SELECTOR.fullmatch(words[0])
    if not match:
        raise ValueError(f"{words[0]!r} is no path with a selection", f"expected {NUMBERS}")
    path, kind, selection = match[1], match[2] or "", match[3] or ""
    try:
        re.compile(path)
    except re.error as error:
        raise ValueError(
            f"{path!r} is no regular expression: {error}", "put \\ before its special signs"
        ) from None
    try:
        weight = float(words[1])
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ValueError(f"the weight {words[1]!r} is no number >= 0", "0 leaves the bins out")
    return WeightRule(path, weight, kind, *_ends(kind, selection)) if kind else WeightRule(path, weight)


def _ends(kind: str, selection: str) -> tuple[float, float]:
    digits = r"\d*" if kind == "#" else r"(?:\d+\.?\d*|\.\d+)?"
    match = re.fullmatch(rf"({digits})(:?)({digits})", selection)
    if not match or not (match[1] or match[2]) or (match[3] and not match[2]):
        problem = f"the selection {kind}{selection} has no sign that apprentice reads but digits, '.' and ':'"
        raise ValueError(problem, f"expected {NUMBERS}; select negative x by number")
    low = float(match[1] or -math.inf)
    if not match[2]:
        return low, low
    high = float(match[3] or math.inf)
    if low >= high:
        raise ValueError(f"the range {kind}{selection} is empty", "the first end must be below the second")
    return low, high


def _plain(end: float, kind: str) -> str:
    """Return a number without an exponent, which apprentice would not read."""
    return str(int(end)) if kind == "#" and end == int(end) else np.format_float_positional(end, trim="-")
