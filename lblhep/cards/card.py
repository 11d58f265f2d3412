"""Data cards: one YAML file under ``data_cards/`` says what a data set is and where it comes from.

A card is read with the same YAML reader as a recipe, so its faults come with file, line and column.  What a
study does with the data (features, windows, folds) is the recipe's business, never the card's.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from lblhep.cards.sources import CardSection, FileSource, Sources, card_fault, hexadecimal
from lblhep.names import DiskName

Content = Annotated[str, AfterValidator(lambda text: f"sha256:{hexadecimal(text)}")]


def _stands_for_missing(value: Any) -> Any:
    """Check what a column states by ``missing:`` and return it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number and value not in ("allowed", None):
        raise card_fault("must be `allowed`, or the number that stands for a missing value")
    return value


class Column(CardSection):
    """States a column's unit ("GeV", "1" for a pure number), role and meaning.

    Observables and weights are numbers, or lists of them; ids and truth may also be text.  A missing value
    (NaN, null, an empty cell) is refused, unless ``missing: allowed`` is stated: then it is null in Parquet
    and NaN in memory.  ``missing: -999`` names the number by which the source says that a value is missing.
    Weights and ids are never missing.  The whole rule is in ``lblhep.cards.values``.

    >>> Column(unit="GeV", role="observable", description="transverse momentum").missing is None
    True
    """

    unit: str
    role: Literal["observable", "truth", "weight", "id"]
    description: str
    missing: Annotated[str | int | float | None, BeforeValidator(_stands_for_missing)] = None

    @model_validator(mode="after")
    def _never_missing(self) -> Column:
        if self.missing is not None and self.role in ("weight", "id"):
            raise card_fault(f"a column of role {self.role} never lacks values: remove `missing:`")
        return self


class DataCard(CardSection):
    """States what a data set is and where its data come from.  ``file`` and ``workspace`` say where it was
    read.

    >>> read_card(workspace, "made").source
    'produce'
    """

    schema_: Literal["lblhep/card@1"] = Field(alias="schema")
    name: DiskName
    title: str
    description: str = ""
    licence: str
    citation: str
    columns: Annotated[dict[str, Column], Field(min_length=1)]
    cross_section: Any = None
    luminosity: Any = None
    sources: Sources
    content: Content | None = None

    _file: Path = PrivateAttr(default=Path())

    @property
    def file(self) -> Path:
        return self._file

    @property
    def workspace(self) -> Path:
        return self._file.parent.parent

    @property
    def source(self) -> Literal["files", "produce"]:
        """Return where an opened sample comes from."""
        return "files" if self.sources.files else "produce"

    def place(self, source: FileSource) -> Path:
        """Return the path of a local source file."""
        return self._file.parent / str(source.path)
