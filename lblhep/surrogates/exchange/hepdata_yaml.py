"""Read tables of HEPData in YAML, the format of its submissions and of its export.

    independent_variables: [{header: {name: ...}, values: [{low: 0, high: 0.1}, ...]}]
    dependent_variables:
      - header: {name: ...}
        values: [{value: 1.2, errors: [{label: stat, symerror: 0.1},
                                       {label: sys, asymerror: {minus: -0.1, plus: 5%}}]}, ...]

(https://hepdata-submission.readthedocs.io, "Data file format".)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lblhep.surrogates.exchange import hepdata_errors
from lblhep.surrogates.exchange.files import FormatError, read_text
from lblhep.surrogates.exchange.reference import reference_table

EXPECTED = "expected a table of HEPData: independent_variables and dependent_variables"


def read_hepdata_yaml(path: Path | str, *, experiment: str, number: int) -> pd.DataFrame:
    """Read the bins of the record's table ``number``, columns as in ``reference``.

    Each quantity has a ``table`` of its own.

    Errors of several sources are added in quadrature.  Bins without a value are left out and not counted, as
    in Rivet's files.  FormatError names the key of what is broken, and tables of two variables.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write("independent_variables: [{values: [{low: 0, high: 1}]}]\\n")
    ...     _ = file.write("dependent_variables: [{values: [{value: 2, errors: [{symerror: 5%}]}]}]\\n")
    ...     file.flush()
    ...     read_hepdata_yaml(file.name, experiment="A", number=1)["error_up"].tolist()
    [0.1]
    """
    content = _load(path)
    independent = _list(path, content, "independent_variables")
    if len(independent) != 1:
        problem = f"{len(independent)} independent variables"
        raise FormatError(
            path, "independent_variables", problem, "only tables of one variable become histograms"
        )
    edges = [
        _edges(path, f"independent_variables[0].values[{i}]", entry)
        for i, entry in enumerate(_list(path, independent[0], "values", "independent_variables[0]."))
    ]
    rows: list[dict[str, Any]] = []
    for column, variable in enumerate(_list(path, content, "dependent_variables")):
        place = f"dependent_variables[{column}]"
        entries = _list(path, variable, "values", f"{place}.")
        if len(entries) != len(edges):
            problem = f"{len(entries)} values for {len(edges)} bins"
            raise FormatError(path, place, problem, "was a row lost?")
        table = hepdata_errors.table_name(number, column)
        measured = _values(path, place, entries)
        kept = [(bounds, value) for bounds, value in zip(edges, measured, strict=True) if value is not None]
        for index, ((low, high), (value, down, up)) in enumerate(kept):
            row = {"experiment": experiment, "table": table, "bin": index, "x_low": low, "x_high": high}
            rows.append(row | {"value": value, "error_down": down, "error_up": up})
    return reference_table(rows)


def _load(path: Path | str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(read_text(path))
    except MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise FormatError(path, place, f"not YAML: {error.problem}", EXPECTED) from None
    except YAMLError as error:
        raise FormatError(path, "", f"not YAML: {error}", EXPECTED) from None


def _list(path: Path | str, content: Any, key: str, place: str = "") -> list[Any]:
    entry = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(entry, list):
        raise FormatError(path, f"{place}{key}", "there is no such list", EXPECTED)
    return entry


def _edges(path: Path | str, place: str, entry: Any) -> tuple[float, float]:
    """Return low and high end, or twice the value of a point."""
    given = entry if isinstance(entry, Mapping) else {}
    low, high = (hepdata_errors.number(given.get(key, given.get("value", ""))) for key in ("low", "high"))
    if low is None or high is None:
        raise FormatError(
            path, place, f"{entry!r} is neither a bin nor a point", "expected low and high, or value"
        )
    return low, high


def _values(path: Path | str, place: str, entries: list[Any]) -> Iterator[tuple[float, float, float] | None]:
    for index, entry in enumerate(entries):
        given = entry if isinstance(entry, Mapping) else {}
        value = hepdata_errors.number(given.get("value", ""))
        if value is None:
            yield None
            continue
        pairs = []
        for source, error in enumerate(given.get("errors") or []):
            here = f"{place}.values[{index}].errors[{source}]"
            minus, plus = _pair(path, here, error)
            try:
                hepdata_errors.quadrature([(minus, plus)], value)
            except ValueError as problem:
                raise FormatError(path, here, str(problem), "expected 0.1 or 5%") from None
            pairs.append((minus, plus))
        yield value, *hepdata_errors.quadrature(pairs, value)


def _pair(path: Path | str, place: str, error: Any) -> tuple[object, object]:
    """Return the signed entries (minus, plus) of one source."""
    if isinstance(error, Mapping) and "symerror" in error:
        size = str(error["symerror"]).strip().removeprefix("-")
        return (f"-{size}", size) if size else ("", "")
    asymmetric = error.get("asymerror") if isinstance(error, Mapping) else None
    if isinstance(asymmetric, Mapping) and {"minus", "plus"} <= set(asymmetric):
        return asymmetric["minus"], asymmetric["plus"]
    raise FormatError(path, place, f"{error!r} is no error", "expected symerror, or asymerror: {minus, plus}")
