"""Temporary folders go with their process, or when the next one starts; those of others stay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lblhep.errors import LaunchError
from lblhep.temporary import MAX_PATH_BYTES, RECORD_KEPT_SECONDS, temporary_folder

MAKER = """
import sys
from lblhep.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "session").mkdir()
    (folder / "session" / "log").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of records in a cache of the test's own."""
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "temporary"


@pytest.fixture
def maker(records: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], Path]]]:
    """Start a process that has a temporary folder until it is ended."""
    running: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], Path]:
        made = subprocess.Popen(
            [sys.executable, "-c", MAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(made)
        assert made.stdout is not None
        return made, Path(made.stdout.readline().strip())

    yield start
    for each in running:
        each.kill()
        each.communicate()


def start_another() -> None:
    with temporary_folder():
        pass


def of(folder: Path, records: Path) -> Path:
    return records / f"{folder.name.removeprefix('lblhep-')}.json"


def age(record: Path) -> None:
    """Let the record be of a minute ago."""
    long_ago = record.stat().st_mtime - RECORD_KEPT_SECONDS - 1
    os.utime(record, (long_ago, long_ago))


def test_it_is_gone_at_the_end(records: Path):
    with temporary_folder() as folder:
        (folder / "file").touch()
        about = json.loads(of(folder, records).read_text())
        assert about["path"] == str(folder)
        assert about["process"] == os.getpid()
    assert not folder.exists()
    age(of(folder, records))
    start_another()
    assert not of(folder, records).exists()
    assert not of(folder, records).with_suffix(".lock").exists()


def test_a_killed_process_leaves_it_to_the_next_start(maker, records: Path):
    killed, folder = maker()
    alive, other = maker()
    killed.kill()
    killed.wait()
    assert (folder / "session" / "log").exists()
    start_another()
    assert not folder.exists()
    assert (other / "session" / "log").exists(), "its process lives"
    alive.communicate("")
    assert alive.returncode == 0
    assert not other.exists()


def test_what_comes_back_is_removed_again(records: Path):
    """Processes of Ray that were starting when it was ended make their folders anew."""
    with temporary_folder() as folder:
        pass
    (folder / "session").mkdir(parents=True)
    start_another()
    assert not folder.exists()


def test_what_was_not_recorded_stays(records: Path, tmp_path: Path):
    stranger = Path(tempfile.mkdtemp(prefix="lblhep-"))
    start_another()
    assert stranger.exists()
    stranger.rmdir()


@pytest.mark.parametrize("case", ["link", "other name", "other host", "other user", "no record", "a list"])
def test_a_record_is_not_enough(maker, records: Path, tmp_path: Path, case: str):
    if case == "other user" and os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    killed, folder = maker()
    killed.kill()
    killed.wait()
    record = of(folder, records)
    about = json.loads(record.read_text())
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    if case == "link":
        folder.rename(tmp_path / "moved")
        folder.symlink_to(kept)
    elif case == "other name":
        record.write_text(json.dumps(about | {"path": str(kept)}))
    elif case == "other host":
        record.write_text(json.dumps(about | {"host": "elsewhere"}))
    elif case == "other user":
        os.chown(folder, 12345, -1)
    else:
        record.write_text("{" if case == "no record" else "[]")
    age(record)
    start_another()
    assert (kept / "file").exists()
    assert os.path.lexists(folder)
    assert record.exists()
    if case == "link":
        folder.unlink()
    else:
        os.chown(folder, os.getuid(), -1)
        record.write_text(json.dumps(about))
        start_another()
        assert not folder.exists()


@pytest.mark.parametrize("length", [MAX_PATH_BYTES, MAX_PATH_BYTES + 1, 100])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_the_path_is_short_enough_for_sockets(
    records: Path, length: int, letter: str, monkeypatch: pytest.MonkeyPatch
):
    """Ray: ``<folder>/session_<date>_<time>_<microseconds>_<process>/sockets/plasma_store``, at most 107."""
    top = Path("/tmp").resolve()
    free = length - len(f"{top}/") - 8  # ``mkdtemp`` adds eight letters
    prefix = letter * (free // len(letter.encode())) + "a" * (free % len(letter.encode()))
    given = tempfile.mkdtemp(prefix=prefix, dir=top)
    assert len(os.fsencode(given)) == length
    monkeypatch.setattr(tempfile, "tempdir", given)
    with temporary_folder() as folder:
        socket = f"{folder}/session_2026-12-01_09-41-05_928538_4194304/sockets/plasma_store"
        assert len(os.fsencode(socket)) == 107 or (
            length != MAX_PATH_BYTES and len(os.fsencode(socket)) < 107
        )
        assert (str(folder.parent) == given) == (length == MAX_PATH_BYTES)
    os.rmdir(given)


def test_a_process_that_lives_is_not_waited_for(maker, records: Path, monkeypatch: pytest.MonkeyPatch):
    """Each record of another process, and one's own, would cost a moment."""

    def sleep(seconds: float) -> None:
        raise AssertionError

    maker()
    monkeypatch.setattr("lblhep.atomic.time.sleep", sleep)
    with temporary_folder():
        start_another()


def test_drafts_of_records_are_no_records(records: Path):
    start_another()
    draft = records / ".draft-host-1-12345678-0a1b2c3d.json"
    draft.write_text(json.dumps({"path": str(records / "folder"), "host": os.uname().nodename}))
    start_another()
    assert list(records.glob(".*")) == [draft]


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LBLHEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        LaunchError, match=r"file/temporary: cannot be written: .*LBLHEP_CACHE must name a folder"
    ):
        start_another()
