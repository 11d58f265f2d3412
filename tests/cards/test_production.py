"""Productions: any order, any worker, any interruption, the same content."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lblhep.cards import content_digest, fingerprint, make, open_sample, state, verify
from lblhep.cards.disk import production_directory
from lblhep.cards.production import range_jobs
from lblhep.errors import CardError

SLOW = """\
sources:
  produce:
    - {use: "tiny_producer:numbers", events: 40, range: 2, seed: 1, seconds: 0.05}
"""
MAKE = """
import sys
from pathlib import Path
from lblhep.cards import make, read_card
make(read_card(Path(sys.argv[1]), "tiny"), serial=True)
"""


def test_content_depends_on_nothing_but_the_card(write_card, workspace, tmp_path, monkeypatch):
    """One range after another, or backwards: the same."""
    card = write_card()
    made = make(card, serial=True)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    for jobs in range_jobs(card, fingerprint(card)).values():
        for job in reversed(jobs):
            job.run()
    again = make(card, serial=True)
    assert again.directory != made.directory
    assert again.content == made.content == content_digest(again.table())


def test_ranges_have_streams_of_their_own(write_card):
    x = make(write_card(), serial=True).columns(["x"])["x"]
    assert len(np.unique(x)) == len(x)


@pytest.mark.ray
def test_ray_makes_the_same(write_card, tmp_path, monkeypatch, ray_session):
    card = write_card()
    seen = []
    made = make(card, observe=seen.append)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    assert make(card, serial=True).content == made.content
    assert [(progress.done, progress.total) for progress in seen] == [(i, 4) for i in range(5)]


@pytest.mark.ray
def test_ray_tells_a_producers_fault(write_card, ray_session):
    card = write_card(SLOW.replace("seconds: 0.05", "fail_from: 10"))
    with pytest.raises(CardError, match=r"numbers, events \d+ to \d+: RuntimeError: the generator gave up"):
        make(card)
    assert state(card).kind == "partly made"


def test_progress(write_card):
    seen = []
    make(write_card(), serial=True, observe=seen.append)
    assert [progress.done for progress in seen] == [0, 1, 2, 3, 4]
    assert seen[0].seconds_left is None
    assert seen[-1].seconds_left == 0
    assert all(progress.events_per_second > 0 for progress in seen[1:])


def test_a_killed_production_goes_on(write_card, workspace, tmp_path, monkeypatch):
    """Killed twice at whatever it was doing; no committed range is made again, the content is undisturbed."""
    card = write_card(SLOW)
    directory = production_directory(card.name, fingerprint(card)) / "events"
    committed: dict[str, int] = {}
    for stop_after in (3, 9):
        child = subprocess.Popen([sys.executable, "-c", MAKE, str(workspace)])
        deadline = time.monotonic() + 60
        while len(list(directory.glob("0*.parquet"))) < stop_after and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        now = {path.name: path.stat().st_mtime_ns for path in directory.glob("0*.parquet")}
        assert stop_after <= len(now) < 20
        assert committed.items() <= now.items()
        committed = now
    seen = []
    made = make(card, serial=True, observe=seen.append)
    assert seen[0].done == len(committed)
    assert made.columns(["event"])["event"].tolist() == list(range(40))
    assert not directory.exists()
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    assert make(card, serial=True).content == made.content


def test_what_is_made_is_not_made_again(write_card, workspace):
    card = write_card()
    first = make(card, serial=True)
    changed = (first.directory / "manifest.json").stat().st_mtime_ns
    assert make(card, serial=True).directory == first.directory
    assert open_sample(workspace, "tiny").directory == first.directory
    assert (first.directory / "manifest.json").stat().st_mtime_ns == changed


def test_swapped_ranges_are_found_and_made_again(write_card, monkeypatch, tmp_path):
    """Two files of one length under each other's names, as a careless copy leaves them."""
    card = write_card()
    jobs = range_jobs(card, fingerprint(card))["background"]
    for job in jobs[:2]:
        job.run()
    assert [(finding.verdict, finding.detail) for finding in verify(card)][-1] == ("ok", "2 of 4 ranges")
    aside = jobs[0].path.with_name("aside")
    jobs[0].path.rename(aside)
    jobs[1].path.rename(jobs[0].path)
    aside.rename(jobs[1].path)
    found = [finding for finding in verify(card) if finding.verdict == "wrong"]
    assert [finding.what for finding in found] == [str(job) for job in jobs[:2]]
    made = make(card, serial=True)
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "other cache"))
    assert make(card, serial=True).content == made.content


def test_a_range_with_a_flipped_bit_is_made_again(write_card):
    card = write_card()
    job = range_jobs(card, fingerprint(card))["background"][1]
    job.run()
    table, written = job.read(), job.path.read_bytes()
    found = 0
    for place in range(4, len(written) // 2, 7):  # the columns' pages, of which Parquet keeps checksums
        content = bytearray(written)
        content[place] ^= 1
        job.path.write_bytes(content)
        found += not job.committed()
        assert not job.committed() or job.read().equals(table), place
    assert found > 10


def test_a_damaged_range_is_made_again(write_card):
    card = write_card()
    job = range_jobs(card, fingerprint(card))["background"][1]
    job.run()
    assert job.committed()
    job.path.write_bytes(job.path.read_bytes()[:-5])
    assert not job.committed()
    assert len(make(card, serial=True)) == 30


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("fail_from: 4", r"numbers, events 4 to 5: RuntimeError: the generator gave up"),
        ("missing: 1", r"events 0 to 1: returned 1 rows, not a pyarrow\.Table of 2 rows"),
        ("process: nonsense", r"events 0 to 1: \w+Error: .*nonsense"),
        ("other: 1", r"events 0 to 1: TypeError: .*other"),
    ],
)
def test_a_producers_fault_names_the_events(write_card, arguments, words):
    card = write_card(SLOW.replace("seconds: 0.05", arguments))
    with pytest.raises(CardError, match=words):
        make(card, serial=True)
    assert state(card).kind == ("partly made" if "fail" in arguments else "not made")


def test_a_column_that_is_not_made(write_card, head):
    card = write_card(head=head + "  z: {unit: GeV, role: observable, description: absent}\n")
    with pytest.raises(CardError, match="returned no column z"):
        make(card, serial=True)


def test_a_full_disk_keeps_what_was_made(write_card, monkeypatch, cached_files):
    card = write_card()
    jobs = range_jobs(card, fingerprint(card))["background"]
    jobs[0].run()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.parquet.write_table", full)
        with pytest.raises(
            CardError, match=r"000000010\.parquet: cannot be written: No space left on device; free"
        ):
            make(card, serial=True)
    assert cached_files() == [jobs[0].path]
    assert len(make(card, serial=True)) == 30


def test_a_card_of_files_makes_nothing(write_card):
    card = write_card("sources:\n  files:\n    - {path: x.csv, sha256: null}\n")
    with pytest.raises(CardError, match="has no `produce`"):
        make(card)
