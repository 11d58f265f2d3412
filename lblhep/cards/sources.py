"""A card states the sources of its data set: files, or a producer of event ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlparse

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from lblhep.cards.ranges import EventRange, cut
from lblhep.names import DiskName


def card_fault(message: str) -> PydanticCustomError:
    return PydanticCustomError("card", "{message}", {"message": message})


class CardSection(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def hexadecimal(text: str) -> str:
    """Check a file's checksum, with or without the prefix that names the algorithm, and return its digits."""
    digits = text.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise card_fault(f"must be 64 hexadecimal digits, not {text[:80]!r}")
    return digits


Sha256 = Annotated[str, AfterValidator(hexadecimal)]
Import = Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
Format = Literal["parquet", "root", "hdf5", "csv", "npz"]
SCHEMES = ("http", "https", "file")
OPTIONS: dict[Format, tuple[str, ...]] = {
    "parquet": (),
    "root": ("table",),
    "hdf5": ("table",),
    "csv": ("separator", "decimal", "comment"),
    "npz": (),
}
"""What a card can say about a file of each format."""
SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".root": "root",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".csv": "csv",
    ".npz": "npz",
}


def _named(name: Any) -> Any:
    """Turn a column's name in a file, which may be an integer, into text."""
    return str(name) if isinstance(name, int) and not isinstance(name, bool) else name


class FileSource(CardSection):
    """Names one file, local (``path`` relative to ``data_cards/``) or remote (``url``), in a known format.

    ``sha256: null`` marks a file that nobody has checked yet.  ``columns`` maps our names to the file's,
    which may be integers in a frame of pandas: ``columns: {pt: 0}``.  ``table`` names the tree, or the HDF5
    group or data set.  In a CSV file ``separator`` stands between the values (``","``), ``decimal`` in a
    number (``"."``), and lines that begin with ``comment`` are left out.  ``reader`` is a function of a path
    for layouts that need code.
    """

    path: str | None = None
    url: str | None = None
    sha256: Sha256 | None
    format: Format | None = None
    table: str | None = None
    columns: dict[str, Annotated[str, BeforeValidator(_named)]] = {}
    reader: Import | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    comment: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        if path is not None and (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts):
            raise card_fault("a path is relative to data_cards/ and stays inside it")
        return path

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        if url is not None and urlparse(url).scheme not in SCHEMES:
            raise card_fault(f"an address begins with one of {', '.join(f'{s}://' for s in SCHEMES)}")
        return url

    @model_validator(mode="after")
    def _one_place(self) -> FileSource:
        if (self.path is None) == (self.url is None):
            raise card_fault("a file has either a path or a url")
        if self.format is None and self.reader is None and self.file_name.suffix not in SUFFIXES:
            raise card_fault(f"the suffix {self.file_name.suffix!r} tells no format: state `format:`")
        for option in self.options:
            if self.reader is not None or option not in OPTIONS[self.layout]:
                kind = "file with a `reader:`" if self.reader else f"{self.layout} file"
                raise card_fault(f"`{option}:` says nothing about a {kind}: remove it")
        return self

    @property
    def options(self) -> dict[str, str]:
        """Return what the card says about the file's form."""
        every = dict.fromkeys(name for names in OPTIONS.values() for name in names)
        stated = {name: getattr(self, name) for name in every}
        return {name: value for name, value in stated.items() if value is not None}

    @property
    def address(self) -> str:
        """Return what the card says: the path or the url."""
        return self.path or self.url or ""

    @property
    def file_name(self) -> PurePosixPath:
        return PurePosixPath(PurePosixPath(urlparse(self.address).path).name)

    @property
    def layout(self) -> Format:
        return self.format or SUFFIXES[self.file_name.suffix]


class ProduceSource(BaseModel):
    """States events that a producer makes, in ranges of ``range`` events; other keys are the producer's
    arguments.

    ``name`` names the events' part in the cache and in the shipped sample.  ``merge`` is a function of the
    ranges' tables, in their order, and the same arguments, for data whose rows are not events: it returns the
    data set's table, and what the ranges' tables look like is between the two functions.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    use: Import
    merge: Import | None = None
    name: DiskName = "events"
    first: Annotated[int, Field(ge=0)] = 0
    events: Annotated[int, Field(gt=0)]
    range: Annotated[int, Field(gt=0)]
    seed: int

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})

    def ranges(self) -> Iterator[EventRange]:
        return cut(first=self.first, events=self.events, size=self.range, seed=self.seed)


class Sources(CardSection):
    """``files`` are used if the card has them, else ``produce``."""

    files: tuple[FileSource, ...] = ()
    produce: tuple[ProduceSource, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Sources:
        if not self.files and not self.produce:
            raise card_fault("a card needs `files` or `produce`")
        names = [source.name for source in self.produce]
        if len(set(names)) < len(names):
            raise card_fault(f"produce entries need different names, not {', '.join(names)}")
        spans = sorted((s.first, s.first + s.events, s.name) for s in self.produce)
        for (_, stop, one), (first, _, other) in pairwise(spans):
            if first < stop:
                raise card_fault(f"the event numbers of {one!r} and {other!r} overlap")
        return self
