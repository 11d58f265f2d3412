"""Productions whose ranges are merged into another table: histograms of events rather than events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from lblhep.cards import content_digest, fingerprint, make, open_sample, ship
from lblhep.cards.disk import production_directory
from lblhep.cards.production import range_jobs
from lblhep.errors import CardError

PRODUCER = '''
"""Histograms of events, for tests."""
import time

import numpy as np
import pyarrow as pa


def histogram(events, *, bins, seconds=0.0):
    """One row a bin, whatever the number of events."""
    time.sleep(seconds)
    count, _ = np.histogram(events.generator().random(len(events)), bins=bins, range=(0, 1))
    return pa.table({"count": count, "first": np.full(bins, events.start)})


def total(parts, *, bins, seconds=0.0):
    """The counts of all ranges, and the first event of each range in the order in which they come."""
    parts = list(parts)
    count = sum(part["count"].to_numpy() for part in parts)
    order = [part["first"][0].as_py() for part in parts]
    return pa.table({"bin": np.arange(bins), "count": count, "order": [order] * bins, "spare": count})


def broken(parts, *, bins, seconds=0.0):
    raise RuntimeError("no such histogram")
'''
HEAD = """\
schema: lblhep/card@1
name: tiny
title: Tiny
licence: CC0-1.0
citation: none
columns:
  bin: {unit: "1", role: id, description: number}
  count: {unit: "1", role: observable, description: entries}
  order: {unit: "1", role: id, description: first event of each range}
"""
SOURCES = """\
sources:
  produce:
    - {use: "tiny_histogram:histogram", merge: "tiny_histogram:total", events: 40, range: 3, seed: 1, bins: 5}
"""
MAKE = """
import sys
from pathlib import Path
from lblhep.cards import make, read_card
make(read_card(Path(sys.argv[1]), "tiny"), serial=True)
"""


@pytest.fixture
def card(workspace, write_card):
    (workspace / "tiny_histogram.py").write_text(PRODUCER)
    return write_card(SOURCES, head=HEAD)


def test_ranges_are_merged_in_their_order(card, tmp_path, monkeypatch):
    """One range after another, or backwards: the same."""
    made = make(card, serial=True)
    table = made.table()
    assert table.column_names == ["bin", "count", "order"]
    assert sum(table["count"].to_pylist()) == 40
    assert table["order"][0].as_py() == list(range(0, 40, 3))
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    for job in reversed(range_jobs(card, fingerprint(card))["events"]):
        job.run()
    assert make(card, serial=True).content == made.content == content_digest(table)


@pytest.mark.ray
def test_ray_makes_the_same(card, tmp_path, monkeypatch, ray_session):
    made = make(card)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    assert make(card, serial=True).content == made.content


def test_a_killed_production_goes_on(workspace, card, write_card, tmp_path, monkeypatch):
    slow = write_card(SOURCES.replace("bins: 5", "bins: 5, seconds: 0.05"), head=HEAD)
    directory = production_directory(slow.name, fingerprint(slow)) / "events"
    child = subprocess.Popen([sys.executable, "-c", MAKE, str(workspace)])
    deadline = time.monotonic() + 60
    while len(list(directory.glob("0*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    committed = len(list(directory.glob("0*.parquet")))
    assert 3 <= committed < 14
    seen = []
    made = make(slow, serial=True, observe=seen.append)
    assert seen[0].done == committed
    assert not directory.exists()
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    assert make(slow, serial=True).content == made.content


def test_a_merged_sample_ships(card, workspace, write_card, tmp_path, monkeypatch):
    """What was shipped opens as a data set of the same content, from another cache."""
    made = make(card, serial=True)
    shipped = ship(made)
    (path, sha256) = shipped.files[0]
    files = f"sources:\n  files:\n    - {{path: {path}, sha256: {sha256}}}\n"
    write_card(files, head=HEAD, tail=f"content: {shipped.content}\n")
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    assert open_sample(workspace, "tiny").table().equals(made.table())


def test_a_damaged_range_is_made_again(card):
    job = range_jobs(card, fingerprint(card))["events"][1]
    job.run()
    assert job.committed()
    job.path.write_bytes(job.path.read_bytes()[:-5])
    assert not job.committed()
    assert len(make(card, serial=True)) == 5


def test_the_merge_is_part_of_the_version(card, write_card):
    other = write_card(SOURCES.replace(":total", ":broken"), head=HEAD)
    assert fingerprint(other) != fingerprint(card)


def test_a_merge_s_fault_keeps_the_ranges(card, write_card):
    broken = write_card(SOURCES.replace(":total", ":broken"), head=HEAD)
    with pytest.raises(CardError, match="tiny_histogram:broken: RuntimeError: no such histogram"):
        make(broken, serial=True)
    assert all(job.committed() for job in range_jobs(broken, fingerprint(broken))["events"])


def test_a_column_that_is_not_merged(card, write_card):
    head = HEAD + "  z: {unit: GeV, role: observable, description: absent}\n"
    with pytest.raises(CardError, match="tiny_histogram:total: returned no column z"):
        make(write_card(SOURCES, head=head), serial=True)


def test_a_producer_returns_a_table(card, write_card):
    nothing = write_card(SOURCES.replace(":histogram", ":nothing"), head=HEAD)
    module = nothing.workspace / "tiny_histogram.py"
    module.write_text(module.read_text() + "\n\ndef nothing(events, *, bins):\n    return None\n")
    with pytest.raises(CardError, match=r"returned NoneType, not a pyarrow\.Table"):
        make(nothing, serial=True)
