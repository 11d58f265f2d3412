"""An opened data set is verified Parquet parts in the cache, read by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from lblhep.atomic import sha256_of
from lblhep.cards.card import DataCard
from lblhep.cards.content import content_digest
from lblhep.cards.disk import commit_directory, sample_directory
from lblhep.cards.formats import explained, write_parquet
from lblhep.errors import CardError

MANIFEST = "manifest.json"


class Part(BaseModel):
    """Describes one Parquet file of a data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    rows: int
    sha256: str


class Manifest(BaseModel):
    """States what a data set's directory holds; it is written last, so that its presence means "whole"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["lblhep/manifest@1"] = "lblhep/manifest@1"
    card: str
    fingerprint: str
    content: str
    parts: tuple[Part, ...]


def store(card: DataCard, fingerprint: str, tables: Mapping[str, pa.Table]) -> Path:
    """Write the data set ``tables`` (part name -> table) into the cache, whole or not at all.

    A CardError is raised, and nothing kept, if the content is not the one that the card states.
    """
    whole = pa.concat_tables(tables.values())
    content = content_digest(whole)
    if card.content not in (None, content):
        raise CardError(
            f"{card.file}: the data's content is {content}, but the card states {card.content}; "
            "the source or the code that makes the data has changed: mend it, or correct `content:`"
        )
    directory = sample_directory(card.name, fingerprint)

    def fill(temporary: Path) -> None:
        parts = []
        for name, table in tables.items():
            file = temporary / f"{name}.parquet"
            write_parquet(table, file)
            parts.append(Part(file=file.name, rows=len(table), sha256=sha256_of(file)))
        manifest = Manifest(card=card.name, fingerprint=fingerprint, content=content, parts=tuple(parts))
        (temporary / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")

    commit_directory(directory, fill)
    return directory


@dataclass(frozen=True, eq=False)
class Sample:
    """Gives the data of a card.  Columns are read once per process and shared: the arrays are read-only.

    >>> sample = open_sample(workspace, "jets")
    >>> len(sample), sample.table().column_names
    (3, ['pt'])
    """

    card: DataCard
    fingerprint: str
    directory: Path
    manifest: Manifest
    _columns: dict[str, NDArray[Any]]

    def __repr__(self) -> str:
        return f"Sample({self.card.name!r}, {len(self)} rows, {self.directory})"

    def __len__(self) -> int:
        return sum(part.rows for part in self.manifest.parts)

    @property
    def content(self) -> str:
        """Return the content digest, as a card states it."""
        return self.manifest.content

    def columns(self, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Read the named columns, each a read-only array of ``len(self)`` values."""
        names = list(names)
        missing = [name for name in names if name not in self._columns]
        for name in missing:
            self._known(name)
        if missing:
            for name, values in zip(missing, self.table(missing).columns, strict=True):
                array = values.to_numpy()
                array.flags.writeable = False
                self._columns[name] = array
        return {name: self._columns[name] for name in names}

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read the data set, or some of its columns, as an Arrow table; parts in their order."""
        for name in columns or ():
            self._known(name)
        chosen = None if columns is None else list(columns)
        return pa.concat_tables(
            explained(path, "parquet", partial(pq.read_table, path, columns=chosen, partitioning=None))
            for path in self.paths()
        )

    def paths(self) -> list[Path]:
        """Return the paths of the Parquet parts."""
        return [self.directory / part.file for part in self.manifest.parts]

    def _known(self, name: str) -> None:
        if name not in self.card.columns:
            raise CardError(f"{self.card.file}: has no column {name}; it has {', '.join(self.card.columns)}")


_opened: dict[Path, dict[str, NDArray[Any]]] = {}  # directory -> columns read in this process


def stored(card: DataCard, fingerprint: str) -> Sample | None:
    """Open the data set if the cache holds it, verified against its manifest once per process."""
    directory = sample_directory(card.name, fingerprint)
    if not (directory / MANIFEST).exists():
        if directory.exists():
            raise CardError(f"{directory / MANIFEST}: no such file; {_remedy(card)}")
        return None
    manifest = _manifest(card, directory / MANIFEST)
    if card.content not in (None, manifest.content):
        raise CardError(
            f"{directory}: the data's content is {manifest.content}, but {card.file} states {card.content}; "
            f"correct `content:`, or {_remedy(card)}"
        )
    if directory not in _opened:
        check_parts(card, directory, manifest)
        _opened[directory] = {}
    return Sample(card, fingerprint, directory, manifest, _opened[directory])


def _manifest(card: DataCard, path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_text())
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise CardError(f"{path}: cannot be read: {reason}; {_remedy(card)}") from error


def check_parts(card: DataCard, directory: Path, manifest: Manifest) -> None:
    """Raise a CardError for the first part that is missing, not what was written, or of other rows."""
    for part in manifest.parts:
        path = directory / part.file
        if not path.is_file():
            raise CardError(f"{path}: no such file; {_remedy(card)}")
        if (found := sha256_of(path)) != part.sha256:
            raise CardError(f"{path}: sha256 is {found}, but {part.sha256} was written; {_remedy(card)}")
        rows = explained(path, "parquet", partial(pq.read_metadata, path)).num_rows
        if rows != part.rows:
            raise CardError(
                f"{path}: has {rows} rows, but {directory / MANIFEST} says {part.rows}; {_remedy(card)}"
            )


def check_content(sample: Sample) -> None:
    """Raise a CardError if the data, in the order of the manifest's parts, are not those that it was made of.

    The parts' checksums do not tell: a manifest may name sound parts in another order.
    """
    found = content_digest(sample.table())
    if found != sample.content:
        raise CardError(
            f"{sample.directory / MANIFEST}: says that the data's content is {sample.content}, "
            f"but that of its parts is {found}; {_remedy(sample.card)}"
        )


def _remedy(card: DataCard) -> str:
    return f"run `lblhep data rm {card.name}`, after which it is made again"
