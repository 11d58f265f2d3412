"""Write and read checkpoints, each with its checksum beside it: one that was altered is not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lblhep.atomic import sha256_of, write_file


def write_checkpoint(path: Path, save: Callable[[Path], object]) -> None:
    """Let ``save`` write a checkpoint that becomes ``path``, in place of the one before.

    The checksum of the new one is written before it gets its name, beside that of the one before: so a kill
    leaves one that can be read.
    """

    def write(draft: Path) -> None:
        save(draft)
        sums = [sha256_of(file) for file in (draft, path) if file.is_file()]
        write_file(_sums(path), lambda text: text.write_text("\n".join(sums)))

    write_file(path, write)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of tensors, numbers and text onto the CPU.

    Raises:
        ValueError: it is not what was written.
        OSError: it cannot be read.
        pickle.UnpicklingError: it holds something that could run code when read.
    """
    import torch

    if sha256_of(path) not in _sums(path).read_text().split():
        raise ValueError("it is not what was written: wrong checksum")
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _sums(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
