"""Write a finished production beside its card, as the sample that ships with the repository."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lblhep.cards.disk import commit_file
from lblhep.cards.sample import Sample


@dataclass(frozen=True)
class Shipped:
    """Files written next to the card, with the lines that the card states of them."""

    files: tuple[tuple[Path, str], ...]  # path relative to data_cards/, sha256
    content: str
    megabytes: float

    def lines(self) -> str:
        """Return the lines to put into the card."""
        files = [f"    - path: {path.as_posix()}\n      sha256: {sha256}" for path, sha256 in self.files]
        return "\n".join(["sources:", "  files:", *files, f"content: {self.content}"])


def ship(sample: Sample) -> Shipped:
    """Copy the sample's parts, one for each ``produce`` entry, to ``data_cards/<card>/``.

    >>> shipped = ship(make(read_card(workspace, "made"), serial=True))
    >>> [path.as_posix() for path, checksum in shipped.files]
    ['made/events.parquet']
    """
    folder = sample.card.file.parent
    files = []
    for part, path in zip(sample.manifest.parts, sample.paths(), strict=True):
        relative = Path(sample.card.name) / part.file
        commit_file(folder / relative, partial(shutil.copyfile, path))
        files.append((relative, part.sha256))
    size = sum((folder / path).stat().st_size for path, _ in files)
    return Shipped(tuple(files), sample.content, size / 1e6)
