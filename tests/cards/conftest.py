"""A workspace, a cache and a producer of the tests' own: numbers from numpy, made in no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lblhep.cards import DataCard, read_card

PRODUCER = '''
"""Events for tests."""
import time

import numpy as np
import pyarrow as pa

from tiny_shape import width


def numbers(events, *, process=0, seconds=0.0, fail_from=None, missing=0):
    """Normal numbers."""
    if fail_from is not None and events.start >= fail_from:
        raise RuntimeError("the generator gave up")
    time.sleep(seconds)
    n = len(events) - missing
    return pa.table({
        "event": np.arange(events.start, events.start + n, dtype=np.int32),
        "process": np.full(n, process, dtype=np.int8),
        "x": (width() * events.generator().standard_normal(n)).astype(np.float32),
        "not_in_the_card": np.zeros(n),
    })
'''
SHAPE = "def width():\n    return 2.0\n"

HEAD = """\
schema: lblhep/card@1
name: tiny
title: Tiny
licence: CC0-1.0
citation: none
columns:
  event: {unit: "1", role: id, description: number}
  process: {unit: "1", role: truth, description: label}
  x: {unit: GeV, role: observable, description: a number}
"""
PRODUCE = """\
sources:
  produce:
    - {use: "tiny_producer:numbers", name: background, events: 25, range: 10, seed: 1}
    - {use: "tiny_producer:numbers", name: signal, first: 100, events: 5, range: 10, seed: 2, process: 1}
"""

WriteCard = Callable[..., DataCard]


@pytest.fixture
def workspace(tmp_path: Path, own_modules: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace with a producer, and a cache beside it."""
    folder = tmp_path / "workspace"
    (folder / "data_cards").mkdir(parents=True)
    (folder / "tiny_producer.py").write_text(PRODUCER)
    (folder / "tiny_shape.py").write_text(SHAPE)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def write_card(workspace: Path) -> WriteCard:
    """Write ``data_cards/tiny.yaml`` from its parts and read it."""

    def write(sources: str = PRODUCE, *, head: str = HEAD, tail: str = "") -> DataCard:
        (workspace / "data_cards" / "tiny.yaml").write_text(head + sources + tail)
        return read_card(workspace, "tiny")

    return write


def files_under(folder: Path) -> list[Path]:
    """Every file below ``folder`` but lock files."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


@pytest.fixture
def cached_files(tmp_path: Path) -> Callable[[], list[Path]]:
    """What lies in the cache now."""
    return lambda: files_under(tmp_path / "cache")


@pytest.fixture
def head() -> str:
    """The tiny card's text up to its sources."""
    return HEAD


@pytest.fixture
def data() -> Path:
    """Small files of many kinds, each of which was once read wrongly."""
    return Path(__file__).parent / "data"
